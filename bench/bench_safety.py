"""Time to assess one message, over the written messages of the safety tests' tables."""

import time
from collections.abc import Iterable

from bench.rows import Benchmark, Measured
from data.records import Message

# Short and long, calm and not, so that every rule's file is read; the slowest decide the figure.
MESSAGES = [
    "hi",
    "I bombed the exam and my dad is going to kill me lol",
    "i dont want to be here anymore and nobody would notice",
    "My sister told me she has been cutting, how do I talk to her?",
    "Work has been a lot. " * 40,
    "I have no thoughts of suicide, I just can't sleep. " * 20,
]


def _run() -> Iterable[Measured]:
    from demo.safety.risk import assess

    assess([Message("user", MESSAGES[0])])  # loads the lexicon
    taken = []
    for _ in range(100):
        for text in MESSAGES:
            begun = time.perf_counter()
            assess([Message("user", text)])
            taken.append((time.perf_counter() - begun) * 1000)
    yield Measured("safety.screen_p95_ms", sorted(taken)[int(len(taken) * 0.95)], "ms a message", "lower")


BENCHMARKS = [Benchmark(("safety.screen_p95_ms",), _run)]
