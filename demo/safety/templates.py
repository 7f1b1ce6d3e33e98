"""What the chat says itself, word for word: openings, crisis steps, completions, the honest answer, the static card.

The words live in data/resources/templates.yaml and helplines.json and need neither database nor model. Each template
carries its version and who signed it, which is nobody until a clinician has.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from data.records import Assessment, Category, Evidence, Level
from demo.safety.lexicon import load_lexicon

_FOLDER = Path(__file__).parents[2] / "data" / "resources"
STEPS = ("confirm", "guide", "plan")
DEFAULT_REGION = "US"
MAX_RESOURCES = 3
STALE_AFTER_DAYS = 180

# Which category's words are used when several are met: the one that cannot wait stands first.
_ORDER = (
    Category.OVERDOSE_WITHDRAWAL,
    Category.POSTPARTUM,
    Category.CHILD_ABUSE,
    Category.HARM_FROM_OTHERS,
    Category.SELF_HARM,
    Category.HARM_TO_OTHERS,
    Category.PSYCHOSIS_MANIA,
    Category.EATING_DISORDER,
    Category.MINOR,
)
_OTHER_PERSON = frozenset({"SH-other", "SH-harm-other"})


@dataclass(frozen=True)
class Template:
    """`signed_by` names the clinician who signed this version; None says that it awaits signature."""

    id: str
    version: str
    text: str
    signed_by: str | None


@dataclass(frozen=True)
class Resource:
    """One line to reach; `verified_at` is the day when a person last checked it against `source`, or None."""

    name: str
    reach: str
    hours: str
    source: str
    verified_at: date | None
    serves: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.name}: {self.reach} ({self.hours})"


@dataclass(frozen=True)
class Card:
    """The resources of a region, shown at any time. `verified` is false when any of them still awaits a check."""

    region: str
    title: str
    text: str
    emergency: str
    resources: tuple[Resource, ...]
    fallback: Resource
    verified: bool


def opening(assessment: Assessment, region: str = DEFAULT_REGION) -> Template:
    """What stands before the model's reply when a turn raises concern: acknowledge, ask directly, one resource."""
    kind = _category(assessment).value
    if kind == "self-harm" and {e.rule for e in _last_turn(assessment)} == {"SH-grief"}:
        kind = "grief"
    return _template("opening", kind, _fill(_texts()["opening"][kind], region, assessment))


def crisis(assessment: Assessment, step: int, region: str = DEFAULT_REGION) -> Template | None:
    """The reply of step 0 (confirm), 1 (guide) or 2 (plan) of a crisis; None once the steps are done."""
    if not 0 <= step < len(STEPS):
        return None
    texts, kind = _texts()["crisis"], _category(assessment).value
    rules = {evidence.rule for evidence in _last_turn(assessment)}
    if kind == "self-harm" and rules and rules <= _OTHER_PERSON:
        kind = "self-harm-other"
    # A folded block of YAML keeps one newline of a blank line; a paragraph is two.
    body = texts.get(kind, texts["self-harm"])[STEPS[step]].replace("\n", "\n\n")
    urgent = {Level.R4: texts["now"], Level.R3: texts["near"]}.get(assessment.level)
    text = f"{urgent}\n\n{body}" if urgent else body
    level = assessment.level.name.lower() if urgent else "r2"
    return _template("crisis", f"{kind}.{STEPS[step]}.{level}", _fill(text, region, assessment))


def completion(reasons: Sequence[str]) -> Template:
    """What fittingly ends a reply that the guard has cut for these reasons."""
    texts = _texts()["completion"]
    kind = next((reason for reason in reasons if reason in texts), "any")
    return _template("completion", kind, texts[kind])


def human_question(text: str) -> Template | None:
    """The answer to "are you human?" or "are you a therapist?"; None when neither is asked."""
    questions = load_lexicon("questions")
    asked = {hit.rule.id for hit in questions.find(questions.read(text))}
    kind = "therapist" if "asks-therapist" in asked else "human" if "asks-human" in asked else None
    return _template("human", kind, _texts()["human_question"][kind]) if kind else None


def reminder() -> Template:
    """That an AI answers, said again in a long conversation."""
    return _template("reminder", "ai", _texts()["reminder"])


def resource_card(region: str = DEFAULT_REGION) -> Card:
    """The static card of a region (two letters); of an unknown one, the international directory alone."""
    lines, fallback = _helplines()
    code = region.strip().upper()
    emergency = lines[code][0] if code in lines else "your local emergency number"
    resources = lines[code][1] if code in lines else ()
    words = _texts()["card"]
    verified = all(resource.verified_at for resource in (*resources, fallback))
    text = words["text"].format(emergency=emergency)
    return Card(code, words["title"], text, emergency, resources, fallback, verified)


def stale_resources(today: date, region: str | None = None) -> list[tuple[str, Resource]]:
    """Region and resource of every entry that was never checked, or not within `STALE_AFTER_DAYS`."""
    lines, fallback = _helplines()
    entries = [(code, r) for code, (_, rs) in lines.items() if region in (None, code) for r in rs] + [
        ("any", fallback)
    ]
    return [
        (code, r)
        for code, r in entries
        if r.verified_at is None or (today - r.verified_at).days > STALE_AFTER_DAYS
    ]


def regions() -> tuple[str, ...]:
    """Regions that have lines of their own."""
    return tuple(_helplines()[0])


def _last_turn(assessment: Assessment) -> list[Evidence]:
    last = max((evidence.message for evidence in assessment.evidence), default=-1)
    return [evidence for evidence in assessment.evidence if evidence.message == last]


def _category(assessment: Assessment) -> Category:
    """The category that the words are chosen by: of the newest turn that had one, else of the conversation."""
    newest = {evidence.category for evidence in _last_turn(assessment)} or set(assessment.categories)
    return next((category for category in _ORDER if category in newest), Category.SELF_HARM)


def _fill(text: str, region: str, assessment: Assessment) -> str:
    card = resource_card(region)
    wanted = _category(assessment).value
    fitting = [r for r in card.resources if wanted in r.serves] + [
        r for r in card.resources if "any" in r.serves
    ]
    shown = [*fitting, card.fallback][:MAX_RESOURCES]
    listed = "\n".join(f"- {resource}" for resource in shown)
    return text.format(emergency=card.emergency, resource=shown[0], resources=listed)


def _template(group: str, kind: str, text: str) -> Template:
    texts = _texts()
    return Template(f"{group}.{kind}", texts["version"], text.strip(), texts["signed_by"])


@cache
def _texts() -> Mapping[str, Any]:
    return yaml.safe_load((_FOLDER / "templates.yaml").read_text(encoding="utf-8"))


@cache
def _helplines() -> tuple[Mapping[str, tuple[str, tuple[Resource, ...]]], Resource]:
    raw = json.loads((_FOLDER / "helplines.json").read_text(encoding="utf-8"))
    lines = {code: (r["emergency"], _resources(r["lines"])) for code, r in raw["regions"].items()}
    return lines, _resources([raw["fallback"]])[0]


def _resources(raw: Iterable[Mapping[str, Any]]) -> tuple[Resource, ...]:
    return tuple(
        Resource(
            name=line["name"],
            reach=line["reach"],
            hours=line["hours"],
            source=line["source"],
            verified_at=date.fromisoformat(line["verified_at"]) if line["verified_at"] else None,
            serves=tuple(line["for"]),
        )
        for line in raw
    )
