"""`python -m bench [PATTERN]` (`make bench ROWS='chat.*'`): run rows, print a table, keep `docs/benchmarks.json`."""

import fnmatch
import os
import sys

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")

from bench import bench_app, bench_generation, bench_safety
from bench.rows import keep


def main(pattern: str) -> int:
    benchmarks = [b for module in (bench_app, bench_generation, bench_safety) for b in module.BENCHMARKS]
    chosen = [b for b in benchmarks if fnmatch.filter(b.rows, pattern)]
    if not chosen:
        names = "\n  ".join(name for b in benchmarks for name in b.rows)
        print(f"No row matches {pattern!r}. The rows:\n  {names}", file=sys.stderr)
        return 2
    print(f"{'row':34} {'ours':>10} {'peer':>10} {'times':>7}  unit, peer")
    for benchmark in chosen:
        measured = [m for m in benchmark.run() if fnmatch.fnmatch(m.row, pattern)]
        for row in keep(measured):
            peer = "" if row["peer"] is None else row["peer"]
            ratio = "" if row["ratio"] is None else f"{row['ratio']}x"
            print(
                f"{row['row']:34} {row['ours']:>10} {peer:>10} {ratio:>7}  {row['unit']}, {row['peer_name'] or '-'}",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "*"))
