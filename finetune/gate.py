"""The gate: what must hold before an adapter may be offered to the people who promote it.

The automatic part is decided here, line by line, each with what was found and its limit; a failed one says by how much.
The clinical part is people's: it says `waiting for two people` until they have approved. No flag skips a line.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete
from sqlalchemy.orm import Session as Transaction

from data import adapters, audit
from data.database import Database
from data.errors import AppError, Conflict, GateFailed, NotFound
from data.records import AdapterStatus
from data.schema import Adapter, AdapterPair, Approval
from finetune.config import Thresholds, load_thresholds
from finetune.jobs import working
from finetune.mixture import recall_mixture
from finetune.models import base_identity, portable, weights_digest
from finetune.runs import Run

WAITING = "waiting for two people"


@dataclass(frozen=True)
class Line:
    name: str
    passed: bool
    found: str
    limit: str


def gate(run: Run, database: Database, now: datetime, by: str = "command") -> dict[str, Any]:
    """Judge the run, write `gate.json` and register its adapter as passed or failed. Returns the record.

    Raises GateFailed, once all of that is kept, when a line failed.
    """
    with working(run, "gate"):
        evaluation, data = run.read("evaluation"), run.read("data")
        lines = [*_intact(run, evaluation, data), *_measured(evaluation, load_thresholds())]
        passed = all(line.passed for line in lines)
        record = {
            "passed": passed,
            "lines": [asdict(line) for line in lines],
            "clinical": WAITING,
            "at": now.isoformat(),
            "base": data["base"],
            "champion": evaluation["champion"],
        }
        with database.transaction() as tx:
            _register(tx, run, record, data, now, by)
        run.write("gate", record)
        run.say("The automatic part of the gate passed; " + WAITING if passed else _failure(lines))
        if not passed:
            raise GateFailed(_failure(lines))
        return record


def _failure(lines: list[Line]) -> str:
    failed = "; ".join(f"{one.name}: {one.found}, limit {one.limit}" for one in lines if not one.passed)
    return f"The gate failed. {failed}"


def _intact(run: Run, evaluation: Mapping[str, Any], data: Mapping[str, Any]) -> list[Line]:
    """Adapter, base and data are still what was trained and evaluated."""
    recipe = run.recipe()
    trained = run.read("result")["adapter"]
    digest = weights_digest(run.adapter)
    same = digest == trained == evaluation["adapter"]
    base = base_identity(recipe.model, recipe.revision) == data["base"] == evaluation["base"]
    return [
        Line("adapter weights", same, digest[:12], trained[:12]),
        Line("adapter loads on its base", base, "as trained" if base else "another base", "as trained"),
        _data_line(run, data),
    ]


def _data_line(run: Run, data: Mapping[str, Any]) -> Line:
    try:
        recall_mixture(run.inputs(), dict(data))
    except AppError as error:
        return Line("data as trained", False, str(error), data["sha256"][:12])
    return Line("data as trained", True, data["sha256"][:12], data["sha256"][:12])


def _measured(evaluation: Mapping[str, Any], limits: Thresholds) -> list[Line]:
    lines = []
    for name, interval in evaluation["losses"]["differences"].items():
        found = f"{interval['mean']:+.4f} [{interval['low']:+.4f}, {interval['high']:+.4f}]"
        fine = interval["high"] <= limits.max_loss_rise
        lines.append(
            Line(f"held-out loss against {name}", fine, found, f"upper end {limits.max_loss_rise:+.4f}")
        )
    counts = [
        ("new guard failures", len(evaluation["new_guard_failures"]), limits.max_new_guard_failures),
        (
            "crisis messages past the templates",
            len(evaluation["crisis"]["bypasses"]),
            limits.max_crisis_bypasses,
        ),
        ("held-out replies recited", evaluation["recited"]["recited"], limits.max_memorised),
    ]
    return lines + [Line(name, found <= limit, str(found), str(limit)) for name, found, limit in counts]


def _register(
    tx: Transaction, run: Run, record: dict[str, Any], data: Mapping[str, Any], now: datetime, by: str
) -> None:
    """Insert or renew the adapter's row. Approvals of other weights do not carry over."""
    status = AdapterStatus.PASSED if record["passed"] else AdapterStatus.FAILED
    digest = weights_digest(run.adapter)
    try:
        known = adapters.get_adapter(tx, run.name)
    except NotFound:
        new = Adapter(
            name=run.name, path=str(run.adapter), digest=digest, base_model=portable(run.recipe().model),
            run=run.name, status=status, created_at=now, gate=record, synthetic=data["synthetic"],
        )  # fmt: skip
        adapters.insert_adapter(tx, new, data["response_ids"])
    else:
        if known.status in (AdapterStatus.CHAMPION, AdapterStatus.RETIRED):
            raise Conflict(f"{run.name} has been promoted already; its gate stands.")
        if known.digest != digest or status == AdapterStatus.FAILED:
            tx.execute(delete(Approval).where(Approval.adapter == run.name))
        known.digest, known.status, known.gate, known.path = digest, status, record, str(run.adapter)
        known.synthetic = data["synthetic"]
        tx.execute(delete(AdapterPair).where(AdapterPair.adapter == run.name))
        tx.add_all(AdapterPair(adapter=run.name, response_id=r) for r in data["response_ids"])
    audit.append(tx, now, by, "adapter.gate", run.name, passed=record["passed"], digest=digest)
