import json

import pytest

from data.corpora.splits import question_hash, split_of
from data.corpora.store import read_corpus, write_corpus
from data.errors import Conflict, Invalid, NotFound
from data.exports import write_export
from data.records import Example, Message
from finetune.mixture import Inputs, guard_reasons, learnt_places, read_mixture, recall_mixture
from tests.finetune.samples import FACTS, RECIPE, pair, talks


def _groups(examples):
    return {example.group for example in examples}


def test_learnt_and_held_out_share_no_group_and_no_frozen_question(export, corpus):
    mixture = read_mixture(Inputs((export,), (corpus,)), RECIPE)
    assert mixture.train
    assert mixture.validation
    assert not _groups(mixture.train) & _groups(mixture.validation)
    public = [e for e in mixture.train + mixture.validation if e.source == "amod"]
    assert {split_of(e.group) for e in public} == {"train", "validation"}
    assert read_corpus(corpus, ("test",))


def test_the_same_inputs_in_any_order_give_the_same_rows(export, corpus, tmp_path):
    other = tmp_path / "other"
    write_export(other, [pair(100 + n, *said) for n, said in enumerate(talks(10, seed=7))], FACTS)
    one = read_mixture(Inputs((export, other), (corpus,)), RECIPE)
    two = read_mixture(Inputs((other, export), (corpus,)), RECIPE)
    assert one.digest() == two.digest()


def test_a_corpus_gives_at_most_its_share(corpus):
    few = RECIPE.model_copy(update={"corpus_rows": 7})
    assert len(read_mixture(Inputs((), (corpus,)), few).train) == 7


def test_what_the_guard_would_stop_is_dropped_and_counted(tmp_path):
    folder = tmp_path / "export"
    said = talks(20, seed=3)
    pairs = [pair(n, q, a) for n, (q, a) in enumerate(said)]
    pairs.append(pair(90, "What do I have?", "That sounds hard. You have bipolar disorder. Rest a little."))
    pairs.append(pair(91, "What helps?", ""))
    write_export(folder, pairs, FACTS)
    mixture = read_mixture(Inputs((folder,)), RECIPE)
    assert mixture.dropped == {"guard: diagnosis": 1, "no reply": 1}
    kept = {e.meta["response_id"] for e in mixture.train + mixture.validation}
    assert kept == {f"response-{n}" for n in range(20)}
    assert mixture.to_json()["response_ids"] == sorted(kept)


def test_the_guard_reads_a_question_that_a_yes_would_answer():
    assert guard_reasons("Yes. I hear you.", [Message("user", "Are you a real person?")])
    assert not guard_reasons("I hear you. What happened then?", [Message("user", "Are you a real person?")])


def test_only_the_countersigned_reply_of_an_export_is_learnt():
    messages = tuple(Message(role, "text") for role in ("user", "assistant", "user", "assistant"))
    assert learnt_places(Example(messages, "export:1", 0, "g")) == [3]
    assert learnt_places(Example(messages, "amod", 0, "g")) == [1, 3]


def test_a_visitor_who_asks_a_frozen_question_is_not_learnt_from(corpus, tmp_path):
    frozen = read_corpus(corpus, ("test",))[0].messages[0].content
    folder = tmp_path / "export"
    asked = [pair(n, q, a) for n, (q, a) in enumerate(talks(20, seed=3))]
    write_export(folder, [*asked, pair(90, frozen, "That sounds heavy, what is it like?")], FACTS)
    mixture = read_mixture(Inputs((folder,), (corpus,)), RECIPE)
    assert mixture.dropped["question of the frozen test split"] == 1
    assert frozen not in {m.content for e in mixture.train + mixture.validation for m in e.messages}


def test_a_pair_that_repeats_a_held_out_one_is_dropped(tmp_path):
    folder = tmp_path / "export"
    question, reply = "I cannot rest on Sundays.", "What goes through your mind on a Sunday?"
    write_export(
        folder, [pair(n, question, reply) for n in range(40)] + [pair(99, "Another one", reply)], FACTS
    )
    mixture = read_mixture(Inputs((folder,)), RECIPE)
    assert mixture.dropped["repeats a held-out pair"] > 1
    assert {e.messages[0].content for e in mixture.train} == {"Another one"}


def test_a_small_export_still_holds_one_conversation_out(tmp_path):
    folder = tmp_path / "export"
    write_export(folder, [pair(n, q, a) for n, (q, a) in enumerate(talks(2, seed=5))], FACTS)
    mixture = read_mixture(Inputs((folder,)), RECIPE.model_copy(update={"validation_share": 0.001}))
    assert (len(mixture.train), len(mixture.validation)) == (1, 1)


def test_nothing_usable_is_said_with_the_reasons(tmp_path):
    folder = tmp_path / "export"
    write_export(folder, [pair(1, "What do I have?", "You have bipolar disorder.")], FACTS)
    with pytest.raises(Invalid, match="guard: diagnosis 1"):
        read_mixture(Inputs((folder,)), RECIPE)
    with pytest.raises(Invalid, match="--export DIR or --corpus DIR"):
        read_mixture(Inputs(), RECIPE)
    with pytest.raises(NotFound):
        read_mixture(Inputs((tmp_path / "nowhere",)), RECIPE)


@pytest.mark.parametrize("name", ["pairs.jsonl", "preferences.jsonl", "pairs.parquet"])
def test_a_tampered_export_is_refused(export, name):
    with (export / name).open("ab") as stream:
        stream.write(b" ")
    with pytest.raises(Invalid, match="was changed after the export"):
        read_mixture(Inputs((export,)), RECIPE)


def test_a_tampered_corpus_is_refused(corpus):
    name = next(corpus.glob("train-*.jsonl"))
    name.write_text(name.read_text().replace("heavy", "light"))
    with pytest.raises(Invalid, match="changed after it was written"):
        read_mixture(Inputs((), (corpus,)), RECIPE)


def test_a_corpus_with_missing_columns_is_refused_by_prepare(tmp_path, now):
    from data.corpora.prepare import prepare

    root = tmp_path / "Amod__mental_health_counseling_conversations"
    root.mkdir()
    (root / "combined_dataset.json").write_text(json.dumps({"Question": "a", "Response": "b"}) + "\n")
    with pytest.raises(Invalid):
        prepare(["amod"], tmp_path / "out", now, tmp_path)


def test_the_rows_of_a_run_are_found_again_or_missed(export, corpus, tmp_path):
    inputs = Inputs((export,), (corpus,))
    record = json.loads(json.dumps(read_mixture(inputs, RECIPE).to_json()))
    assert recall_mixture(inputs, record).digest() == record["sha256"]
    said = talks(120)
    other = [
        Example((Message("user", q), Message("assistant", a + " Go on.")), "amod", n, question_hash(q))
        for n, (q, a) in enumerate(said)
    ]
    write_corpus(corpus, other, {"created": "2026-11-24", "sources": []})
    with pytest.raises(Conflict, match="not those that the run began with"):
        recall_mixture(inputs, record)
