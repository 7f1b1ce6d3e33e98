"""`python -m data`: prepare the public corpora, mask identifiers. What a person can mend ends with one line and exit 2."""

import json
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from data.errors import AppError, Invalid

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)


@app.command()
def prepare(
    names: Annotated[list[str], typer.Argument(help="amod, mpingale, heliosbrahma, or their Hub ids.")],
    root: Annotated[
        Path | None, typer.Option("--from", help="Read folders <org>__<name> under this one, not the Hub.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder of the corpus; replaced as a whole.")] = Path(
        "var/corpora"
    ),
) -> None:
    """Read, clean, deduplicate and split the public data sets, and say what was dropped and why."""
    from data.corpora.prepare import prepare as prepare_corpus
    from data.corpora.report import counts_table

    if root is None:
        typer.echo("Reading from the Hugging Face Hub …", err=True)
    manifest = prepare_corpus(names, out, datetime.now(UTC), root, _bar)
    typer.echo(counts_table(manifest))
    typer.echo(f"\nWritten to {out}, sha256 {manifest['sha256'][:12]}. The test split is never trained on.")


@app.command()
def redact(
    file: Annotated[
        Path | None, typer.Argument(help='JSON lines {"text": …}; standard input without it.')
    ] = None,
) -> None:
    """Mask identifiers: {"text": …} lines in, {"text": masked, "spans": [{"start", "end", "type"}]} lines out."""
    from data.redaction import redact as redact_text

    for text in _texts(file):
        redacted = redact_text(text)
        spans = [{"start": span.start, "end": span.end, "type": span.type} for span in redacted.spans]
        typer.echo(json.dumps({"text": redacted.text, "spans": spans}))


def _bar(rows: Iterable[Any], name: str, count: int) -> Iterable[Any]:
    from tqdm import tqdm

    return tqdm(rows, desc=name, total=count, unit="row")


def _texts(file: Path | None) -> Iterator[str]:
    """The texts of the lines; a bad line is named by its number, not quoted, since it may hold what is masked here."""
    for number, line in enumerate(_lines(file), 1):
        if not line.strip():
            continue
        try:
            text = json.loads(line)["text"]
        except (ValueError, TypeError, KeyError, RecursionError):
            text = None
        if not isinstance(text, str):
            raise Invalid(f'Line {number} is not JSON of the form {{"text": "…"}}.')
        yield text


def _lines(file: Path | None) -> Iterator[bytes]:
    if file is None:
        yield from sys.stdin.buffer
        return
    try:
        with file.open("rb") as stream:
            yield from stream
    except OSError as error:
        raise Invalid(f"{file} cannot be read: {error.strerror}.") from error


def main() -> None:
    try:
        app()
    except AppError as error:
        typer.echo(str(error), err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
