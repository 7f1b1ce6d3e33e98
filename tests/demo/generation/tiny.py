"""Makes a tiny random Llama with its own tokenizer, and adapters for it, and collects replies."""

from pathlib import Path
from typing import Any

from data.records import Message
from demo.generation.backend import Chunk, Sampling

CONTEXT = 1024
SPECIAL = [
    "<|begin_of_text|>",
    "<|end_of_text|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|eot_id|>",
    "<|pad|>",
]
TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}<|start_header_id|>{{ m['role'] }}<|end_header_id|>\n\n"
    "{{ m['content'] | trim }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
TEXT = [
    "I keep waking at four and then I lie there.",
    "That sounds tiring. What is on your mind?",
    "Schlaf, жизнь, 眠れない, 😔🌙",
]
HELLO = (Message("user", "I cannot sleep, and I am worried."),)
GREEDY = Sampling(max_new_tokens=24, temperature=0.0, top_p=1.0)


def make_tokenizer() -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    bpe.train_from_iterator(
        TEXT,
        trainers.BpeTrainer(
            vocab_size=320, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False
        ),
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        bos_token=SPECIAL[0],
        eos_token="<|eot_id|>",
        pad_token="<|pad|>",
        additional_special_tokens=SPECIAL[1:4],
        model_max_length=CONTEXT,
        chat_template=TEMPLATE,
    )


def make_model(folder: Path, width: int = 32, seed: int = 7, **config: Any) -> Path:
    import torch
    from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM

    tokenizer = make_tokenizer()
    torch.manual_seed(seed)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=width,
            intermediate_size=2 * width,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=CONTEXT,
            initializer_range=0.5,  # far from uniform, so that greedy choices are clear
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
            **config,
        )
    )
    model.generation_config = GenerationConfig(
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=[tokenizer.eos_token_id, tokenizer.convert_tokens_to_ids("<|end_of_text|>")],
        pad_token_id=tokenizer.pad_token_id,
        repetition_penalty=1.3,
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def make_adapter(folder: Path, model_dir: Path, seed: int) -> Path:
    """A LoRA whose weights are noise, so that it changes every reply."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(seed)
    base = AutoModelForCausalLM.from_pretrained(model_dir)
    config = LoraConfig(r=4, lora_alpha=8, target_modules=["q_proj", "v_proj", "up_proj"])
    model = get_peft_model(base, config)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.5)
    model.save_pretrained(str(folder))
    return folder


def loaded(folder: Path, adapter: Path | None = None) -> tuple[Any, Any]:
    """The model, with an adapter or alone, and its tokenizer, as anybody loads them."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    return PeftModel.from_pretrained(model, str(adapter)) if adapter else model, tokenizer


def greedy(model: Any, tokenizer: Any, prompt: str, new_tokens: int) -> tuple[list[int], list[int]]:
    """Ids of the prompt and of what `generate` answers to HELLO after the system prompt."""
    chat = [{"role": "system", "content": prompt}, {"role": "user", "content": HELLO[0].content}]
    ids = tokenizer.apply_chat_template(
        chat, add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    asked = ids["input_ids"].shape[1]
    out = model.generate(**ids, max_new_tokens=new_tokens, do_sample=False)[0].tolist()
    return out[:asked], out[asked:]


async def collect(backend: Any, messages: Any = HELLO, sampling: Sampling = GREEDY, adapter: str = "") -> str:
    return "".join([c.text async for c in backend.stream(messages, sampling, adapter)])


async def chunks(backend: Any, messages: Any = HELLO, sampling: Sampling = GREEDY) -> list[Chunk]:
    return [c async for c in backend.stream(messages, sampling)]
