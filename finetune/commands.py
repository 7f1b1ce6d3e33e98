"""The commands of `python -m finetune`: thin faces of train, evaluate, gate, promote and the rest.

What a person can mend ends with one line and exit 2. Nothing heavy is imported before it is needed.
"""

import functools
import os
import signal
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from data.errors import AppError

if TYPE_CHECKING:
    from data.database import Database
    from data.settings import Settings

Name = Annotated[str, typer.Argument(help="A run, as `python -m finetune runs` lists them.")]
As = Annotated[str, typer.Option("--as", help="Login of the person who says so; the password is asked for.")]
FromInput = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input.")]


def worded(command: Callable[..., None]) -> Callable[..., None]:
    """Turn what a person can mend into one line and exit 2."""

    @functools.wraps(command)
    def said(*args: Any, **kwargs: Any) -> None:
        _quiet()
        try:
            command(*args, **kwargs)
        except AppError as error:
            typer.echo(f"error: {error}", err=True)
            raise typer.Exit(2) from None

    return said


def train(
    config: Annotated[str, typer.Option(help="A bundled recipe, or a YAML file.")] = "starter",
    export: Annotated[list[Path] | None, typer.Option(help="Folder of an export; may be repeated.")] = None,
    corpus: Annotated[
        list[Path] | None, typer.Option(help="Folder of a prepared corpus; may be repeated.")
    ] = None,
    model: Annotated[str, typer.Option(help="Base: Hub id or folder, instead of MODEL_ID.")] = "",
    change: Annotated[
        list[str] | None, typer.Option("--set", help="key=value, for one number of the recipe.")
    ] = None,
    name: Annotated[str, typer.Option(help="Name of the run, and of its adapter.")] = "",
    resume: Annotated[str, typer.Option(help="Go on with this run from its last checkpoint.")] = "",
) -> None:
    """Train a LoRA adapter from exports and prepared corpora. Ctrl-C saves a checkpoint and ends."""
    from finetune.config import load_recipe
    from finetune.mixture import Inputs
    from finetune.models import check_model
    from finetune.runs import create_run, get_run

    settings = _settings()
    if resume:
        run = get_run(settings, resume)
    else:
        recipe = load_recipe(config, [*(change or []), *([f"model={model}"] if model else [])])
        check_model(recipe.model or settings.model)
        inputs = Inputs(tuple(export or ()), tuple(corpus or ()))
        run = create_run(settings, recipe, inputs, datetime.now(UTC), name)
    from finetune.hardware import leave_a_core
    from finetune.train import train as fit

    leave_a_core()
    stop = _stop_on_signals()
    typer.echo(f"{run.name}: {run.folder}")
    fit(run, settings, stop)
    typer.echo(f"Trained. Next: python -m finetune evaluate {run.name}")


def evaluate(name: Name) -> None:
    """Measure a run's adapter beside the base and the champion."""
    from finetune.evaluate import evaluate as measure
    from finetune.evaluate import summary
    from finetune.hardware import leave_a_core
    from finetune.runs import get_run

    settings = _settings()
    leave_a_core()
    record = measure(get_run(settings, name), _database(settings))
    typer.echo(summary(record))
    typer.echo(f"Next: python -m finetune gate {name}")


def gate(name: Name) -> None:
    """Decide the automatic part of the gate and register the adapter. Exit 2 when a line failed."""
    from finetune.card import write_card
    from finetune.gate import gate as judge
    from finetune.runs import get_run

    settings = _settings()
    run = get_run(settings, name)
    try:
        record = judge(run, _database(settings), datetime.now(UTC))
    finally:
        write_card(run, settings.contact)
    for line in record["lines"]:
        typer.echo(f"  passed  {line['name']}: {line['found']} (limit {line['limit']})")
    typer.echo(
        f"Passed. Clinical part: {record['clinical']}. Next: python -m finetune promote {name} --as LOGIN"
    )


def promote(name: Name, login: As, password_stdin: FromInput = False) -> None:
    """Approve an adapter as yourself; the second person's approval promotes it."""
    settings = _settings()
    database = _database(settings)
    person = _sign_in(database, settings, login, password_stdin)
    promotions = _promotions(database, settings)
    standing = promotions.approve(name, person, datetime.now(UTC))
    if not standing.complete:
        typer.echo(f"{name} is approved by {', '.join(standing.approved_by)}; {standing.clinical}.")
        return
    promotions.promote(name, datetime.now(UTC), person)
    typer.echo(f"{name} answers new sessions from now on, {standing.clinical}.")


def rollback(
    login: Annotated[
        str, typer.Option("--as", help="Who rolls back; without it, whoever runs this machine.")
    ] = "",
    password_stdin: FromInput = False,
) -> None:
    """Serve what was served before the last promotion."""
    from finetune.promote import OPERATOR

    settings = _settings()
    database = _database(settings)
    by = _sign_in(database, settings, login, password_stdin) if login else OPERATOR
    back = _promotions(database, settings).rollback(by, datetime.now(UTC))
    typer.echo(f"New sessions are answered by {back or 'the model alone'} from now on.")


def runs() -> None:
    """List the runs, newest first, and what is served."""
    from finetune.runs import list_runs

    settings = _settings()
    for run, state in list_runs(settings):
        typer.echo(
            f"{run.name:<28} {state.job:<9} {state.state:<9} {state.step}/{state.steps}  {state.message}".rstrip()
        )
    standings = _promotions(_database(settings), settings).standings()
    for one in standings:
        typer.echo(f"adapter {one.name:<20} {one.status:<9} {one.clinical}")


def stop(name: Name) -> None:
    """Ask a run to save a checkpoint and end."""
    from finetune.jobs import stop_run
    from finetune.runs import get_run, read_state

    run = get_run(_settings(), name)
    stop_run(run, patience=60)
    typer.echo(f"{name}: {read_state(run).state}")


def serve_name() -> None:
    """Print the name of the adapter that answers new sessions; nothing for the model alone."""
    settings = _settings()
    typer.echo(_promotions(_database(settings), settings).champion())


def card(name: Name) -> None:
    """Write the run's model card again, from its records."""
    from finetune.card import write_card
    from finetune.runs import get_run

    settings = _settings()
    run = get_run(settings, name)
    typer.echo(str(write_card(run, settings.contact)))


def merge(name: Name, out: Annotated[Path, typer.Option(help="New folder for the merged model.")]) -> None:
    """Fold a run's adapter into its base: a model folder that needs no PEFT."""
    from finetune.merge import merge as fold
    from finetune.runs import get_run

    fold(get_run(_settings(), name), out)
    typer.echo(f"Merged into {out}.")


def add_commands(app: typer.Typer) -> None:
    for command in (train, evaluate, gate, promote, rollback, runs, stop, serve_name, card, merge):
        app.command(command.__name__.replace("_", "-"))(worded(command))


def _settings() -> "Settings":
    from data.settings import load_settings

    return load_settings()


def _database(settings: "Settings") -> "Database":
    from data.database import migrate, open_database

    database = open_database(settings.database)
    migrate(database)
    return database


def _promotions(database: "Database", settings: "Settings") -> Any:
    from finetune.promote import Promotions

    return Promotions(database, settings)


def _sign_in(database: "Database", settings: "Settings", login: str, from_input: bool) -> str:
    """The id of the person whose password was given. Wrong tries count as they do on the desk."""
    from data.errors import Forbidden
    from review.accounts import Accounts

    asked = sys.stdin.readline().rstrip("\n") if from_input else typer.prompt("Password", hide_input=True)
    accounts, now = Accounts(database, settings), datetime.now(UTC)
    token = accounts.sign_in(login, asked, "command", now)
    person = accounts.who(token, now)
    accounts.sign_out(token)
    if person is None:
        raise Forbidden("The login or the password is not right.")
    return person.id


def _stop_on_signals() -> threading.Event:
    """Set by the first Ctrl-C or SIGTERM; a second Ctrl-C ends at once."""
    asked = threading.Event()

    def ask(number: int, frame: object) -> None:
        asked.set()
        typer.echo("\nSaving a checkpoint, then ending.", err=True)
        signal.signal(signal.SIGINT, signal.default_int_handler)

    signal.signal(signal.SIGINT, ask)
    signal.signal(signal.SIGTERM, ask)
    return asked


def _quiet() -> None:
    """No bars and advice of the libraries between our own lines."""
    import warnings

    warnings.filterwarnings("ignore")
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that wait leave the processor to others
    os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
