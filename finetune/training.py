"""What the training page may do for a signed-in person: start runs, follow them, have them evaluated and gated.

Every method takes the id of the person who asks and decides whether they may: a page's handlers can be called by anyone
who reaches the page. Promotion is `promote.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from data import adapters, audit
from data.database import Database
from data.errors import AppError, Forbidden, Invalid, NotFound
from data.records import AdapterStatus
from data.settings import Settings
from finetune.config import list_recipes, load_recipe
from finetune.jobs import start_run, stop_run
from finetune.mixture import Inputs
from finetune.models import check_model
from finetune.promote import Promotions, Standing, can_approve, can_train
from finetune.runs import (
    ACTIVE,
    Job,
    Run,
    State,
    create_run,
    get_run,
    list_runs,
    read_history,
    read_log,
    read_state,
)
from review.export import exports_folder
from review.people import get_person


@dataclass(frozen=True)
class Choices:
    """What the page offers: names, newest first."""

    exports: list[str]
    corpora: list[str]
    recipes: list[str]
    runs: list[str]


@dataclass(frozen=True)
class View:
    """One run as it is now. Records that are not written yet are empty."""

    name: str
    state: State
    history: list[dict[str, Any]]
    log: str
    evaluation: dict[str, Any]
    gate: dict[str, Any]
    standing: Standing | None
    trained: bool = False  # there is an adapter


@dataclass(frozen=True)
class Offers:
    """What a person can do now without being refused; `why` says what keeps them from starting a run.

    `acts` are of start, stop, train (which resumes), evaluate, gate, approve, promote and rollback.
    """

    acts: frozenset[str]
    why: str = ""


class Training:
    def __init__(self, database: Database, settings: Settings, promotions: Promotions) -> None:
        self._database = database
        self._settings = settings
        self._promotions = promotions

    def choices(self, by: str) -> Choices:
        self._require(by, train=False)
        return Choices(
            [path.name for path in self._exports()],
            [path.name for path in self._corpora()],
            list_recipes(),
            [run.name for run, _ in list_runs(self._settings)],
        )

    def start(
        self, by: str, exports: Sequence[str], corpora: Sequence[str], recipe: str, name: str, now: datetime
    ) -> str:
        """Start a run as a process of its own and return its name. Raises what `create_run` does."""
        self._require(by, train=True)
        if recipe not in list_recipes():  # a path is for the command line
            raise Invalid("Choose one of the recipes in the list.")
        if not exports and not corpora:
            raise Invalid("Choose an export or a corpus to train on.")
        loaded = load_recipe(recipe)
        check_model(loaded.model or self._settings.model)
        inputs = Inputs(_pick(self._exports(), exports), _pick(self._corpora(), corpora))
        run = create_run(self._settings, loaded, inputs, now, name.strip())
        self._begin(by, run, "train", now)
        return run.name

    def go_on(self, by: str, name: str, job: Job, now: datetime) -> None:
        """Resume the training of a stopped or failed run, evaluate it, or put it through the gate."""
        self._require(by, train=True)
        run = get_run(self._settings, name)
        if job != "train" and not run.adapter.is_dir():
            raise NotFound(f"{name} has no adapter yet: let its training finish first.")
        if job == "gate":
            run.read("evaluation")
        self._begin(by, run, job, now)

    def stop(self, by: str, name: str, now: datetime) -> None:
        self._require(by, train=True)
        stop_run(get_run(self._settings, name))
        self._note(by, "run.stop", name, now)

    def view(self, by: str, name: str) -> View:
        self._require(by, train=False)
        run = get_run(self._settings, name)
        standing = next((one for one in self._promotions.standings() if one.name == name), None)
        return View(
            name, read_state(run), read_history(run), read_log(run),
            _record(run, "evaluation"), _record(run, "gate"), standing, run.adapter.is_dir(),
        )  # fmt: skip

    def offers(self, by: str, view: View | None) -> Offers:
        """For the page, which shows no button in vain; every act is authorised again when it is asked for."""
        with self._database.reading() as tx:
            person = get_person(tx, by)
            agreed = view is not None and by in {
                a.reviewer_id for a in adapters.list_approvals(tx, view.name)
            }
            served = adapters.get_champion(tx) is not None
        acts = {"rollback"} if served and can_approve(person) else set()
        if view and can_approve(person):
            acts |= _rulings(view, agreed)
        if not can_train(person):
            return Offers(frozenset(acts), "Only engineers and administrators train adapters.")
        found = self._exports() or self._corpora()
        why = "" if found else "There is no export and no corpus to train on yet."
        return Offers(frozenset(acts | {"start"} | (_jobs(view) if view else set())), why)

    def summary(self, by: str) -> tuple[str, int]:
        """(name of the champion or "", approved pairs that it has not seen)."""
        self._require(by, train=False)
        return self._promotions.champion(), self._promotions.waiting_pairs()

    def _begin(self, by: str, run: Run, job: Job, now: datetime) -> None:
        start_run(self._settings, run, job)
        self._note(by, f"run.{job}", run.name, now)

    def _note(self, by: str, action: str, name: str, now: datetime) -> None:
        with self._database.transaction() as tx:
            audit.append(tx, now, by, action, name)

    def _require(self, by: str, train: bool) -> None:
        with self._database.reading() as tx:
            person = get_person(tx, by)
        if train and not can_train(person):
            raise Forbidden("Only engineers and administrators train adapters.")

    def _exports(self) -> list[Path]:
        return _folders(exports_folder(self._settings))

    def _corpora(self) -> list[Path]:
        """`var/corpora` itself, which `data prepare` writes, and folders below it."""
        root = self._settings.var_dir / "corpora"
        return [*([root] if (root / "manifest.json").is_file() else []), *_folders(root)]


def _jobs(view: View) -> set[str]:
    if view.state.state in ACTIVE:
        return {"stop"}
    if not view.trained:
        return {"train"}
    if view.standing and view.standing.status in (AdapterStatus.CHAMPION, AdapterStatus.RETIRED):
        return set()  # it was promoted: its gate stands
    return {"evaluate", "gate"} if view.evaluation else {"evaluate"}


def _rulings(view: View, agreed: bool) -> set[str]:
    """A job at work may change the weights or the gate under the eyes of who approves."""
    passed = view.standing is not None and view.standing.status == AdapterStatus.PASSED
    if not passed or view.state.state in ACTIVE:
        return set()
    ready = view.standing is not None and view.standing.complete
    return {"promote"} if ready else set() if agreed else {"approve"}


def _folders(root: Path) -> list[Path]:
    found = [path.parent for path in root.glob("*/manifest.json") if not path.parent.name.startswith(".")]
    return sorted(found, key=lambda path: path.name, reverse=True)


def _pick(folders: Sequence[Path], names: Sequence[str]) -> tuple[Path, ...]:
    """The named ones of the folders that were offered, and no other path."""
    by_name = {path.name: path for path in folders}
    missing = [name for name in names if name not in by_name]
    if missing:
        raise NotFound(f"There is no {missing[0]} any more: load the page again.")
    return tuple(by_name[name] for name in names)


def _record(run: Run, name: str) -> dict[str, Any]:
    try:
        return run.read(name)
    except AppError:
        return {}
