import json

import pandas as pd
import pytest
from sqlalchemy import select

from data.errors import Conflict, Forbidden, Invalid, NotFound
from data.exports import read_export, read_manifest
from data.records import Decision, EndReason, Message, Verdict
from data.schema import Audit
from review.export import export, export_as, list_exports, zip_export
from tests import rows


@pytest.fixture()
def decided(database, now):
    """One of each kind: exported twice, and left out for every reason."""
    with database.transaction() as tx:
        clinician = rows.add_reviewer(tx, now)

        def decide(decision, training=True, final=None, **fields):
            session = rows.add_session(tx, now, training)
            response = rows.add_response(tx, session, now, **fields)
            rows.add_entry(tx, response, now, decision, final)
            rows.add_review(tx, response, clinician, now, Verdict.APPROVE)
            return response

        made = {
            "approved": decide(Decision.APPROVED, said="first", reply="A reply."),
            "corrected": decide(Decision.CORRECTED, final="A better reply.", reply="A worse reply."),
        }
        decide(Decision.REJECTED)
        decide(None)
        decide(Decision.APPROVED, training=None)
        decide(Decision.APPROVED, training=False)
        decide(Decision.APPROVED, end_reason=EndReason.STOPPED)
        decide(Decision.APPROVED, template="opening-1")
        withdrawn = decide(Decision.APPROVED)
        from data.schema import Consent

        tx.add(
            Consent(
                session_id=withdrawn.session_id, kind="training", granted=False, notice_version="1", at=now
            )
        )
    return made


def test_an_export_holds_what_was_decided_with_consent_and_counts_the_rest(database, now, decided, tmp_path):
    manifest = export(database, tmp_path / "out", now)
    assert manifest["excluded"] == {
        "undecided": 1,
        "rejected": 1,
        "no training consent": 2,
        "training consent withdrawn": 1,
        "unfinished reply": 1,
        "template in the reply": 1,
    }
    assert manifest["counts"] == {
        "pairs": 2, "preferences": 1, "approved": 1, "corrected": 1, "solo": 0, "flagged": 0, "synthetic": 2,
    }  # fmt: skip
    assert manifest["rubric_versions"] == {"1": 2}
    examples, read = read_export(tmp_path / "out")
    assert read["id"] == manifest["id"]
    assert {e.messages for e in examples} == {
        (Message("user", "first"), Message("assistant", "A reply.")),
        (Message("user", "I can't sleep."), Message("assistant", "A better reply.")),
    }
    assert {e.meta["response_id"] for e in examples} == {r.id for r in decided.values()}


def test_an_export_is_audited(database, now, decided, tmp_path):
    manifest = export(database, tmp_path / "out", now)
    with database.reading() as tx:
        entry = tx.scalars(select(Audit).where(Audit.action == "export")).one()
    assert (entry.subject, entry.details) == (manifest["id"], {"pairs": 2})


def test_pandas_and_datasets_read_it(database, now, decided, tmp_path):
    from datasets import load_dataset

    export(database, tmp_path / "out", now)
    frame = pd.read_parquet(tmp_path / "out" / "pairs.parquet")
    assert len(frame) == 2
    assert len(pd.read_json(tmp_path / "out" / "pairs.jsonl", lines=True)) == 2
    pairs = load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))["train"]
    assert pairs[0]["messages"][-1]["role"] == "assistant"
    preferences = load_dataset(str(tmp_path / "out"), "preferences", cache_dir=str(tmp_path / "cache"))[
        "train"
    ]
    assert preferences[0]["chosen"] == [{"role": "assistant", "content": "A better reply."}]
    assert preferences[0]["rejected"] == [{"role": "assistant", "content": "A worse reply."}]


def test_the_context_is_what_was_shown_before(database, now, tmp_path):
    with database.transaction() as tx:
        clinician, session = rows.add_reviewer(tx, now), rows.add_session(tx, now)
        rows.add_response(tx, session, now, "one", "reply one", position=0)
        second = rows.add_response(tx, session, now, "two", "reply two", position=1)
        rows.add_response(tx, session, now, "three", "reply three", position=2)
        rows.add_entry(tx, second, now, Decision.APPROVED)
        rows.add_review(tx, second, clinician, now)
    export(database, tmp_path / "out", now)
    (example,), _ = read_export(tmp_path / "out")
    assert [m.content for m in example.messages] == ["one", "reply one", "two", "reply two"]


def test_identifiers_in_a_correction_do_not_leave(database, now, tmp_path):
    with database.transaction() as tx:
        clinician, session = rows.add_reviewer(tx, now), rows.add_session(tx, now)
        response = rows.add_response(tx, session, now, reply="A worse reply.")
        rows.add_entry(
            tx, response, now, Decision.CORRECTED, "Write to ada@synthetic.example. What would help?"
        )
        rows.add_review(tx, response, clinician, now, Verdict.CORRECT)
    export(database, tmp_path / "out", now)
    (example,), _ = read_export(tmp_path / "out")
    assert example.messages[-1].content == "Write to [EMAIL]. What would help?"
    assert "ada@" not in "".join(p.read_text() for p in (tmp_path / "out").glob("*.jsonl"))


def test_an_export_is_never_overwritten(database, now, decided, tmp_path):
    export(database, tmp_path / "out", now)
    before = (tmp_path / "out" / "manifest.json").read_bytes()
    with pytest.raises(Conflict):
        export(database, tmp_path / "out", now)
    assert (tmp_path / "out" / "manifest.json").read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir() if p.name.startswith(".")) == []


@pytest.mark.parametrize("name", ["pairs.jsonl", "preferences.parquet", "README.md"])
def test_a_changed_or_missing_file_is_refused_by_name(database, now, decided, tmp_path, name):
    export(database, tmp_path / "out", now)
    changed = tmp_path / "out" / name
    changed.write_bytes(changed.read_bytes() + b"x")
    with pytest.raises(Invalid, match=name):
        read_manifest(tmp_path / "out")
    changed.unlink()
    with pytest.raises(Invalid, match=name):
        read_manifest(tmp_path / "out")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema_version": 99, "files": {}}'])
def test_a_broken_manifest_is_refused(tmp_path, text):
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(Invalid):
        read_manifest(tmp_path)


def test_a_folder_without_a_manifest_is_no_export(tmp_path):
    with pytest.raises(NotFound, match=r"manifest\.json"):
        read_export(tmp_path)


def test_only_an_administrator_exports_from_the_desk(database, now, decided, settings, tmp_path):
    with database.transaction() as tx:
        clinician, boss = rows.add_reviewer(tx, now), rows.add_reviewer(tx, now, administrator=True)
    with pytest.raises(Forbidden):
        export_as(database, clinician.id, settings.var_dir / "exports" / "one", now)
    export_as(database, boss.id, settings.var_dir / "exports" / "one", now)
    assert [e["name"] for e in list_exports(database, settings, boss.id)] == ["one"]
    assert zip_export(database, settings, boss.id, "one").stat().st_size > 0
    for call in (list_exports, lambda d, s, p: zip_export(d, s, p, "one")):
        with pytest.raises(Forbidden):
            call(database, settings, clinician.id)
    with pytest.raises(NotFound):
        zip_export(database, settings, boss.id, "../../secrets")


def test_the_manifest_is_plain_json(database, now, decided, tmp_path):
    export(database, tmp_path / "out", now)
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert set(manifest["files"]) == {
        "README.md", "pairs.jsonl", "pairs.parquet", "preferences.jsonl", "preferences.parquet",
    }  # fmt: skip
    assert all(len(f["sha256"]) == 64 for f in manifest["files"].values())
