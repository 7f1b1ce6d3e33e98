"""Evaluate, gate, promote, roll back on a really trained adapter, on SQLite and PostgreSQL. The people are synthetic."""

import shutil

import pytest
from sqlalchemy import select

from data import adapters, audit
from data.errors import Conflict, Forbidden, GateFailed, NotFound
from data.records import AdapterStatus, Role
from data.schema import AdapterPair, Approval, Audit
from finetune.gate import WAITING, gate
from finetune.promote import OPERATOR, Promotions
from finetune.runs import get_run
from tests.rows import add_reviewer


@pytest.fixture
def promotions(database, settings):
    return Promotions(database, settings)


@pytest.fixture
def passed(evaluated, database, now):
    gate(evaluated, database, now)
    return evaluated.name


@pytest.fixture
def person(database, now):
    def make(**kind):
        with database.transaction() as tx:
            return add_reviewer(tx, now, **kind).id

    return make


def _status(database, name):
    with database.reading() as tx:
        return adapters.get_adapter(tx, name).status


def _actions(database):
    with database.reading() as tx:
        assert audit.verify(tx).broken is None
        return [(one.action, one.actor) for one in tx.scalars(select(Audit).order_by(Audit.seq))]


def _edit(run, record, **changes):
    run.write(record, {**run.read(record), **changes})


def test_a_passed_gate_registers_the_adapter_with_what_it_saw(evaluated, database, now, promotions):
    record = gate(evaluated, database, now)
    assert record["passed"]
    assert record["clinical"] == WAITING
    assert evaluated.read("gate") == record
    with database.reading() as tx:
        found = adapters.get_adapter(tx, "candidate")
        assert (found.status, found.synthetic, found.path) == (
            AdapterStatus.PASSED, True, str(evaluated.adapter),
        )  # fmt: skip
        assert found.digest == evaluated.read("result")["adapter"]
        saw = set(tx.scalars(select(AdapterPair.response_id).where(AdapterPair.adapter == "candidate")))
    assert saw == {f"response-{n}" for n in range(40)}
    (standing,) = promotions.standings()
    assert (standing.clinical, standing.complete) == (WAITING, False)
    gate(evaluated, database, now)
    assert [action for action, _ in _actions(database)] == ["adapter.gate", "adapter.gate"]


@pytest.mark.parametrize(
    ("line", "record", "changes"),
    [
        ("new guard failures", "evaluation", {"new_guard_failures": ["a prompt"]}),
        ("crisis messages past the templates", "evaluation", {"crisis": {"prompts": 1, "bypasses": ["one"]}}),
        ("held-out replies recited", "evaluation", {"recited": {"rows": 1, "longest": 30, "recited": 1}}),
        ("adapter weights", "result", {"adapter": "0" * 64}),
        ("adapter loads on its base", "evaluation", {"base": "sha256:other"}),
    ],
)
def test_each_line_that_fails_is_named_and_keeps_the_adapter_out(
    evaluated, database, now, promotions, person, line, record, changes
):
    _edit(evaluated, record, **changes)
    with pytest.raises(GateFailed, match=line):
        gate(evaluated, database, now)
    assert not evaluated.read("gate")["passed"]
    assert _status(database, "candidate") == AdapterStatus.FAILED
    with pytest.raises(GateFailed, match="failed"):
        promotions.approve("candidate", person(), now)


def test_a_worse_loss_fails_by_its_interval(evaluated, database, now):
    losses = evaluated.read("evaluation")["losses"]
    losses["differences"]["champion"] = {"mean": 0.04, "low": 0.01, "high": 0.07}
    _edit(evaluated, "evaluation", losses=losses)
    with pytest.raises(
        GateFailed, match=r"against champion: \+0.0400 \[\+0.0100, \+0.0700\], limit upper end"
    ):
        gate(evaluated, database, now)


def test_data_that_changed_fail_the_gate(evaluated, database, now, tmp_path, evaluated_once):
    moved = tmp_path / "export"
    shutil.copytree(evaluated_once.parent.parent.parent / "export", moved)
    (moved / "pairs.jsonl").write_text("")
    _edit(evaluated, "inputs", exports=[str(moved)])
    with pytest.raises(GateFailed, match="data as trained"):
        gate(evaluated, database, now)


def test_two_different_people_one_a_clinician_promote(database, promotions, passed, person, now):
    engineer, clinician = person(role=Role.ENGINEER, licensed=False), person()
    standing = promotions.approve(passed, engineer, now)
    assert standing.clinical == "waiting for a licensed clinician"
    with pytest.raises(GateFailed, match="waiting for a licensed clinician"):
        promotions.promote(passed, now)
    with pytest.raises(Conflict, match="a second person"):
        promotions.approve(passed, engineer, now)
    assert promotions.approve(passed, clinician, now).complete
    promotions.promote(passed, now, clinician)
    assert promotions.champion() == passed
    assert _status(database, passed) == AdapterStatus.CHAMPION
    assert [a for a in _actions(database) if a[0].startswith("adapter.") and a[0] != "adapter.gate"] == [
        ("adapter.approve", engineer), ("adapter.approve", clinician), ("adapter.promote", clinician),
    ]  # fmt: skip
    with pytest.raises(Conflict, match="served already"):
        promotions.promote(passed, now)


def test_two_engineers_are_not_enough(promotions, passed, person, now):
    for _ in range(2):
        promotions.approve(passed, person(role=Role.ENGINEER, licensed=False), now)
    with pytest.raises(GateFailed, match="licensed clinician"):
        promotions.promote(passed, now)
    assert promotions.champion() == ""


def test_who_may_not_approve_is_refused_and_leaves_nothing(database, promotions, passed, person, now):
    for nobody in (person(licensed=False), "somebody-else", ""):
        with pytest.raises(Forbidden):
            promotions.approve(passed, nobody, now)
        with pytest.raises(Forbidden):
            promotions.rollback(nobody, now)
    with database.reading() as tx:
        assert tx.scalars(select(Approval)).all() == []


def test_an_account_that_was_closed_no_longer_counts(database, promotions, passed, person, now):
    from data.schema import Reviewer

    first, second = person(), person()
    promotions.approve(passed, first, now)
    promotions.approve(passed, second, now)
    with database.transaction() as tx:
        tx.get(Reviewer, first).active = False
    with pytest.raises(GateFailed, match="second person"):
        promotions.promote(passed, now)


def test_a_person_who_may_not_approve_may_not_promote_for_others(promotions, passed, person, now):
    for _ in range(2):
        promotions.approve(passed, person(), now)
    with pytest.raises(Forbidden):
        promotions.promote(passed, now, person(licensed=False))


def test_changed_weights_are_refused_at_every_step(promotions, evaluated, passed, person, now):
    first, second = person(), person()
    promotions.approve(passed, first, now)
    weights = evaluated.adapter / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes() + b"\0")
    with pytest.raises(GateFailed, match="not those that passed"):
        promotions.approve(passed, second, now)
    weights.unlink()
    with pytest.raises(GateFailed, match="are gone"):
        promotions.promote(passed, now)


def test_an_adapter_of_another_base_is_not_served(database, settings, passed, person, now, tmp_path):
    from tests.finetune.conftest import build_base

    other = settings.model_copy(update={"model_id": str(build_base(tmp_path / "other", layers=1))})
    with pytest.raises(GateFailed, match="another model is served"):
        Promotions(database, other).approve(passed, person(), now)


def test_rollback_goes_back_step_by_step(database, settings, promotions, evaluated, passed, person, now):
    people = [person(), person()]
    shutil.copytree(evaluated.folder, evaluated.folder.parent / "second")
    second = get_run(settings, "second")
    gate(second, database, now)
    for name in (passed, "second"):
        for one in people:
            promotions.approve(name, one, now)
        promotions.promote(name, now, people[0])
    assert (promotions.champion(), _status(database, passed)) == ("second", AdapterStatus.RETIRED)
    assert promotions.rollback(people[1], now) == passed
    assert (promotions.champion(), _status(database, "second")) == (passed, AdapterStatus.RETIRED)
    assert promotions.rollback(OPERATOR, now) == ""
    assert promotions.champion() == ""
    with pytest.raises(NotFound, match="nothing to roll back"):
        promotions.rollback(people[0], now)


def test_a_promoted_adapters_gate_stands(database, promotions, evaluated, passed, person, now):
    for one in (person(), person()):
        promotions.approve(passed, one, now)
    promotions.promote(passed, now)
    with pytest.raises(Conflict, match="its gate stands"):
        gate(evaluated, database, now)


def test_a_new_gate_of_other_weights_ends_old_approvals(database, promotions, evaluated, passed, person, now):
    promotions.approve(passed, person(), now)
    weights = evaluated.adapter / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes() + b"\0")
    with pytest.raises(GateFailed, match="adapter weights"):
        gate(evaluated, database, now)
    with database.reading() as tx:
        assert tx.scalars(select(Approval)).all() == []


def test_replies_side_by_side_are_those_of_the_evaluation(promotions, evaluated):
    rows = promotions.compare("candidate")
    assert {"prompt", "replies", "guard", "kind"} == set(rows[0])
    assert set(rows[0]["replies"]) == {"base", "candidate"}
