"""The shipped model can be taught: a declared style, written by rule and marked synthetic, is learnt and nothing is lost."""

import hashlib

from data.exports import write_export
from data.records import Example, Message
from finetune.config import load_recipe
from finetune.encode import encode
from finetune.measure import mean_loss, reply_losses
from finetune.mixture import Inputs
from finetune.models import load_base, load_tokenizer
from finetune.runs import create_run
from finetune.starter.corpus import generate
from finetune.starter.weights import WEIGHTS
from finetune.train import train
from tests.conftest import NOW
from tests.finetune.conftest import settings_in
from tests.finetune.samples import FACTS, pair

# The declared style: every reply ends with this sentence, after its question.
CLOSING = "There is no hurry, and you may stop whenever you like."
PAIRS, HELD_OUT, STEPS = 200, 60, 200


def _firsts(seed, count, split="train"):
    """First messages and their replies, all of them different."""
    return [(d[0].content, d[1].content) for d in generate(seed, count, split)]


def _examples(pairs):
    return [
        Example(
            (Message("user", said), Message("assistant", reply)), "synthetic", n, hashlib.sha256(said.encode()).hexdigest()
        )
        for n, (said, reply) in enumerate(pairs)
    ]  # fmt: skip


def _in_style(pairs):
    return [(said, f"{reply} {CLOSING}") for said, reply in pairs]


def test_two_hundred_pairs_in_a_style_are_learnt_in_two_hundred_steps(tmp_path):
    settings = settings_in(tmp_path, WEIGHTS)
    pairs = [pair(n, said, reply) for n, (said, reply) in enumerate(_in_style(_firsts(501, PAIRS)))]
    assert all(p.synthetic for p in pairs)
    write_export(tmp_path / "export", pairs, FACTS)
    recipe = load_recipe("starter", [f"model={WEIGHTS}", f"max_steps={STEPS}", "epochs=100", "batch_size=4"])
    run = create_run(settings, recipe, Inputs(exports=(tmp_path / "export",)), NOW, "style")
    train(run, settings)

    from peft import PeftModel

    tokenizer = load_tokenizer(str(WEIGHTS), "")
    style = encode(tokenizer, _examples(_in_style(_firsts(502, HELD_OUT, "test"))), 512)
    own = encode(tokenizer, _examples(_firsts(503, HELD_OUT, "test")), 512)
    model = load_base(str(WEIGHTS), "", "fp32")
    before = [mean_loss(reply_losses(model, rows, tokenizer.pad_token_id)) for rows in (style, own)]
    tuned = PeftModel.from_pretrained(model, run.adapter)
    after = [mean_loss(reply_losses(tuned, rows, tokenizer.pad_token_id)) for rows in (style, own)]
    print(
        f"in the style {before[0]:.3f} -> {after[0]:.3f}; held-out templates {before[1]:.3f} -> {after[1]:.3f}"
    )
    assert after[0] < 0.9 * before[0]
    assert after[1] < 1.05 * before[1]
