"""What a benchmark row is, and how rows are registered, run and kept in `docs/benchmarks.json`."""

import json
import os
import platform
import statistics
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parent.parent
KEPT = ROOT / "docs" / "benchmarks.json"


@dataclass(frozen=True)
class Measured:
    """`peer` is measured in the same run, or None where nothing comparable exists. `better` is "lower" or "higher"."""

    row: str
    ours: float
    unit: str
    better: str
    peer: float | None = None
    peer_name: str | None = None

    @property
    def ratio(self) -> float | None:
        """How many times better than the peer: above 1 is better, whichever way the unit runs."""
        if not self.peer or not self.ours:
            return None
        return self.peer / self.ours if self.better == "lower" else self.ours / self.peer


# A benchmark measures several rows in one go; `rows` are their names, so that a pattern can choose without running.
@dataclass(frozen=True)
class Benchmark:
    rows: tuple[str, ...]
    run: Callable[[], Iterable[Measured]]


def median_of(times: int, measure: Callable[[], float]) -> float:
    return statistics.median(measure() for _ in range(times))


def keep(measured: Iterable[Measured]) -> list[dict[str, object]]:
    """Merge into `docs/benchmarks.json`; rows that were not run stay as they are."""
    rows = {r["row"]: r for r in json.loads(KEPT.read_text())["rows"]} if KEPT.exists() else {}
    fresh = []
    for one in measured:
        row = {k: v for k, v in asdict(one).items() if k != "better"}
        ratio = one.ratio
        row |= {
            "ours": round(one.ours, 3),
            "peer": None if one.peer is None else round(one.peer, 3),
            "ratio": None if ratio is None else round(ratio, 2),
            "command": f"make bench ROWS='{one.row}'",
            "date": datetime.now(UTC).date().isoformat(),
            "commit": _commit(),
            "machine": _machine(),
        }
        rows[one.row] = row
        fresh.append(row)
    KEPT.parent.mkdir(exist_ok=True)
    KEPT.write_text(json.dumps({"rows": [rows[name] for name in sorted(rows)]}, indent=2) + "\n")
    return fresh


def _commit() -> str:
    said = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    return said.stdout.strip() or "unknown"


def _machine() -> str:
    return f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
