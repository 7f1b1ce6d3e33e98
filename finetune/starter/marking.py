"""Replies marked without knowing whose they are, and later replies marked against what was said before.

`write_sheet` writes one line for each reply, shuffled, with the question's text and without the source, and a second sheet
of whole conversations; both stay in the work folder. Whoever marks sets every empty mark to 0 or 1. `take_marks` joins
the marks with their sources and keeps them, without any question's text, beside the code; `tally` is their table.
"""

import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from data.errors import Invalid, NotFound
from data.records import Message

MARKS = Path(__file__).parent / "marks.json"
QUALITIES = ("fluent", "on_topic", "kind", "safe")
CONSISTENT = "consistent"  # with what was said before; of every reply after the first
OURS = "starter"
RESAMPLES = 2000
WORST = 10


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
    sources = {str(i): [row["question"], row.pop("source")] for i, row in enumerate(rows)}
    _write_lines(
        folder / "sheet.jsonl", [{"id": i, **row, **dict.fromkeys(QUALITIES)} for i, row in enumerate(rows)]
    )
    (folder / "sources.json").write_text(json.dumps(sources), encoding="utf-8")
    return len(rows)


def write_talks(folder: Path, talks: Sequence[Sequence[Message]]) -> int:
    """A line for each reply after a conversation's first, with all that was said before it."""
    rows = [
        {"conversation": number, "reply_number": place // 2 + 1, "before": _spoken(talk[:place]),
         "reply": talk[place].content, CONSISTENT: None}
        for number, talk in enumerate(talks) for place in range(3, len(talk), 2)
    ]  # fmt: skip
    _write_lines(folder / "talks.jsonl", rows)
    return len(rows)


def take_marks(folder: Path, marked_by: str, path: Path = MARKS) -> int:
    """Raises `Invalid` where a mark is still empty: half a tally is none."""
    sources = json.loads(_read(folder / "sources.json"))
    marks = []
    for row in _read_lines(folder / "sheet.jsonl"):
        question, source = sources[str(row["id"])]
        marks.append({"question": question, "source": source, **{q: _mark(row, q) for q in QUALITIES}})
        if source == OURS:
            marks[-1]["reply"] = row["reply"]
    marks.sort(key=lambda m: (m["source"], m["question"]))
    talks = [
        {k: row[k] for k in ("conversation", "reply_number")} | {CONSISTENT: _mark(row, CONSISTENT)}
        for row in _read_lines(folder / "talks.jsonl")
    ]
    kept = {"marked_by": marked_by, "marks": marks, "talks": talks}
    path.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return len(marks) + len(talks)


def tally(path: Path = MARKS) -> str:
    """The marks in Markdown, "" before anybody has marked."""
    if not path.exists():
        return ""
    kept = json.loads(path.read_text(encoding="utf-8"))
    by: dict[str, dict[str, dict[str, Any]]] = {}
    for mark in kept["marks"]:
        by.setdefault(mark["source"], {})[mark["question"]] = mark
    head = "| replies of | n | " + " | ".join(q.replace("_", " ") for q in QUALITIES) + " |"
    lines = [
        f"| {source} | {len(marks)} | "
        + " | ".join(f"{_mean([m[q] for m in marks.values()]):.0%}" for q in QUALITIES)
        + " |"
        for source, marks in sorted(by.items(), key=lambda item: item[0] != OURS)
    ]
    against = [
        f"- {OURS} against {source}, {q.replace('_', ' ')}: {_interval(by[OURS], marks, q)}"
        for source, marks in by.items() if source != OURS for q in QUALITIES
    ]  # fmt: skip
    parts = [
        f"## Marks on real test questions\n\nEach reply was read with its source hidden. Marked by {kept['marked_by']}.\n",
        *(head, "|---|---|" + "---|" * len(QUALITIES), *lines),
        "\nDifferences with 95% bootstrap intervals over questions:\n",
        *against,
        _later(kept["talks"]),
        _worst(by[OURS]),
    ]
    return "\n".join(parts) + "\n\n"


def _later(talks: Sequence[Mapping[str, int]]) -> str:
    count = len({talk["conversation"] for talk in talks})
    lines = [
        f"| {number} | {len(marks)} | {_mean(marks):.0%} |"
        for number in sorted({talk["reply_number"] for talk in talks})
        if (marks := [t[CONSISTENT] for t in talks if t["reply_number"] == number])
    ]
    whole = _mean([talk[CONSISTENT] for talk in talks])
    return (
        f"\n## Later replies\n\n{count} conversations of four messages, written freshly; every reply after the first, "
        "read with all before it.\n\n| reply | n | consistent with what was said before |\n|---|---|---|\n"
        + "\n".join([*lines, f"| all | {len(talks)} | {whole:.0%} |"])
    )


def _worst(ours: Mapping[str, Mapping[str, Any]]) -> str:
    """The replies with the fewest marks, what is unsafe or unkind first."""
    order = sorted(
        ours.values(), key=lambda m: (m["safe"] + m["kind"], m["on_topic"], m["fluent"], m["question"])
    )
    lines = [
        f"- `{mark['question']}` (not {', '.join(q.replace('_', ' ') for q in QUALITIES if not mark[q])}): {mark['reply']}"
        for mark in order[:WORST] if not all(mark[q] for q in QUALITIES)
    ]  # fmt: skip
    return "\n## The ten worst\n\n" + "\n".join(lines)


def _mark(row: Mapping[str, Any], quality: str) -> int:
    if row[quality] not in (0, 1):
        where = row.get("id", f"{row.get('conversation')}, reply {row.get('reply_number')}")
        raise Invalid(f"Line {where}: {quality} is {row[quality]!r}; every mark must be 0 or 1.")
    return int(row[quality])


def _interval(ours: Mapping[str, Any], theirs: Mapping[str, Any], quality: str) -> str:
    gaps = [ours[q][quality] - theirs[q][quality] for q in ours if q in theirs]
    rng = random.Random(0)
    means = sorted(_mean(rng.choices(gaps, k=len(gaps))) for _ in range(RESAMPLES))
    low, high = means[int(0.025 * RESAMPLES)], means[int(0.975 * RESAMPLES)]
    return f"{_mean(gaps):+.0%} [{low:+.0%}, {high:+.0%}]"


def _mean(numbers: Sequence[int]) -> float:
    return sum(numbers) / max(1, len(numbers))


def _spoken(talk: Sequence[Message]) -> list[str]:
    return [f"{message.role}: {message.content}" for message in talk]


def _write_lines(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def _read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in _read(path).splitlines() if line.strip()]


def _read(path: Path) -> str:
    if not path.exists():
        raise NotFound(f"{path} is missing: `python -m finetune starter sheet` writes it")
    return path.read_text(encoding="utf-8")
