"""One chat model in memory, which continues any number of replies a token at a time. Used by one thread."""

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from data.errors import Invalid
from data.records import Message
from demo.generation.adapters import Adapters
from demo.generation.backend import Sampling
from demo.generation.folders import Found, is_starter, revision_of
from demo.generation.prompts import disarmed, fit, with_prompt
from demo.generation.text import TextStream

if TYPE_CHECKING:
    from torch import Generator, Tensor
    from transformers import DynamicCache, LogitsProcessorList, PreTrainedModel, PreTrainedTokenizerBase

# Ends of a turn and of a text that some models forget to name in their generation_config.
TURN_ENDS = ("<|eot_id|>", "<|end_of_text|>", "<|im_end|>", "<|eom_id|>")
# A model this small is fastest on one core: splitting its work costs more than it saves.
SMALL = 100_000_000
# Llama 3's own context. Models that allow more are held to it: a visitor's cache grows with every token of it.
LONGEST_CONTEXT = 8192
log = logging.getLogger(__name__)


@dataclass
class Reply:
    """A reply under way: `ids` is a row of prompt and reply tokens, of which `length` are filled."""

    adapter: str
    ids: "Tensor"
    length: int
    prompt_tokens: int
    cache: "DynamicCache"
    processors: Any  # scores after penalties and warpers, given ids and scores
    generator: "Generator | None"
    text: TextStream
    limit: int
    done: bool = field(default=False)

    @property
    def reply_tokens(self) -> int:
        return self.length - self.prompt_tokens


class ChatModel:
    def __init__(self, found: Found) -> None:
        """Loads from disk; raises `Invalid` with one sentence when the folder cannot be served."""
        import torch

        device, kind = _device()
        self._tokenizer = _load_tokenizer(found)
        self._model: Any = _load_weights(found, kind).to(device).eval()
        self._adapters = Adapters(self._model, found.name, found.revision or revision_of(str(found.folder)))
        self._starter = is_starter(str(found.folder))
        self._controls = [t.content for t in self._tokenizer.added_tokens_decoder.values() if t.special]
        self._ends = _ends(self._model, self._tokenizer)
        self._context = _context(self._model, self._tokenizer)
        if device == "cpu" and self._model.num_parameters() < SMALL:
            torch.set_num_threads(1)
        self._check_template(found)

    @property
    def adapters_loaded(self) -> int:
        return self._adapters.loaded

    def begin(
        self,
        messages: Sequence[Message],
        sampling: Sampling,
        adapter: Found | None,
        in_use: Collection[str] = (),
    ) -> Reply:
        """Make a reply ready for its first step. Raises `Invalid` for an adapter that does not fit."""
        import torch
        from transformers import DynamicCache

        key = self._adapters.load(adapter, in_use) if adapter else ""
        # A reply may take half of the context at most, so that there is room for what it answers.
        limit = min(sampling.max_new_tokens, self._context // 2)
        asked = [
            Message(m.role, disarmed(m.content, self._controls)) for m in with_prompt(messages, self._starter)
        ]
        prompt = self._encode(fit(asked, self._context - limit, lambda ms: len(self._encode(ms))))
        ids = torch.zeros((1, len(prompt) + limit), dtype=torch.long)
        ids[0, : len(prompt)] = torch.tensor(prompt)
        return Reply(
            adapter=key,
            ids=ids.to(self._model.device),
            length=len(prompt),
            prompt_tokens=len(prompt),
            cache=DynamicCache(config=self._model.config),
            processors=_processors(self._model.generation_config, sampling, len(prompt)),
            generator=_generator(sampling, self._model.device),
            text=TextStream(self._tokenizer),
            limit=limit,
        )

    def step(self, reply: Reply) -> str:
        """One more token; returns the text that it completes and sets `done` after the last."""
        import torch

        with torch.inference_mode():
            self._adapters.use(reply.adapter)
            begun = reply.cache.get_seq_length()
            out = self._model(
                input_ids=reply.ids[:, begun : reply.length],
                past_key_values=reply.cache,
                use_cache=True,
                logits_to_keep=1,
            )
            scores = reply.processors(reply.ids[:, : reply.length], out.logits[:, -1].float())
            token = _choose(scores, reply.generator)
        reply.ids[0, reply.length] = token
        reply.length += 1
        ended = token in self._ends
        reply.done = ended or reply.reply_tokens >= reply.limit
        text = "" if ended else reply.text.push(token)
        return text + (reply.text.end() if reply.done else "")

    def _encode(self, messages: Sequence[Message]) -> list[int]:
        said = [{"role": m.role, "content": m.content} for m in messages]
        text = self._tokenizer.apply_chat_template(said, tokenize=False, add_generation_prompt=True)
        return self._tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]

    def _check_template(self, found: Found) -> None:
        if self._tokenizer.chat_template is None:
            raise Invalid(f"{found.name} is not a chat model: its tokenizer has no chat template.")
        try:
            self._encode(with_prompt([Message("user", "hello")], self._starter))
        except Exception as error:
            raise Invalid(f"The chat template of {found.name} cannot be used.") from error


def _device() -> "tuple[str, Any]":
    import torch

    if torch.cuda.is_available():
        return "cuda", torch.bfloat16
    if torch.backends.mps.is_available():
        return "mps", torch.float16
    return "cpu", torch.float32


def _load_tokenizer(found: Found) -> "PreTrainedTokenizerBase":
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(str(found.folder))
    except Exception as error:
        raise Invalid(f"The tokenizer of {found.name} cannot be read.") from error


def _load_weights(found: Found, kind: Any) -> Any:
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    loader: Any = AutoModelForCausalLM
    try:
        model, info = loader.from_pretrained(
            str(found.folder), dtype=kind, attn_implementation="sdpa", output_loading_info=True
        )
    except Exception as error:
        log.warning("model %s: %s", found.name, type(error).__name__)
        raise Invalid(
            f"The model {found.name} cannot be loaded: its files are damaged or not a causal language model's."
        ) from error
    if info["missing_keys"]:  # transformers would fill them with noise
        raise Invalid(
            f"The model {found.name} is incomplete: {len(info['missing_keys'])} weights are missing."
        )
    return model


def _ends(model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase") -> frozenset[int]:
    configured = model.generation_config.eos_token_id if model.generation_config else None
    listed = configured if isinstance(configured, list) else [configured]
    known = tokenizer.get_added_vocab()
    ids = [*listed, tokenizer.eos_token_id, *(known.get(name) for name in TURN_ENDS)]
    return frozenset(i for i in ids if i is not None)


def _context(model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase") -> int:
    # Tokenizers without a limit of their own say 1e30.
    configured = getattr(model.config, "max_position_embeddings", LONGEST_CONTEXT)
    return min(configured, tokenizer.model_max_length, LONGEST_CONTEXT)


def _processors(config: Any, sampling: Sampling, prompt_tokens: int) -> "LogitsProcessorList":
    """What `generate` would apply: penalties and first tokens of the model's own configuration, then the warpers when
    sampling."""
    from transformers import LogitsProcessorList
    from transformers.generation import logits_process as steps

    found = LogitsProcessorList()
    penalty = getattr(config, "repetition_penalty", None)
    if penalty and penalty != 1.0:
        found.append(steps.RepetitionPenaltyLogitsProcessor(penalty))
    if size := getattr(config, "no_repeat_ngram_size", None):
        found.append(steps.NoRepeatNGramLogitsProcessor(size))
    if barred := getattr(config, "begin_suppress_tokens", None):
        found.append(steps.SuppressTokensAtBeginLogitsProcessor(barred, prompt_tokens))
    if sampling.temperature > 0:
        found.append(steps.TemperatureLogitsWarper(float(sampling.temperature)))
        if sampling.top_p < 1:
            found.append(steps.TopPLogitsWarper(float(sampling.top_p)))
    return found


def _generator(sampling: Sampling, device: Any) -> "Generator | None":
    """None means greedy."""
    import torch

    if sampling.temperature <= 0:
        return None
    generator = torch.Generator(device)
    if sampling.seed is None:
        generator.seed()
    else:
        generator.manual_seed(sampling.seed)
    return generator


def _choose(scores: "Tensor", generator: "Generator | None") -> int:
    import torch

    if generator is None:
        return int(scores.argmax(-1))
    return int(torch.multinomial(scores.softmax(-1), 1, generator=generator))
