import asyncio
import json
import shutil

import pytest

from data.errors import Invalid
from demo.generation.adapters import KEPT
from demo.generation.prompts import LISTENER
from demo.generation.text import TextStream
from tests.demo.generation.tiny import GREEDY, HELLO, Sampling, collect, greedy, loaded


@pytest.fixture(scope="module")
def expected(tiny_model_dir, tiny_adapters):
    """What PEFT itself says with each adapter; "" is the model alone."""

    def text(adapter):
        model, tokenizer = loaded(tiny_model_dir, adapter)
        stream = TextStream(tokenizer)
        _, reply = greedy(model, tokenizer, LISTENER, GREEDY.max_new_tokens)
        return "".join(stream.push(i) for i in reply) + stream.end()

    return {"": text(None)} | {str(a): text(a) for a in tiny_adapters}


def test_each_request_is_answered_by_its_adapter(using, expected):
    async def work(backend):
        return {name: await collect(backend, adapter=name) for name in expected}

    assert len(set(expected.values())) == len(expected)
    assert using(work) == expected


def test_requests_with_different_adapters_run_side_by_side(using, expected):
    async def work(backend):
        texts = await asyncio.gather(*(collect(backend, adapter=name) for name in expected))
        return dict(zip(expected, texts, strict=True)), backend._model.adapters_loaded

    texts, held = using(work, concurrent=len(expected))
    assert texts == expected
    assert held == len(expected) - 1  # all in use, so none was dropped


def test_the_least_recently_used_is_dropped_and_comes_back(using, expected):
    names = [n for n in expected if n]

    async def work(backend):
        for name in names:
            await collect(backend, adapter=name)
        held = backend._model.adapters_loaded
        return held, await collect(backend, adapter=names[0]), await collect(backend)

    assert using(work) == (KEPT, expected[names[0]], expected[""])


def test_files_replaced_in_place_are_another_adapter(using, expected, tiny_adapters, tmp_path):
    served = shutil.copytree(tiny_adapters[0], tmp_path / "champion")

    async def work(backend):
        before = await collect(backend, adapter=str(served)), backend.identity(str(served))
        shutil.copytree(tiny_adapters[1], served, dirs_exist_ok=True)
        return before, (await collect(backend, adapter=str(served)), backend.identity(str(served)))

    (old, was), (new, now) = using(work)
    assert (old, new) == (expected[str(tiny_adapters[0])], expected[str(tiny_adapters[1])])
    assert was.adapter == now.adapter == "champion"
    assert was.adapter_revision != now.adapter_revision


def test_an_adapter_of_peft_0_13_2_loads(using, expected, old_adapter, tiny_adapters):
    async def work(backend):
        return await collect(backend, adapter=str(old_adapter))

    assert using(work) == expected[str(tiny_adapters[0])]


def test_an_adapter_for_another_base_is_refused_and_others_are_answered(
    using, expected, foreign_adapter, tiny_adapters
):
    good = str(tiny_adapters[2])

    async def work(backend):
        with pytest.raises(Invalid, match=r"foreign cannot be used: .* another base model"):
            await collect(backend, adapter=str(foreign_adapter))
        texts = [await collect(backend), await collect(backend, adapter=good)]
        both = await asyncio.gather(
            collect(backend, adapter=str(foreign_adapter)),
            collect(backend, adapter=good),
            return_exceptions=True,
        )
        return texts, both

    texts, (refused, text) = using(work)
    assert texts == [expected[""], expected[good]]
    assert isinstance(refused, Invalid)
    assert text == expected[good]


def damaged(adapter, tmp_path, change):
    folder = shutil.copytree(adapter, tmp_path / "broken")
    change(folder)
    return folder


def edit(**changes):
    def change(folder):
        path = folder / "adapter_config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return change


def cut(folder):
    path = folder / "adapter_model.safetensors"
    path.write_bytes(path.read_bytes()[:200])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (edit(target_modules=["q_proj"]), "cannot be used"),
        (edit(target_modules=["query_key_value"]), "cannot be used"),
        (edit(peft_type="NO_SUCH"), "cannot be used"),
        (edit(revision="0123456789ab"), "other weights"),
        (cut, "cannot be used"),
        (lambda f: (f / "adapter_model.safetensors").unlink(), "holds no weights"),
        (lambda f: (f / "adapter_config.json").write_text("{"), "not a PEFT adapter"),
        (shutil.rmtree, "no adapter folder broken"),
    ],
)
def test_a_damaged_adapter_is_said_in_one_line(using, expected, tiny_adapters, tmp_path, change, says):
    folder = damaged(tiny_adapters[0], tmp_path, change)

    async def work(backend):
        with pytest.raises(Invalid, match=says) as raised:
            await collect(backend, adapter=str(folder))
        return str(raised.value), await collect(backend)

    message, after = using(work)
    assert str(tmp_path) not in message
    assert "\n" not in message
    assert after == expected[""]


def test_an_adapter_that_names_this_very_base_is_served(using, expected, tiny_adapters, tmp_path):
    async def work(backend):
        revision = backend.identity().model_revision
        folder = damaged(tiny_adapters[0], tmp_path, edit(revision=revision))
        return await collect(backend, adapter=str(folder))

    assert using(work) == expected[str(tiny_adapters[0])]


def test_a_new_adapter_joins_while_another_reply_is_under_way(using, expected, tiny_adapters):
    first, second = (str(a) for a in tiny_adapters[:2])

    async def work(backend):
        stream = backend.stream(HELLO, Sampling(GREEDY.max_new_tokens, 0.0, 1.0), first)
        begun = (await anext(stream)).text
        other = asyncio.create_task(collect(backend, adapter=second))
        rest = "".join([c.text async for c in stream])
        return begun + rest, await other

    assert using(work) == (expected[first], expected[second])
