"""What carries the loss is decided here, so each case is checked by reading the learnt tokens back."""

import pytest

from data.errors import Invalid
from data.records import Example, Message
from finetune.encode import IGNORED, encode, to_dataset
from finetune.models import load_base, load_tokenizer

TALK = (
    Message("system", "Be kind."),
    Message("user", "I feel tired at work."),
    Message("assistant", "That sounds heavy."),
    Message("user", "My sister does not see it."),
    Message("assistant", "What happens when you tell her?"),
)


@pytest.fixture
def tokenizer(base):
    return load_tokenizer(str(base))


def _learnt(tokenizer, row):
    return tokenizer.decode([label for label in row.labels if label != IGNORED])


def test_every_reply_of_a_corpus_is_learnt_with_its_end_and_nothing_else(tokenizer):
    (row,) = encode(tokenizer, [Example(TALK, "amod", 0, "g")], 512)
    assert _learnt(tokenizer, row) == "That sounds heavy.<|eot_id|>What happens when you tell her?<|eot_id|>"
    assert tokenizer.decode(row.ids) == tokenizer.apply_chat_template(
        [{"role": m.role, "content": m.content} for m in TALK], tokenize=False
    )


def test_of_an_export_only_the_countersigned_reply_is_learnt(tokenizer):
    (row,) = encode(tokenizer, [Example(TALK, "export:1", 0, "g")], 512)
    assert _learnt(tokenizer, row) == "What happens when you tell her?<|eot_id|>"


def test_a_long_conversation_loses_its_oldest_turn_and_keeps_the_system_prompt(tokenizer):
    whole = encode(tokenizer, [Example(TALK, "amod", 0, "g")], 512)[0]
    (row,) = encode(tokenizer, [Example(TALK, "amod", 0, "g")], len(whole.ids) - 1)
    assert _learnt(tokenizer, row) == "What happens when you tell her?<|eot_id|>"
    assert "Be kind." in tokenizer.decode(row.ids)
    assert "tired" not in tokenizer.decode(row.ids)


def test_a_reply_that_does_not_fit_at_all_is_no_row(tokenizer):
    long = (Message("user", "tired " * 200), Message("assistant", "I hear you."))
    assert encode(tokenizer, [Example(long, "amod", 0, "g")], 64) == []


def test_llama_3s_own_template_gets_marks_from_trl(tokenizer):
    from trl.chat_template_utils import llama3_chat_template

    tokenizer.chat_template = llama3_chat_template
    (row,) = encode(tokenizer, [Example(TALK, "amod", 0, "g")], 512)
    assert _learnt(tokenizer, row) == "That sounds heavy.<|eot_id|>What happens when you tell her?<|eot_id|>"


def test_a_template_that_marks_nothing_is_refused(tokenizer):
    tokenizer.chat_template = "{% for m in messages %}{{ m.content }}{% endfor %}"
    with pytest.raises(Invalid, match="generation"):
        encode(tokenizer, [Example(TALK, "amod", 0, "g")], 512)


def test_packed_losses_and_gradients_equal_those_of_separate_rows(tokenizer, base, tmp_path):
    """Documents in one pack must not see each other: sdpa with no mask and position ids does it."""
    import torch
    from trl import SFTConfig, SFTTrainer

    from tests.finetune.samples import talks

    examples = [
        Example((Message("user", q), Message("assistant", a)), "amod", n, "g")
        for n, (q, a) in enumerate(talks(6, seed=9))
    ]
    rows = encode(tokenizer, examples, 256)
    arguments = SFTConfig(
        output_dir=str(tmp_path), packing=True, max_length=256, bf16=False, gradient_checkpointing=False,
        use_cpu=True, per_device_train_batch_size=1, report_to="none",
    )  # fmt: skip
    model = load_base(str(base))
    model.config.use_cache = False
    trainer = SFTTrainer(
        model=model, args=arguments, train_dataset=to_dataset(rows), processing_class=tokenizer
    )
    packs = list(trainer.get_train_dataloader())
    assert len(packs) < len(rows)
    total = sum(row.learnt for row in rows)
    packed = sum(trainer.compute_loss(trainer.model, pack, num_items_in_batch=total) for pack in packs)
    packed.backward()
    packed_gradient = model.model.layers[0].self_attn.q_proj.weight.grad.clone()
    model.zero_grad()
    separate = torch.zeros(())
    for row in rows:
        logits = model(input_ids=torch.tensor([row.ids])).logits[0, :-1]
        labels = torch.tensor(row.labels[1:])
        separate = separate + torch.nn.functional.cross_entropy(logits, labels, reduction="sum") / total
    separate.backward()
    assert packed.item() == pytest.approx(separate.item(), abs=1e-5)
    assert torch.allclose(packed_gradient, model.model.layers[0].self_attn.q_proj.weight.grad, atol=1e-6)
