import asyncio
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from data.errors import Invalid, Unavailable
from data.settings import STARTER, load_settings
from demo.generation import folders
from demo.generation.backend import Sampling
from demo.generation.loading import load_backend
from demo.generation.local import LocalBackend
from demo.generation.prompts import LISTENER_VERSION, STARTER_VERSION
from demo.generation.remote import RemoteBackend
from tests.demo.generation.tiny import HELLO, collect

ROOT = Path(__file__).parents[3]


def settings(**values):
    return load_settings(_env_file=None, **values)


@pytest.fixture
def copied(tiny_model_dir, tmp_path):
    return shutil.copytree(tiny_model_dir, tmp_path / "copied")


def test_a_folder_is_served_locally_and_an_address_remotely(tiny_model_dir):
    assert isinstance(load_backend(settings(model_id=str(tiny_model_dir))), LocalBackend)
    remote = load_backend(settings(backend_url="http://127.0.0.1:9/v1", backend_model="llama"))
    assert isinstance(remote, RemoteBackend)
    assert remote.identity().model == "llama"


def test_a_reply_of_what_the_settings_name(tiny_model_dir, tiny_adapters):
    chosen = settings(model_id=str(tiny_model_dir), adapter=str(tiny_adapters[0]))

    async def work():
        backend = load_backend(chosen)
        texts = await collect(backend), await collect(backend, adapter=chosen.adapter)
        await backend.close()
        return texts

    alone, adapted = asyncio.run(work())
    assert alone != adapted


def test_choosing_a_backend_loads_nothing_heavy(tiny_model_dir):
    code = (
        "import sys; from data.settings import load_settings; from demo.generation.loading import load_backend;"
        f"load_backend(load_settings(_env_file=None, model_id={str(tiny_model_dir)!r})).identity();"
        "print([m for m in ('torch', 'transformers', 'peft') if m in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


def no_config(folder):
    (folder / "config.json").unlink()


def no_weights(folder):
    (folder / "model.safetensors").unlink()


def no_template(folder):
    (folder / "chat_template.jinja").unlink(missing_ok=True)
    path = folder / "tokenizer_config.json"
    path.write_text(
        json.dumps({k: v for k, v in json.loads(path.read_text()).items() if k != "chat_template"})
    )


def only_an_adapter(folder):
    no_config(folder)
    (folder / "adapter_config.json").write_text('{"peft_type": "LORA"}')


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (shutil.rmtree, "no model folder copied"),
        (no_config, "no readable config.json"),
        (lambda f: (f / "config.json").write_text("{"), "no readable config.json"),
        (no_weights, "holds no weights"),
        (no_template, "not a chat model"),
        (only_an_adapter, "is an adapter, not a model"),
    ],
)
def test_a_folder_that_cannot_be_served_is_said_at_the_start(copied, change, says):
    change(copied)
    with pytest.raises(Invalid, match=says):
        load_backend(settings(model_id=str(copied)))


def test_a_missing_adapter_is_said_at_the_start(tiny_model_dir, tmp_path):
    with pytest.raises(Invalid, match="no adapter folder gone"):
        load_backend(settings(model_id=str(tiny_model_dir), adapter=str(tmp_path / "gone")))


def test_a_missing_starter_names_the_command_that_makes_it(monkeypatch, tmp_path):
    monkeypatch.setattr(folders, "STARTER", tmp_path / "weights")
    with pytest.raises(Invalid, match="finetune starter build"):
        folders.check_model(str(tmp_path / "weights"))


def cut(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-500])


def other_shape(folder):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"hidden_size": 64}))


def more_layers(folder):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"num_hidden_layers": 3}))


def no_tokenizer(folder):
    (folder / "tokenizer.json").write_text("{}")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (cut, "cannot be loaded"),
        (other_shape, "cannot be loaded"),
        (more_layers, "incomplete"),
        (no_tokenizer, "tokenizer"),
    ],
)
def test_a_model_that_cannot_be_read_is_said_to_who_asks_and_served_once_mended(
    copied, tiny_model_dir, change, says
):
    change(copied)

    async def work():
        backend = load_backend(settings(model_id=str(copied)))
        with pytest.raises(Invalid, match=says) as raised:
            await collect(backend)
        assert str(copied) not in str(raised.value)
        shutil.copytree(tiny_model_dir, copied, dirs_exist_ok=True)
        text = await collect(backend)
        await backend.close()
        return text

    assert asyncio.run(work())


def test_a_model_that_neither_the_disk_nor_the_hub_has_is_said(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    code = (
        "from demo.generation.folders import find_model\n"
        "from data.errors import AppError\n"
        "try: find_model('org/no-such-model')\n"
        "except AppError as error: print(type(error).__name__, error)"
    )
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert said.stdout.startswith(f"{Unavailable.__name__} The model org/no-such-model is no folder here")


def test_the_starter_is_asked_without_a_system_prompt(copied):
    assert load_backend(settings(model_id=str(copied))).prompt_version == LISTENER_VERSION
    path = copied / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"countersign_starter": True}))
    assert load_backend(settings(model_id=str(copied))).prompt_version == STARTER_VERSION


def test_a_revision_is_of_the_weights_alone(copied):
    before = folders.revision_of(str(copied))
    (copied / "README.md").write_text("another")
    assert folders.revision_of(str(copied)) == before
    (copied / "model.safetensors").write_bytes(b"other")
    assert folders.revision_of(str(copied)) != before


def in_hub_cache(cache, repo, folder, commit):
    """A folder in the layout that `snapshot_download` leaves."""
    kept = cache / f"models--{repo.replace('/', '--')}"
    shutil.copytree(folder, kept / "snapshots" / commit)
    (kept / "refs").mkdir()
    (kept / "refs" / "main").write_text(commit)


ASK_THE_HUB = """
import asyncio, dataclasses, json
from demo.generation.local import LocalBackend
from tests.demo.generation.tiny import collect
async def work():
    backend = LocalBackend('org/tiny')
    texts = await collect(backend), await collect(backend, adapter='org/lora')
    await backend.close()
    print(json.dumps([*texts, dataclasses.asdict(backend.identity('org/lora'))]))
asyncio.run(work())
"""


def test_hub_ids_are_served_from_the_hubs_cache_and_known_by_their_commits(
    monkeypatch, tmp_path, tiny_model_dir, tiny_adapters, using
):
    in_hub_cache(tmp_path, "org/tiny", tiny_model_dir, "a" * 40)
    in_hub_cache(tmp_path, "org/lora", tiny_adapters[0], "b" * 40)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    said = subprocess.run(
        [sys.executable, "-c", ASK_THE_HUB], cwd=ROOT, capture_output=True, text=True, check=True
    )
    *texts, identity = json.loads(said.stdout.splitlines()[-1])

    async def work(backend):
        return [await collect(backend), await collect(backend, adapter=str(tiny_adapters[0]))]

    assert texts == using(work)
    assert identity == {
        "model": "org/tiny",
        "model_revision": "a" * 40,
        "adapter": "org/lora",
        "adapter_revision": "b" * 40,
    }


@pytest.mark.skipif(not (STARTER / "config.json").exists(), reason="the starter has not been built")
def test_the_bundled_starter_answers():
    async def work():
        backend = load_backend(settings())
        begun = time.perf_counter()
        said = [c async for c in backend.stream(HELLO, Sampling(40, 0.0, 1.0))]
        print(f"{said[-1].reply_tokens} tokens in {time.perf_counter() - begun:.2f} s with loading")
        await backend.close()
        return "".join(c.text for c in said), backend.identity(), backend.prompt_version

    text, identity, version = asyncio.run(work())
    assert len(text.split()) > 3
    assert identity.model == "countersign-starter"
    assert version == STARTER_VERSION
