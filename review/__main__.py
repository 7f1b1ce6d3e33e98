"""`python -m review`: export what was decided, verify exports and the trail, invite a reviewer."""

import typer

from review.commands_accounts import add_reviewer
from review.commands_export import export, verify

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
for command in (export, verify, add_reviewer):
    app.command()(command)

if __name__ == "__main__":
    app()
