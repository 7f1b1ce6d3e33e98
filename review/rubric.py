"""The rubric: what is asked of a clinician, in which words, and whether what came back is a whole answer.

`load_rubric()` reads `rubric.yaml`; `Rubric.check(submission, level, text)` raises `Invalid` with words for the form.
"""

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from data.errors import Invalid
from data.records import Severity, Verdict

FILE = Path(__file__).with_name("rubric.yaml")
LONGEST = 8000  # characters of a correction or a note
MOST_FLAGS = 20


@dataclass(frozen=True)
class Option:
    """`value` None stores no score ("I am not sure", "not relevant"). One that `blocks` stops approval."""

    value: int | None
    label: str
    hint: str = ""
    blocks: bool = False

    @property
    def key(self) -> str:
        """How a form names it."""
        return "none" if self.value is None else str(self.value)


@dataclass(frozen=True)
class Dimension:
    id: str
    name: str
    question: str
    options: tuple[Option, ...]
    five_point: bool = False

    def option(self, value: int | None) -> Option:
        return next(o for o in self.options if o.value == value)


@dataclass(frozen=True)
class Item:
    """A reason, a kind of flag, or a line of the high-harm list; asked from risk `level` on."""

    id: str
    label: str
    level: int = 0


@dataclass(frozen=True)
class FlagGiven:
    """A safety concern with the words it is about: code points into the reply's masked text, or none."""

    category: str
    severity: Severity
    quote: str = ""
    start: int | None = None
    end: int | None = None


@dataclass(frozen=True)
class Submission:
    """One clinician's judgement as it left the form. `ratings` maps a dimension to its value, None for no score."""

    verdict: Verdict
    ratings: dict[str, int | None]
    reasons: tuple[str, ...] = ()
    high_harm: tuple[str, ...] = ()
    flags: tuple[FlagGiven, ...] = ()
    correction: str = ""
    note: str = ""
    seconds: int = 0


@dataclass(frozen=True)
class Rubric:
    version: str
    overlay_from: int
    dimensions: tuple[Dimension, ...]
    overlay: tuple[Dimension, ...]
    high_harm: tuple[Item, ...]
    reasons: tuple[Item, ...]
    flags: tuple[Item, ...]
    labels: dict[str, str] = field(default_factory=dict, repr=False)

    def asked(self, level: int) -> tuple[Dimension, ...]:
        """The dimensions that a conversation of this risk must be rated on."""
        return self.dimensions + (self.overlay if level >= self.overlay_from else ())

    def harms(self, level: int) -> tuple[Item, ...]:
        if level < self.overlay_from:
            return ()
        return tuple(item for item in self.high_harm if level >= item.level)

    def blocking(self, ratings: dict[str, int | None]) -> list[Dimension]:
        """The dimensions rated so that approval is out of the question."""
        known = (*self.dimensions, *self.overlay)
        return [d for d in known if d.id in ratings and d.option(ratings[d.id]).blocks]

    def five_point(self) -> tuple[str, ...]:
        return tuple(d.id for d in self.dimensions if d.five_point)

    def check(self, given: Submission, level: int, reply: str) -> None:
        """Raise `Invalid`, in words for the form, unless `given` is a whole answer about this `reply`."""
        self._check_ratings(given, level)
        self._check_items(given, level)
        for flag in given.flags:
            self._check_flag(flag, reply)
        _check_texts(given)
        self._check_verdict(given, reply)

    def _check_ratings(self, given: Submission, level: int) -> None:
        asked = {d.id: d for d in self.asked(level)}
        missing = [d.name for d in asked.values() if d.id not in given.ratings]
        if missing:
            raise Invalid(f"Please rate {_listed(missing)}.")
        for name, value in given.ratings.items():
            if name not in asked or value not in {o.value for o in asked[name].options}:
                raise Invalid(
                    "The form holds a rating that this rubric does not have. Please reload the page."
                )

    def _check_items(self, given: Submission, level: int) -> None:
        for chosen, known in ((given.reasons, self.reasons), (given.high_harm, self.harms(level))):
            if not {i.id for i in known}.issuperset(chosen) or len(set(chosen)) < len(chosen):
                raise Invalid(
                    "The form holds an item that this rubric does not have. Please reload the page."
                )

    def _check_flag(self, flag: FlagGiven, reply: str) -> None:
        if flag.category not in {i.id for i in self.flags} or flag.severity not in list(Severity):
            raise Invalid("Please choose what the flag is about and how severe it is.")
        if flag.start is None and flag.end is None and not flag.quote:
            return
        if flag.start is None or flag.end is None or not 0 <= flag.start < flag.end <= len(reply):
            raise Invalid("The marked words are not in the reply. Please mark them again.")
        if reply[flag.start : flag.end] != flag.quote:
            raise Invalid("The marked words are not in the reply. Please mark them again.")

    def _check_verdict(self, given: Submission, reply: str) -> None:
        if given.verdict is Verdict.APPROVE:
            if given.high_harm or self.blocking(given.ratings):
                raise Invalid(
                    "High potential for harm: this reply can be corrected or rejected, not approved."
                )
            if given.flags:
                raise Invalid("A reply that you flag can be corrected or rejected, not approved.")
            return
        if not (given.reasons or given.high_harm or given.flags):
            raise Invalid("Please give at least one reason.")
        if given.verdict is Verdict.CORRECT and given.correction.strip() in ("", reply.strip()):
            raise Invalid("Please write the corrected reply.")


def _check_texts(given: Submission) -> None:
    for text, name in ((given.correction, "correction"), (given.note, "note")):
        if len(text) > LONGEST:
            raise Invalid(f"The {name} is longer than {LONGEST:,} characters.")
        if any(c < " " and c not in "\n\t" for c in text) or any("\ud800" <= c <= "\udfff" for c in text):
            raise Invalid(f"The {name} holds characters that cannot be kept.")
    if len(given.flags) > MOST_FLAGS:
        raise Invalid(f"At most {MOST_FLAGS} flags, please.")


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def parse_submission(form: Any) -> Submission:
    """The form's JSON as a `Submission`. Raises `Invalid` for anything that is not of its shape."""
    try:
        ratings = {str(k): None if v == "none" else int(v) for k, v in dict(form["ratings"]).items()}
        flags = tuple(_parse_flag(f) for f in form.get("flags", []))
        return Submission(
            verdict=Verdict(form["verdict"]), ratings=ratings, flags=flags,
            reasons=tuple(str(r) for r in form.get("reasons", [])),
            high_harm=tuple(str(h) for h in form.get("high_harm", [])),
            correction=_text(form.get("correction")), note=_text(form.get("note")),
            seconds=min(max(int(form.get("seconds") or 0), 0), 86_400),
        )  # fmt: skip
    except (KeyError, ValueError, TypeError, AttributeError, OverflowError):
        raise Invalid("Please choose approve, correct or reject.") from None


def _text(given: Any) -> str:
    if given is not None and not isinstance(given, str):
        raise ValueError("a text")
    return (given or "").replace("\r\n", "\n").strip()


def _parse_flag(form: Any) -> FlagGiven:
    start, end = (None if form.get(k) is None else int(form[k]) for k in ("start", "end"))
    return FlagGiven(
        str(form["category"]), Severity(form["severity"]), str(form.get("quote") or ""), start, end
    )


@cache
def load_rubric(file: Path = FILE) -> Rubric:
    """The rubric as written. A broken file is a bug, not a person's doing: it raises what it raises."""
    read = yaml.safe_load(file.read_text())
    shared = _options(read["overlay"]["options"])
    dimensions = tuple(_dimension(d, _options(d["options"])) for d in read["dimensions"])
    overlay = tuple(_dimension(d, shared) for d in read["overlay"]["dimensions"])
    lists = {name: tuple(Item(i["id"], i["label"], i.get("from", 0)) for i in read[name])
             for name in ("high_harm", "reasons", "flags")}  # fmt: skip
    labels = {i.id: i.label for items in lists.values() for i in items}
    labels |= {f"high-harm:{i.id}": i.label for i in lists["high_harm"]}
    labels |= {d.id: d.name for d in (*dimensions, *overlay)}
    return Rubric(
        str(read["version"]), int(read["overlay_from"]), dimensions, overlay, labels=labels, **lists
    )


def _dimension(read: dict[str, Any], options: tuple[Option, ...]) -> Dimension:
    return Dimension(read["id"], read["name"], read["question"], options, read.get("five_point", False))


def _options(read: list[dict[str, Any]]) -> tuple[Option, ...]:
    return tuple(Option(o["value"], o["label"], o.get("hint", ""), o.get("blocks", False)) for o in read)
