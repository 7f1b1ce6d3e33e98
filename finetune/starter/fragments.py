"""The shape of `corpus/*.yaml`, checked on loading: a misspelt key or an unknown slot names its file."""

import re
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from data.errors import Invalid


def _split(value: object) -> object:
    return tuple(part.strip() for part in value.split("|")) if isinstance(value, str) else value


# A YAML list, or one line with `|` between the texts.
Texts = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], BeforeValidator(_split)]
COMMON = "_common.yaml"  # what every topic shares; all other files are one topic each


@cache
def slots_in(fragment: str) -> frozenset[str]:
    return frozenset(re.findall(r"<(\w+)>", fragment))


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


class Scene(_Part):
    """One situation: ways to say it, and what answers every one of them.

    `tells` are whole messages, long as people write them at night or in a forum, without slots. `heard` acknowledges
    it in its own words, `about` names it in a later reply, `ideas` fit this scene alone. `held_out` are ways to say
    it that no training ever sees.
    """

    says: Texts
    tells: tuple[str, ...] = ()
    held_out: Texts
    heard: Texts
    about: Texts = ()
    ideas: Texts = ()


class Topic(_Part):
    """One subject. `cues` are words by which a real question is known to be about it; `back` returns from a boundary
    to the subject before it. A slot stands in `heard`, `ideas` or `about` only where the visitor may have named it."""

    topic: str
    kind: Literal["support", "boundary", "facts"] = "support"
    weight: float = 1.0
    serious: bool = False  # no reply takes anything from outside the topic
    source: str | None = None
    cues: Texts = ()
    slots: dict[str, Texts] = {}
    scenes: Annotated[tuple[Scene, ...], Field(min_length=1)]
    ideas: Texts = ()
    ask: Texts
    back: Texts = ()
    threads: tuple[Thread, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> "Topic":
        known = set(self.slots) | {"about"}
        for fragment in self.fragments():
            if unknown := slots_in(fragment) - known:
                raise ValueError(f"unknown slot {sorted(unknown)} in: {fragment}")
        for scene in self.scenes:
            if any(slots_in(t) for t in scene.tells):
                raise ValueError(f"a tale names its own people, without slots: {scene.says[0]}")
            if all(slots_in(h) for h in scene.heard):
                raise ValueError(f"one `heard` must do without slots: {scene.heard[0]}")
            if not any(not slots_in(i) for i in (*scene.ideas, *self.ideas)):
                raise ValueError(f"a scene needs an idea without slots: {scene.says[0]}")
            if self.kind == "support" and not any(not slots_in(a) for a in scene.about):
                raise ValueError(f"a supportive scene needs an `about` without slots: {scene.says[0]}")
        if all(slots_in(a) for a in self.ask):
            raise ValueError("one `ask` must do without slots")
        if self.kind == "support" and not self.cues:
            raise ValueError("a supportive topic needs cues")
        if self.kind == "facts" and not self.source:
            raise ValueError("facts need their source")
        return self

    def fragments(self) -> list[str]:
        own = [*self.ideas, *self.ask, *self.back]
        own += [
            f for s in self.scenes for f in (*s.says, *s.tells, *s.held_out, *s.heard, *s.about, *s.ideas)
        ]
        return own + [f for t in self.threads for f in (*t.ask, *t.answers, *t.heard)]

    def replies(self) -> list[str]:
        """The fragments of which replies are made."""
        own = [*self.ideas, *self.ask, *self.back, *(f for s in self.scenes for f in (*s.heard, *s.ideas))]
        return own + [f for t in self.threads for f in (*t.ask, *t.heard)]


class Common(_Part):
    before: Texts
    after: Texts
    styles: Texts
    turns: tuple[Turn, ...]
    recall: Texts  # ties a later reply to where the conversation began


def load_topics(folder: Path) -> list[Topic]:
    return list(load_by_name(folder).values())


def load_by_name(folder: Path) -> dict[str, Topic]:
    """Topics by the name of their file, in its order."""
    paths = sorted(path for path in folder.glob("*.yaml") if path.name != COMMON)
    return {path.stem: _checked(Topic, path) for path in paths}


def load_common(folder: Path) -> Common:
    return _checked(Common, folder / COMMON)


def _checked(kind: type[Any], path: Path) -> Any:
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast where libyaml is there

    try:
        return kind.model_validate(yaml.load(path.read_text(encoding="utf-8"), loader))
    except (ValidationError, yaml.YAMLError, OSError) as error:
        raise Invalid(f"{path.name}: {error}") from error
