"""Dialogues for the starter model, composed from the fragments that people write in `corpus/*.yaml`.

The visitor says one line of a scene or tells it at length. A reply acknowledges it in its own words, once or twice,
gives one idea and asks one open question. A fragment that names a slot (`<who>`) may be used only when the visitor has
named it, so what a reply repeats was really said. Slots are written as the visitor says them and are turned round in
replies (`my boss` becomes `your boss`).
"""

import json
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import Literal

from data.errors import NotFound
from data.records import Message
from finetune.starter.fragments import (
    Common,
    Scene,
    Thread,
    Topic,
    Turn,
    filled,
    load_common,
    load_topics,
    slots_in,
)
from finetune.starter.voice import as_written, sentence_case, turned_round

Dialogue = tuple[Message, ...]  # every second one a `Reply`
Split = Literal["train", "test"]

FOLDER = Path(__file__).parent / "corpus"
WORDS = range(20, 81)  # of a reply; the corpus and its test hold every reply to it
TURNS = {1: 34, 2: 30, 3: 18, 4: 12, 5: 4, 6: 2}  # visitor turns, in percent
OPENED_BY_ANOTHER = 0.15
TOLD = 0.55  # of the opened scenes; the others are opened by a line or three
SHORTENED = 0.4  # of the messages told in four sentences or more: one is left out
TWICE = 0.4  # of the replies to a scene: two acknowledgements, and then an idea only half of the time
RECALLED = 0.3  # of the later replies that answer something new
KINDS = {"support": 72, "boundary": 18, "facts": 10}


@dataclass(frozen=True)
class Reply(Message):
    """`heard` is the first of the acknowledgements from which its own was drawn: what the visitor's words were read as."""

    heard: str


@dataclass
class _Talk:
    """What has been said so far in the dialogue that is being composed."""

    topic: Topic
    scene: Scene
    rng: random.Random
    values: dict[str, str]
    said: set[str] = field(default_factory=set)
    used: set[str] = field(default_factory=set)
    thread: Thread | None = None

    def pick(self, fragments: Sequence[str], said: set[str] | None = None) -> str:
        """One unused fragment whose slots are known, rather one that uses them; any known one if all were used."""
        known = self.said if said is None else said
        fitting = [f for f in fragments if slots_in(f) <= known | {"about"}]
        fresh = [f for f in fitting if f not in self.used] or fitting
        chosen = self.rng.choices(fresh, [3 if slots_in(f) else 1 for f in fresh])[0]
        self.used.add(chosen)
        return chosen

    def visitor(self, fragments: Sequence[str]) -> str:
        text = self.pick(fragments, set(self.values))
        self.said |= slots_in(text)
        return filled(text, self.values)

    def reply(self, heard: str, *parts: str) -> Reply:
        values = {name: turned_round(value) for name, value in self.values.items()}
        about = [a for a in self.scene.about if slots_in(a) <= self.said]
        if about:
            best = max(about, key=lambda a: len(slots_in(a)))
            values["about"] = filled(best, values)
        said = sentence_case(" ".join(filled(part, values) for part in parts))
        return Reply("assistant", said, heard)


def generate(seed: int, count: int, split: Split = "train", folder: Path = FOLDER) -> list[Dialogue]:
    """`count` distinct dialogues, the same for the same seed; `test` opens with held-out templates only."""
    rng = random.Random(f"{seed}-{split}")
    topics, common = load_topics(folder), load_common(folder)
    seen: dict[Dialogue, None] = {}
    for _ in range(count * 20):
        if len(seen) == count:
            break
        seen.setdefault(_compose(topics, common, split, rng))
    return list(seen)


def answered(topic: Topic, scene: Scene, rng: random.Random) -> Reply:
    """A first reply to somebody who described this scene in words of their own."""
    talk = _Talk(topic, scene, rng, {})
    return _fitting(talk, scene.heard, _ideas(talk))


def _compose(topics: Sequence[Topic], common: Common, split: Split, rng: random.Random) -> Dialogue:
    topic = _choose_topic(topics, rng)
    boundaries = [t for t in topics if t.kind == "boundary" and t.back]
    turns = rng.choices(list(TURNS), list(TURNS.values()))[0] if topic.kind == "support" else 1
    talk = _begin(topic, rng)
    style = rng.choice(common.styles)
    pairs = list(_turns(talk, turns, common, boundaries, split))
    if topic.kind == "support" and rng.random() < OPENED_BY_ANOTHER and split == "train":
        pairs = _before(topics, rng) + pairs
    messages: list[Message] = []
    for said, reply in pairs:
        messages += [Message("user", as_written(said, style, rng)), reply]
    return tuple(messages)


def _before(topics: Sequence[Topic], rng: random.Random) -> list[tuple[str, Reply]]:
    """A greeting, or now and then another boundary, before the visitor comes to the subject."""
    greeting = [t for t in topics if t.topic == "greetings"]
    first = rng.choice(greeting if rng.random() < 0.7 else [t for t in topics if t.kind == "boundary"])
    talk = _begin(first, rng)
    return [(talk.visitor(talk.scene.says), _fitting(talk, talk.scene.heard, _ideas(talk)))]


def _begin(topic: Topic, rng: random.Random) -> _Talk:
    values = {name: rng.choice(values) for name, values in topic.slots.items()}
    return _Talk(topic, rng.choice(topic.scenes), rng, values)


def _ideas(talk: _Talk) -> Sequence[str]:
    """The scene's own as often as the topic's, so that a reply fits what was said in more than its first sentence."""
    own, shared = talk.scene.ideas, talk.topic.ideas
    return own if own and (not shared or talk.rng.random() < 0.5) else shared


def _choose_topic(topics: Sequence[Topic], rng: random.Random) -> Topic:
    kind = rng.choices(list(KINDS), list(KINDS.values()))[0]
    mine = [t for t in topics if t.kind == kind]
    return rng.choices(mine, cum_weights=list(accumulate(t.weight * len(t.scenes) for t in mine)))[0]


def _turns(
    talk: _Talk, count: int, common: Common, boundaries: Sequence[Topic], split: Split
) -> Iterator[tuple[str, Reply]]:
    topic, rng = talk.topic, talk.rng
    yield _opening(talk, common, split), _fitting(talk, talk.scene.heard, _ideas(talk))
    for _ in range(count - 1):
        kind = 0.0 if topic.serious else rng.random()
        if topic.serious and talk.thread is None:
            return
        if kind < 0.5 and talk.thread is not None:
            thread = talk.thread
            ideas = common.recall if rng.random() < RECALLED and not topic.serious else _ideas(talk)
            yield talk.visitor(thread.answers), _fitting(talk, thread.heard, ideas)
        elif kind < 0.65 and len(topic.scenes) > 1:
            yield _further(talk, common, split)
        elif kind < 0.9 or not boundaries:
            yield _common_turn(talk, rng.choice(common.turns))
        else:
            yield _aside(talk, rng.choice(boundaries))


def _opening(talk: _Talk, common: Common, split: Split) -> str:
    """One line of the scene; in training now and then two or three, as people say a thing more than once, or a tale."""
    scene, rng, support = talk.scene, talk.rng, talk.topic.kind == "support"
    if split == "test":
        opening = talk.visitor(scene.held_out)
    elif scene.tells and rng.random() < TOLD:
        return _told(rng.choice(scene.tells), rng)
    else:
        lines = rng.choices((1, 2, 3), (70, 20, 10))[0] if support else 1
        said = [talk.visitor(scene.says) for _ in range(min(lines, len(scene.says)))]
        opening = rng.choice((". ", ". ", ", ", " and ")).join(line.rstrip(".") or line for line in said)
    return _framed(opening, common, rng) if support else opening


def _told(tale: str, rng: random.Random) -> str:
    """A whole message, now and then without one of its sentences, as nobody tells a thing twice alike."""
    sentences = re.split(r"(?<=[.!?]) ", tale)
    if len(sentences) >= 4 and rng.random() < SHORTENED:
        del sentences[rng.randrange(len(sentences))]
    return " ".join(sentences)


def _further(talk: _Talk, common: Common, split: Split) -> tuple[str, Reply]:
    """Another scene of the same subject; the reply may tie it to the first."""
    before = talk.scene
    scene = talk.rng.choice([s for s in talk.topic.scenes if s is not before])
    said = talk.visitor(scene.says if split == "train" else scene.held_out)
    tied = talk.rng.random() < RECALLED  # `about` still names the first scene
    if not tied:
        talk.scene = scene
    return said, _fitting(talk, scene.heard, common.recall if tied else _ideas(talk))


def _framed(opening: str, common: Common, rng: random.Random) -> str:
    """With a lead-in or an ending, as people often write; most openings stand alone."""
    kind = rng.random()
    if kind < 0.2:
        return f"{rng.choice(common.before)} {opening}"
    if kind < 0.4:
        return f"{opening} {rng.choice(common.after)}"
    return opening


def _common_turn(talk: _Talk, turn: Turn) -> tuple[str, Reply]:
    return talk.visitor(turn.visitor), _fitting(talk, turn.heard, turn.ideas or _ideas(talk), turn.ask)


def _aside(talk: _Talk, boundary: Topic) -> tuple[str, Reply]:
    """The visitor asks something of the chat itself; the reply answers and comes back to what it was about."""
    plain = [s for s in boundary.scenes if any(not slots_in(x) for x in s.says)]
    scene = talk.rng.choice(plain)
    said = talk.visitor([x for x in scene.says if not slots_in(x)])
    heard = tuple(h for h in scene.heard if not slots_in(h))
    return said, _fitting(talk, heard, scene.ideas or boundary.ideas, boundary.back)


def _fitting(
    talk: _Talk, first: Sequence[str], ideas: Sequence[str], asks: Sequence[str] | None = None
) -> Reply:
    """A reply of a fitting length; the question comes from `asks`, or opens a thread for the next turn."""
    used = set(talk.used)
    for _ in range(40):
        talk.used = set(used)
        ask, thread = (talk.pick(asks), None) if asks else _question(talk)
        reply = talk.reply(first[0], *_heard(talk, first, ideas), ask)
        if len(reply.content.split()) in WORDS:
            talk.thread = thread
            return reply
    raise ValueError(f"topic {talk.topic.topic}: no reply of {WORDS.start} to {WORDS.stop - 1} words")


def _heard(talk: _Talk, first: Sequence[str], ideas: Sequence[str]) -> list[str]:
    """What stands before the question. Reflections outnumber questions in good practice (MITI-4), so that a scene is
    often acknowledged twice."""
    parts = [talk.pick(first)]
    if first is talk.scene.heard and talk.topic.kind != "boundary" and talk.rng.random() < TWICE:
        again = talk.pick(first)
        if again != parts[0]:
            parts.append(again)
    if len(parts) == 1 or talk.rng.random() < 0.5:
        parts.append(talk.pick(ideas))
    return parts


def _question(talk: _Talk) -> tuple[str, Thread | None]:
    open_threads = [t for t in talk.topic.threads if t.fills not in talk.said and not set(t.ask) & talk.used]
    if open_threads and talk.rng.random() < 0.85:
        thread = talk.rng.choice(open_threads)
        return talk.pick(thread.ask), thread
    return talk.pick(talk.topic.ask), None


def texts(dialogues: Sequence[Dialogue]) -> Iterator[str]:
    for dialogue in dialogues:
        for message in dialogue:
            yield message.content


def replies(dialogues: Sequence[Dialogue]) -> list[str]:
    return [m.content for d in dialogues for m in d if m.role == "assistant"]


def read_dialogues(path: Path) -> list[Dialogue]:
    """What `starter corpus` wrote."""
    if not path.exists():
        raise NotFound(f"{path} is missing: run `python -m finetune starter corpus` first")
    with path.open(encoding="utf-8") as lines:
        return [
            tuple(Reply(**m) if "heard" in m else Message(**m) for m in json.loads(line)["messages"])
            for line in lines
        ]
