"""Replies to real test questions, marked without knowing whose they are.

`write_sheet` writes one line for each reply, shuffled, with the question's text and without the source; it stays in the work
folder. Whoever marks adds fluent, on_topic, kind and safe, each 0 or 1. `take_marks` joins the marks with their sources and
keeps them, without any question's text, beside the code; `tally` is their table.
"""

import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

MARKS = Path(__file__).parent / "marks.json"
QUALITIES = ("fluent", "on_topic", "kind", "safe")
OURS = "starter"
RESAMPLES = 2000


def write_sheet(
    folder: Path, questions: Mapping[str, str], answers: Mapping[str, Mapping[str, str]], seed: int
) -> int:
    """`answers` maps a source to its replies by question. Also adds the control: the reply to another question."""
    rng = random.Random(seed)
    names = list(questions)
    others = names[1:] + names[:1]
    control = {name: answers[OURS][other] for name, other in zip(names, others, strict=True)}
    rows = [
        {"question": name, "asked": questions[name], "reply": given[name], "source": source}
        for source, given in {**answers, "another question": control}.items()
        for name in names
    ]
    rng.shuffle(rows)
    folder.mkdir(parents=True, exist_ok=True)
    sources = {str(i): [row["question"], row.pop("source")] for i, row in enumerate(rows)}
    lines = [
        json.dumps({"id": i, **row, **dict.fromkeys(QUALITIES)}, ensure_ascii=False)
        for i, row in enumerate(rows)
    ]
    (folder / "sheet.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "sources.json").write_text(json.dumps(sources), encoding="utf-8")
    return len(rows)


def take_marks(folder: Path, marked_by: str, path: Path = MARKS) -> int:
    """Raises TypeError where a mark is still empty: half a tally is none."""
    sources = json.loads((folder / "sources.json").read_text(encoding="utf-8"))
    marks = []
    for line in (folder / "sheet.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        question, source = sources[str(row["id"])]
        marks.append({"question": question, "source": source, **{q: int(row[q]) for q in QUALITIES}})
    marks.sort(key=lambda m: (m["source"], m["question"]))
    path.write_text(json.dumps({"marked_by": marked_by, "marks": marks}, indent=1) + "\n", encoding="utf-8")
    return len(marks)


def tally(path: Path = MARKS) -> str:
    """The table of marks in Markdown, "" before anybody has marked."""
    if not path.exists():
        return ""
    kept = json.loads(path.read_text(encoding="utf-8"))
    by: dict[str, dict[str, dict[str, int]]] = {}
    for mark in kept["marks"]:
        by.setdefault(mark["source"], {})[mark["question"]] = mark
    head = (
        "| replies of | n | "
        + " | ".join(q.replace("_", " ") for q in QUALITIES)
        + " |\n|---|---|"
        + "---|" * len(QUALITIES)
    )
    lines = [
        f"| {source} | {len(marks)} | "
        + " | ".join(f"{sum(m[q] for m in marks.values()) / len(marks):.0%}" for q in QUALITIES)
        + " |"
        for source, marks in sorted(by.items(), key=lambda item: item[0] != OURS)
    ]
    against = [
        f"- {OURS} against {source}, {q.replace('_', ' ')}: {_interval(by[OURS], marks, q)}"
        for source, marks in by.items() if source != OURS for q in QUALITIES
    ]  # fmt: skip
    return (
        f"## Marks on real test questions\n\nEach reply was read with its source hidden. Marked by {kept['marked_by']}.\n\n"
        + "\n".join(
            [head, *lines, "", "Differences with 95% bootstrap intervals over questions:", "", *against]
        )
        + "\n\n"
    )


def _interval(ours: Mapping[str, Any], theirs: Mapping[str, Any], quality: str) -> str:
    gaps = [ours[q][quality] - theirs[q][quality] for q in ours if q in theirs]
    rng = random.Random(0)
    means = sorted(_mean(rng.choices(gaps, k=len(gaps))) for _ in range(RESAMPLES))
    low, high = means[int(0.025 * RESAMPLES)], means[int(0.975 * RESAMPLES)]
    return f"{_mean(gaps):+.0%} [{low:+.0%}, {high:+.0%}]"


def _mean(numbers: Sequence[int]) -> float:
    return sum(numbers) / len(numbers)
