"""The public sets as they are on the Hub: how each is found, which columns it must have, how a row is read.

One reader per set turns a row into a question and an answer, still uncleaned. A set comes from the Hub by its id, or
from a folder laid out as its Hub repository. Therapists' names and pages, which one set has, are never read.
"""

import hashlib
import logging
import re
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from data.errors import AppError, Invalid, NotFound, Unavailable

_TURNS = re.compile(r"\s*<HUMAN>:(.*?)<ASSISTANT>:(.*)", re.S)


@dataclass(frozen=True)
class Pair:
    """A question and its answer as the set has them; `problem` is a drop reason for a row that cannot be read."""

    question: str = ""
    answer: str = ""
    topics: tuple[str, ...] = ()
    problem: str | None = None


@dataclass(frozen=True)
class Source:
    name: str
    hub_id: str
    licence: str
    columns: tuple[str, ...]  # without which the set cannot be read
    read: Callable[[Mapping[str, Any]], Pair]

    @property
    def folder(self) -> str:
        return self.hub_id.replace("/", "__")


@dataclass(frozen=True)
class Table:
    """The rows of one set and where they came from: `files` maps a file's name to its SHA-256, or, from the Hub, the
    address with its revision to nothing."""

    source: Source
    rows: Iterable[Mapping[str, Any]]
    count: int
    origin: str
    files: dict[str, str] = field(default_factory=dict)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _bad_type(*values: object) -> bool:
    return any(value is not None and not isinstance(value, str) for value in values)


def _read_amod(row: Mapping[str, Any]) -> Pair:
    question, answer = row["Context"], row["Response"]
    return Pair(_text(question), _text(answer), problem="not_text" if _bad_type(question, answer) else None)


def _read_mpingale(row: Mapping[str, Any]) -> Pair:
    """A post without a text is asked by its title alone."""
    title, question, answer = row.get("questionTitle"), row["questionText"], row["answerText"]
    topics = tuple(t.strip().lower() for t in _text(row.get("topic")).split(",") if t.strip())
    problem = "not_text" if _bad_type(question, answer) else None
    return Pair(_text(question) if _text(question).strip() else _text(title), _text(answer), topics, problem)


def _read_heliosbrahma(row: Mapping[str, Any]) -> Pair:
    text = row["text"]
    if text is None or text == "":
        return Pair()
    match = _TURNS.fullmatch(text) if isinstance(text, str) else None
    if match is None or "<HUMAN>:" in match[2] or "<ASSISTANT>:" in match[2]:
        return Pair(problem="unknown_form")
    return Pair(match[1], match[2])


SOURCES: tuple[Source, ...] = (
    Source(
        "amod",
        "Amod/mental_health_counseling_conversations",
        "openrail",
        ("Context", "Response"),
        _read_amod,
    ),
    Source(
        "mpingale",
        "mpingale/mental-health-chat-dataset",
        "none stated on its card; source nbertagnolli/counsel-chat is MIT",
        ("questionText", "answerText"),
        _read_mpingale,
    ),
    Source(
        "heliosbrahma", "heliosbrahma/mental_health_chatbot_dataset", "mit", ("text",), _read_heliosbrahma
    ),
)


def find_sources(names: Iterable[str]) -> list[Source]:
    """The sets meant by short names or Hub ids, once each and always in the same order."""
    known = {key.lower(): source for source in SOURCES for key in (source.name, source.hub_id)}
    wanted = set()
    for name in names:
        if name.lower() not in known:
            short = ", ".join(source.name for source in SOURCES)
            raise Invalid(f"There is no corpus called {name!r}. Known: {short}, or their Hub ids.")
        wanted.add(known[name.lower()].name)
    return [source for source in SOURCES if source.name in wanted]


def open_table(source: Source, folder: Path | None = None) -> Table:
    """The set's `train` split, from `folder` in the Hub's own layout or, without one, from the Hub.

    Raises NotFound, Invalid or Unavailable with what is missing or broken.
    """
    return _from_hub(source) if folder is None else _from_folder(source, folder)


def locate(source: Source, root: Path, alone: bool) -> Path:
    """Where the set lies under `root`; with `alone`, `root` may itself be the set."""
    if not root.is_dir():
        raise NotFound(f"{root} is not a folder.")
    for child in (root / source.folder, root / source.hub_id.split("/")[1], root / source.name):
        if child.is_dir():
            return child
    if alone and _data_files(root):
        return root
    raise NotFound(f"{root} has no folder {source.folder} (the Hub files of {source.hub_id}).")


def _data_files(folder: Path) -> list[Path]:
    kinds = {".json", ".jsonl", ".parquet", ".csv"}
    files = (p for p in folder.rglob("*") if p.suffix in kinds and p.is_file())
    return sorted(p for p in files if not any(part.startswith(".") for part in p.relative_to(folder).parts))


def _from_folder(source: Source, folder: Path) -> Table:
    files = _data_files(folder)
    if not files:
        raise NotFound(f"{folder} holds no data file (JSON Lines, Parquet or CSV) of {source.hub_id}.")
    try:
        if not any(path.stat().st_size for path in files):
            raise Invalid(f"{source.name}: its files in {folder} are empty.")
        hashes = {str(path.relative_to(folder)): sha256_of(path) for path in files}
    except OSError as error:
        raise Unavailable(f"{folder} cannot be read: {error.strerror}.") from error
    # A cache of its own, gone afterwards: a changed file is never answered from an older copy.
    with tempfile.TemporaryDirectory(prefix="corpora-", ignore_cleanup_errors=True) as cache:
        loaded = _load(source, str(folder), cache)
        rows = [dict(row) for row in loaded.select_columns(_present(source, loaded))]
    return Table(source, rows, len(rows), "folder", hashes)


def _from_hub(source: Source) -> Table:
    """The Hub's revision is the name of the folder in which `datasets` keeps what it fetched."""
    loaded = _load(source, source.hub_id, None)
    folders = {Path(entry["filename"]).parent.name for entry in loaded.cache_files}
    revisions = {
        f"hf://datasets/{source.hub_id}@{name}": "" for name in folders if re.fullmatch("[0-9a-f]{40}", name)
    }
    return Table(source, loaded.select_columns(_present(source, loaded)), len(loaded), "hub", revisions)


_OPTIONAL = ("questionTitle", "topic")


def _present(source: Source, loaded: Any) -> list[str]:
    """The columns to read; those that name therapists are left where they are."""
    missing = [column for column in source.columns if column not in loaded.column_names]
    if missing:
        found = ", ".join(loaded.column_names)
        what = f"column {missing[0]} is" if len(missing) == 1 else f"columns {', '.join(missing)} are"
        raise Invalid(f"{source.name}: {what} missing. Columns found: {found}.")
    return [column for column in loaded.column_names if column in source.columns + _OPTIONAL]


def _load(source: Source, path: str, cache: str | None) -> Any:
    """What the libraries log is silenced, since it is raised as well; downloads from the Hub show their progress."""
    import datasets
    import huggingface_hub

    verbosity = datasets.logging.get_verbosity(), huggingface_hub.logging.get_verbosity()
    datasets.logging.set_verbosity(logging.CRITICAL)
    huggingface_hub.logging.set_verbosity(logging.CRITICAL)
    if cache is not None:
        datasets.disable_progress_bars()
    try:
        return datasets.load_dataset(path, split="train", cache_dir=cache)
    except (
        Exception
    ) as error:  # whatever the Hub, the network, pyarrow or pandas raised: all mean "not readable"
        raise _why_not(source, error, local=cache is not None) from error
    finally:
        datasets.logging.set_verbosity(verbosity[0])
        huggingface_hub.logging.set_verbosity(verbosity[1])
        datasets.enable_progress_bars()


def _why_not(source: Source, error: Exception, local: bool) -> AppError:
    if local:
        first = error.__cause__ or error
        reason = str(first).strip().split("\n")[0][:200] or type(first).__name__
        return Invalid(f"{source.name}: its files are broken or not in the Hub's format ({reason}).")
    if isinstance(error, OSError) and "exist" not in str(error):
        hint = "Try again later, or give a folder with its files: --from DIR."
        return Unavailable(f"{source.hub_id} cannot be fetched from the Hub ({type(error).__name__}). {hint}")
    return NotFound(
        f"{source.hub_id} cannot be read from the Hub ({type(error).__name__}). --from DIR reads a copy."
    )


def sha256_of(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
