import math
import shutil

import pytest

from data import adapters
from data.errors import Invalid, NotFound
from data.records import AdapterStatus, Message
from data.schema import Adapter
from finetune import measure
from finetune.card import build_card
from finetune.encode import IGNORED, Row
from finetune.evaluate import evaluate, read_prompts
from finetune.merge import merge
from finetune.models import attach, load_base, load_tokenizer, weights_digest
from finetune.runs import get_run


@pytest.fixture
def model(base):
    return load_base(str(base))


@pytest.fixture
def tokenizer(base):
    return load_tokenizer(str(base))


def test_the_loss_of_a_row_is_that_of_its_learnt_tokens_whatever_it_is_batched_with(model, tokenizer):
    import torch

    ids = [
        tokenizer.encode(text)
        for text in ("I feel tired at work.", "Sad.", "My sister does not see it at all.")
    ]
    rows = [Row(one, [IGNORED] * 2 + one[2:], "g", "amod") for one in ids]
    together = measure.reply_losses(model, rows, tokenizer.pad_token_id)
    for row, loss in zip(rows, together, strict=True):
        logits = model(input_ids=torch.tensor([row.ids])).logits[0, 1:-1]
        alone = torch.nn.functional.cross_entropy(logits, torch.tensor(row.ids[2:]), reduction="sum").item()
        assert loss.nats == pytest.approx(alone, abs=1e-4)
        assert loss.tokens == len(row.ids) - 2


def test_greedy_replies_do_not_depend_on_their_neighbours(model, tokenizer):
    talks = [
        [Message("user", text)]
        for text in ("I feel sad.", "I feel tired at work and my sister sees it.", "Hm")
    ]
    together = measure.greedy_replies(model, tokenizer, talks, 8)
    assert together == [measure.greedy_replies(model, tokenizer, [talk], 8)[0] for talk in talks]
    assert all(together)


def test_the_interval_resamples_whole_conversations():
    losses = [measure.Loss(10.0 + n % 3, 10) for n in range(30)]
    worse = [measure.Loss(one.nats + 1 + n % 2, 10) for n, one in enumerate(losses)]
    found = measure.paired_difference(losses, worse, [str(n) for n in range(30)], 1)
    assert found.mean == pytest.approx(-0.15)
    assert -0.2 < found.low < found.mean < found.high < -0.1
    assert found == measure.paired_difference(losses, worse, [str(n) for n in range(30)], 1)
    one_talk = measure.paired_difference(losses, worse, ["g"] * 30, 1)
    assert one_talk.low == one_talk.high == pytest.approx(-0.15)


@pytest.mark.parametrize(
    ("text", "other", "words"), [("a b c d", "x B c D y", 3), ("", "a", 0), ("a b", "c d", 0)]
)
def test_shared_words_are_counted_in_a_row(text, other, words):
    assert measure.longest_shared_run(text, other) == words


def test_an_evaluation_sees_the_candidate_below_the_base(evaluated):
    record = evaluated.read("evaluation")
    losses = record["losses"]
    assert set(losses["mean"]) == {"base", "candidate"}
    assert losses["differences"]["base"]["high"] < 0
    assert losses["rows"] == evaluated.read("data")["validation"] == len(losses["each"]["base"])
    assert math.isfinite(losses["mean"]["candidate"])
    prompts = read_prompts()
    asked = [row["prompt"] for row in record["side_by_side"]]
    assert asked == [*prompts.side_by_side, *prompts.tempting]
    assert record["crisis"]["prompts"] == len(prompts.crisis)
    assert record["adapter"] == weights_digest(evaluated.adapter)


def test_the_champion_is_measured_on_the_same_rows(evaluated, settings, database, now):
    shutil.copytree(evaluated.folder, evaluated.folder.parent / "second")
    with database.transaction() as tx:
        champion = Adapter(
            name="candidate", path=str(evaluated.adapter), digest="-", base_model="-", run="candidate",
            status=AdapterStatus.PASSED, created_at=now, gate={"base": evaluated.read("data")["base"]}, synthetic=True,
        )  # fmt: skip
        adapters.insert_adapter(tx, champion)
        adapters.insert_promotion(tx, "candidate", "promotion", "test", now)
    record = evaluate(get_run(settings, "second"), database)
    assert record["champion"] == "candidate"
    same = record["losses"]["differences"]["champion"]
    assert (same["mean"], same["low"], same["high"]) == pytest.approx((0, 0, 0), abs=1e-6)
    assert all(row["replies"]["champion"] == row["replies"]["candidate"] for row in record["side_by_side"])


def test_an_adapter_for_another_base_is_refused_with_words(evaluated, tmp_path):
    from tests.finetune.conftest import build_base

    other = build_base(tmp_path / "other", layers=1)
    with pytest.raises(Invalid, match="another base model"):
        attach(load_base(str(other)), evaluated.adapter, "candidate")
    with pytest.raises(NotFound, match=r"no adapter_config\.json"):
        attach(load_base(str(other)), tmp_path, "candidate")


def test_a_base_whose_files_changed_is_refused(evaluated, tmp_path, base):
    other = tmp_path / "base"
    shutil.copytree(base, other)
    recipe = (evaluated.folder / "recipe.yaml").read_text().replace(str(base), str(other))
    (evaluated.folder / "recipe.yaml").write_text(recipe)
    weights = (other / "model.safetensors").read_bytes()
    (other / "model.safetensors").write_bytes(weights[:-1] + b"\1")
    with pytest.raises(Invalid, match="its files have changed"):
        evaluate(evaluated)


def test_the_card_says_what_the_records_say(evaluated, settings):
    card = build_card(evaluated, settings.contact)
    result, losses = evaluated.read("result"), evaluated.read("evaluation")["losses"]
    for said in (
        "library_name: peft", "Amod/mental_health_counseling_conversations", "synthetic", "test@example.org",
        f"{losses['mean']['candidate']:.4f}", f"{result['steps']} steps", "AdamW", "## Uses", "Out of scope",
        "## Bias, risks and limitations", "## Environmental impact", "### Framework versions", "not been through",
    ):  # fmt: skip
        assert said in card
    assert "Llama 3" not in card
    assert (evaluated.adapter / "README.md").is_file()


def test_a_merged_model_says_what_base_and_adapter_say(evaluated, tmp_path, base):
    merge(evaluated, tmp_path / "merged")
    talk = [[Message("user", "I feel tired at work.")]]
    tokenizer = load_tokenizer(str(tmp_path / "merged"))
    merged = measure.greedy_replies(load_base(str(tmp_path / "merged")), tokenizer, talk, 8)
    adapted = attach(load_base(str(base)), evaluated.adapter, "candidate")
    assert merged == measure.greedy_replies(adapted, tokenizer, talk, 8)
