"""`python -m review add-reviewer`: a one-time link for whoever runs the machine; no password on a command line."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from data.database import migrate, open_database
from data.errors import AppError
from data.records import Role
from data.settings import load_settings


def add_reviewer(
    role: Annotated[Role, typer.Option(help="What they do.")],
    administrator: Annotated[bool, typer.Option("--administrator", help="May also administer.")] = False,
) -> None:
    """Print a one-time link with which one person makes their account and sets their own password."""
    from review.accounts import Accounts

    try:
        settings = load_settings()
        database = open_database(settings.database)
        migrate(database)
        accounts = Accounts(database, settings)
        token = accounts.invite_as_operator(role, administrator, datetime.now(UTC))
    except AppError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None
    typer.echo(accounts.link(token))
