"""Real opening questions of the prepared public corpora, answered by our grammar.

People write differently from any grammar. Each question of the train split was read and sorted into the scenes whose
acknowledgements would fit it (`questions.json`: the first twelve digits of its hash, then file and number of scenes; the
engineers' language model read them, no clinician did). It gets replies composed from those scenes: its words are read
in training and never predicted, and no text of it stands in the repository.
"""

import json
import random
from collections.abc import Mapping
from pathlib import Path

from data.corpora.store import read_corpus
from data.errors import Invalid
from data.records import Message
from finetune.starter.corpus import FOLDER, Dialogue, answered
from finetune.starter.fragments import Topic, load_by_name

LABELS = Path(__file__).parent / "questions.json"
REPLIES = (16, 8)  # to each question, from its first and its second scene
LONGEST = 230  # words of a question; what follows is cut

Labels = Mapping[str, list[tuple[str, int]]]


def read_labels(topics: Mapping[str, Topic], path: Path = LABELS) -> Labels:
    """Raises `Invalid` where a scene is not there: scenes are appended to a file, never moved."""
    labels: Labels = json.loads(path.read_text(encoding="utf-8"))
    for name, number in (scene for scenes in labels.values() for scene in scenes):
        if name not in topics or number >= len(topics[name].scenes):
            raise Invalid(f"{path.name} names scene {number} of {name}, which is not in the corpus")
    return labels


def compose(corpus: Path, seed: int, path: Path = LABELS, folder: Path = FOLDER) -> list[Dialogue]:
    """Dialogues of one turn for every sorted question of the train split; the frozen test split is never read."""
    topics = load_by_name(folder)
    labels = read_labels(topics, path)
    rng = random.Random(f"{seed}-questions")
    made: dict[Dialogue, None] = {}
    for question, text in sorted(read_questions(corpus, labels).items()):
        said = Message("user", text)
        for (name, number), count in zip(labels[question], REPLIES, strict=False):
            topic = topics[name]
            for _ in range(count):
                made[said, answered(topic, topic.scenes[number], rng)] = None
    return list(made)


def read_questions(corpus: Path, labels: Labels | None = None) -> dict[str, str]:
    """The sorted questions of the train split, by the first twelve digits of their hash, as long as they are read."""
    known = read_labels(load_by_name(FOLDER)) if labels is None else labels
    asked = {e.group[:12]: e.messages[0].content for e in read_corpus(corpus, ("train",))}
    return {name: " ".join(asked[name].split()[:LONGEST]) for name in asked.keys() & known.keys()}
