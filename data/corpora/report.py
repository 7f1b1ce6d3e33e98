"""What a corpus was made of, as text for a terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from data.corpora.splits import SPLITS


def counts_table(manifest: Mapping[str, Any]) -> str:
    """A column for each set and one for their sum; a row for what was read, kept, dropped, repaired, and each split."""
    sources = manifest["sources"]
    rows = [_row("rows read", sources, "rows_read"), _row("kept", sources, "kept")]
    rows += [_row(f"  {split}", sources, "splits", split) for split in SPLITS]
    for title, part in (("dropped", "dropped"), ("repaired", "changed")):
        reasons = sorted({reason for source in sources for reason in source[part]})
        rows += [_row(f"{title}: {reason.replace('_', ' ')}", sources, part, reason) for reason in reasons]
    head = ["", *(source["name"] for source in sources), "all"]
    return _aligned([head, *rows])


def _row(title: str, sources: Sequence[Mapping[str, Any]], *path: str) -> list[str]:
    numbers = []
    for source in sources:
        value: Any = source
        for key in path:
            value = value.get(key, 0)
        numbers.append(value)
    return [title, *(f"{n:,}" for n in [*numbers, sum(numbers)])]


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    lines = []
    for first, *rest in rows:
        numbers = (cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True))
        lines.append("  ".join([first.ljust(widths[0]), *numbers]).rstrip())
    return "\n".join(lines)
