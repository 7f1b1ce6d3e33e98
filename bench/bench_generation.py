"""Tokens per second of the local backend, beside `model.generate` of transformers on the same model and machine."""

import asyncio
import time
from collections.abc import Iterable
from typing import Any

from bench.rows import Benchmark, Measured, median_of
from data.records import Message
from data.settings import load_settings

# Greedy and fixed in length, so that both sides do the same work; the prompt is ours.
PROMPT = [Message("user", "I keep waking at four and then I lie there thinking about work.")]
NEW_TOKENS = 100
TIMES = 5


def _run() -> Iterable[Measured]:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from demo.generation.backend import Sampling
    from demo.generation.loading import load_backend

    settings = load_settings(_env_file=None, concurrent_replies=4)
    sampling = Sampling(NEW_TOKENS, 0.0, 1.0)
    tokenizer = AutoTokenizer.from_pretrained(settings.model)
    model = AutoModelForCausalLM.from_pretrained(settings.model).eval()
    chat = [{"role": m.role, "content": m.content} for m in PROMPT]
    ids: Any = tokenizer.apply_chat_template(
        chat, add_generation_prompt=True, return_tensors="pt", return_dict=True
    )

    def generate(times: int) -> float:
        begun, made = time.perf_counter(), 0
        for _ in range(times):
            with torch.inference_mode():
                out = model.generate(**ids, max_new_tokens=NEW_TOKENS, do_sample=False)
            made += out.shape[1] - ids["input_ids"].shape[1]
        return made / (time.perf_counter() - begun)

    async def ours(times: int) -> float:
        backend = load_backend(settings)

        async def reply() -> int:
            return max([c.reply_tokens or 0 async for c in backend.stream(PROMPT, sampling)])

        await reply()  # loads
        rates = []
        for _ in range(TIMES):
            begun = time.perf_counter()
            made = sum(await asyncio.gather(*(reply() for _ in range(times))))
            rates.append(made / (time.perf_counter() - begun))
        await backend.close()
        return sorted(rates)[TIMES // 2]

    generate(1)
    peer = "transformers generate"
    for row, times in (("chat.tokens_per_s", 1), ("chat.tokens_per_s_4_visitors", 4)):
        beside = median_of(TIMES, lambda times=times: generate(times))  # type: ignore[misc]
        yield Measured(row, asyncio.run(ours(times)), "tokens/s", "higher", beside, peer)


BENCHMARKS = [Benchmark(("chat.tokens_per_s", "chat.tokens_per_s_4_visitors"), _run)]
