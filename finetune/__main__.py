"""`python -m finetune`: train, evaluate, gate, promote and roll back adapters; `starter` makes the bundled model."""

import typer

from finetune.commands import add_commands
from finetune.starter.commands import starter

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
add_commands(app)
app.add_typer(starter, name="starter")

if __name__ == "__main__":
    app()
