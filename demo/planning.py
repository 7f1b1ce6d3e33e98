"""What the program says itself about a turn, and whether the model is asked after it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from data.records import Action, Assessment, Level
from demo.safety.templates import STEPS, Template, crisis, human_question, opening, reminder

REMIND_EVERY = timedelta(hours=3)  # New York GBL 47 for everybody, California SB 243 for minors


@dataclass(frozen=True)
class Plan:
    templates: tuple[Template, ...]
    asks_model: bool
    resources: bool  # whether the resource card stays in view


@dataclass(frozen=True)
class Past:
    """Of the turns before: the templates of each one's last response, and the level that was reached."""

    templates: tuple[str, ...] = ()
    level: Level = Level.R0


def plan(text: str, assessment: Assessment, past: Past, region: str, remind: bool = False) -> Plan:
    """A crisis is answered by its steps, one a turn; concern by an opening before the model; a question whether this
    is a human by rule. Everything else is the model's. `remind` adds that an AI answers, after what cannot wait."""
    step = next_step(assessment, past, region)
    human = human_question(text)
    said = [human] if human else []
    if step is not None:
        said += [found] if (found := crisis(assessment, step, region)) else []
    elif assessment.action is Action.CONCERN:
        said.append(opening(assessment, region))
    if remind and human is None:
        said.insert(len(said) if step is not None else 0, reminder())
    met = step is not None or any("crisis." in names for names in past.templates)
    return Plan(tuple(said), step is None and human is None, met)


def reminder_due(started: datetime, last: datetime, now: datetime) -> bool:
    """Whether another three hours of the conversation have passed since its last message."""
    return (now - started) // REMIND_EVERY > (last - started) // REMIND_EVERY


def next_step(assessment: Assessment, past: Past, region: str) -> int | None:
    """The step of a crisis that is due, or None.

    One under way goes on whatever the turn says; a turn that raises the level or names another danger begins anew.
    """
    last = past.templates[-1] if past.templates else ""
    under_way = next(
        (i for i, name in enumerate(STEPS[:-1]) if "crisis." in last and f".{name}." in last), None
    )
    if assessment.action is not Action.CRISIS:
        return None if under_way is None else under_way + 1
    first = crisis(assessment, 0, region)
    another = first is None or f".{first.id.split('.')[1]}." not in last
    if under_way is None or another or assessment.level > past.level:
        return 0
    return under_way + 1
