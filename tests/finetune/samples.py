"""Conversations written by rule, marked synthetic, and a recipe of a few seconds."""

import hashlib
import random

from data.exports import Pair
from data.records import Message
from finetune.config import Recipe

FACTS = {"created_at": "2026-11-24", "by": "test", "excluded": {}, "rubric_versions": {}}
FEELINGS = ["tired", "lonely", "worried", "restless", "sad", "tense", "numb", "overwhelmed"]
PLACES = [
    "at work",
    "at home",
    "before exams",
    "on Sundays",
    "in the evening",
    "after calls",
    "in the morning",
]
PEOPLE = ["my sister", "my manager", "a friend", "my neighbour", "my father", "nobody", "my team"]


def talks(count: int, seed: int = 0) -> list[tuple[str, str]]:
    rng = random.Random(seed)
    said = []
    for number in range(count):
        feeling, place, person = rng.choice(FEELINGS), rng.choice(PLACES), rng.choice(PEOPLE)
        question = f"I feel {feeling} {place} and {person} does not see it, number {number}."
        reply = f"Feeling {feeling} {place} sounds heavy. What happens when you tell {person} about it?"
        said.append((question, reply))
    return said


def pair(number: int, question: str, reply: str, **changes) -> Pair:
    values = {
        "messages": (Message("user", question), Message("assistant", reply)),
        "response_id": f"response-{number}",
        "group": hashlib.sha256(f"session-{number}".encode()).hexdigest()[:16],
        "decision": "approved",
        "shown": "",
        "level": "R0",
        "rubric_version": "1",
        "reviews": 2,
        "solo": False,
        "flagged": False,
        "synthetic": True,
        "model": "tiny",
        "adapter": "",
        "decided_at": "2026-11-24T12:00:00+00:00",
    }
    return Pair(**{**values, **changes})


RECIPE = Recipe(
    learning_rate=3e-3, batch_size=8, epochs=2, max_steps=12, lora_rank=4, lora_alpha=8, lora_dropout=0.1,
    max_length=256, precision="fp32", checkpoint_steps=4, log_steps=2, validation_share=0.2, corpus_rows=60, reply_tokens=12,
)  # fmt: skip
