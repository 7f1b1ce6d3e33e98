"""`python -m review export` and `verify`: what an engineer and an auditor run."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from data.database import migrate, open_database
from data.errors import AppError
from data.settings import load_settings


def export(
    out: Annotated[Path, typer.Option(help="New folder for the export.")],
) -> None:
    """Write approved and corrected pairs with consent, with a manifest of hashes, counts and exclusions."""
    from review.export import export as write

    try:
        database = open_database(load_settings().database)
        migrate(database)
        manifest = write(database, out, datetime.now(UTC))
    except AppError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None
    except OSError as error:
        typer.echo(f"error: {out} cannot be written: {error.strerror}", err=True)
        raise typer.Exit(2) from None
    counts = manifest["counts"]
    typer.echo(
        f"{out}: {counts['pairs']} pairs ({counts['corrected']} corrected), {counts['preferences']} preferences"
    )
    for reason, count in sorted(manifest["excluded"].items()):
        typer.echo(f"  left out, {reason}: {count}")


def verify(
    folder: Annotated[Path | None, typer.Argument(help="An export; without it, the audit trail.")] = None,
    head: Annotated[
        str | None, typer.Option(help="Hash noted earlier that the trail must still contain.")
    ] = None,
) -> None:
    """Check that an export, or the audit trail, is as it was written. Exit 2 if not."""
    from data import audit
    from data.exports import read_manifest

    try:
        if folder is not None:
            typer.echo(f"{folder}: {len(read_manifest(folder)['files'])} files as exported")
            return
        database = open_database(load_settings().database)
        with database.reading() as tx:
            found = audit.verify(tx, head)
    except AppError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None
    if found.broken is not None:
        typer.echo(f"error: the trail does not hold at entry {found.broken}", err=True)
        raise typer.Exit(2)
    typer.echo(f"{found.entries} entries hold; head {found.head}")
