"""The shape of `corpus/*.yaml`, checked on loading: a misspelt key or an unknown slot names its file."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from data.errors import Invalid


def _split(value: object) -> object:
    return tuple(part.strip() for part in value.split("|")) if isinstance(value, str) else value


# A YAML list, or one line with `|` between the texts.
Texts = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], BeforeValidator(_split)]
COMMON = "_common.yaml"  # what every topic shares; all other files are one topic each


def slots_in(fragment: str) -> set[str]:
    return set(re.findall(r"<(\w+)>", fragment))


def filled(fragment: str, values: dict[str, str]) -> str:
    return re.sub(r"<(\w+)>", lambda slot: values[slot[1]], fragment)


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Thread(_Part):
    """A question, what visitors answer to it, and what acknowledges the answer. `fills` is the slot it asks for."""

    ask: Texts
    answers: Texts
    heard: Texts
    fills: str | None = None


class Turn(_Part):
    """A later turn that fits any topic. Without `ideas` or `ask` the topic's own are used."""

    visitor: Texts
    heard: Texts
    ideas: Texts = ()
    ask: Texts = ()


class Topic(_Part):
    """One subject. `about` names it in a reply; `back` returns from a boundary to the subject before it."""

    topic: str
    kind: Literal["support", "boundary", "facts"] = "support"
    weight: float = 1.0
    source: str | None = None
    about: Texts = ()
    slots: dict[str, Texts] = {}
    openings: Texts
    held_out: Texts
    acknowledge: Texts
    ideas: Texts
    ask: Texts = ()
    back: Texts = ()
    threads: tuple[Thread, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> "Topic":
        known = set(self.slots) | ({"about"} if self.about or self.kind == "boundary" else set())
        for fragment in self.fragments():
            if unknown := slots_in(fragment) - known:
                raise ValueError(f"unknown slot {sorted(unknown)} in: {fragment}")
        if not self.threads and not self.ask:
            raise ValueError("a topic needs threads or ask")
        if self.kind == "support" and not self.about:
            raise ValueError("a supportive topic needs about")
        if self.kind == "facts" and not self.source:
            raise ValueError("facts need their source")
        if all(slots_in(a) for a in self.acknowledge):
            raise ValueError("one acknowledgement must do without slots")
        return self

    def fragments(self) -> list[str]:
        own = [*self.openings, *self.held_out, *self.acknowledge, *self.ideas, *self.ask, *self.back]
        return own + [f for t in self.threads for f in (*t.ask, *t.answers, *t.heard)]


class Common(_Part):
    before: Texts
    after: Texts
    styles: Texts
    turns: tuple[Turn, ...]


def load_topics(folder: Path) -> list[Topic]:
    return [_checked(Topic, path) for path in sorted(folder.glob("*.yaml")) if path.name != COMMON]


def load_common(folder: Path) -> Common:
    return _checked(Common, folder / COMMON)


def _checked(kind: type[Any], path: Path) -> Any:
    import yaml

    try:
        return kind.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (ValidationError, yaml.YAMLError, OSError) as error:
        raise Invalid(f"{path.name}: {error}") from error
