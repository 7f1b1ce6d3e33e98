"""`python -m demo`: `ask` writes to the chat; `screen` and `guard` judge JSON lines on standard input."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from data.errors import AppError
from demo.commands import ask
from demo.safety.streams import guard_line, run_lines, screen_line

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)
app.command()(ask)


@app.command()
def screen() -> None:
    """Risk of each line, {"text": …} or {"messages": […]}: level, categories, action, evidence."""
    _pipe(screen_line)


@app.command()
def guard() -> None:
    """Whether each line's {"text": …} may be shown as a reply, and why not."""
    _pipe(guard_line)


@app.command("safety-report")
def safety_report(
    messages: Annotated[Path, typer.Option("--set", help="folder of the written test set")] = Path(
        "tests/demo/safety/set"
    ),
    corpus: Annotated[
        Path | None, typer.Option(help="folder of `data prepare`, for the share of real questions")
    ] = None,
    page: Annotated[Path, typer.Option(help="where to write it")] = Path("docs/safety-report.md"),
) -> None:
    """Measure the screen and the guard on the written test set, and write the page."""
    from demo.safety.report import write_report

    write_report(messages, page, corpus)
    typer.echo(f"wrote {page}")


def _pipe(work: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    lines = (line.decode("utf-8", "replace") for line in sys.stdin.buffer)
    try:
        for line in run_lines(lines, work):
            sys.stdout.buffer.write(line.encode("utf-8", "replace") + b"\n")
            sys.stdout.buffer.flush()
    except BrokenPipeError:
        sys.stderr.close()  # the reader has gone: nothing is left to say, to anyone
        raise SystemExit(0) from None
    except AppError as error:
        typer.echo(str(error), err=True)
        raise SystemExit(2) from None


if __name__ == "__main__":
    app()
