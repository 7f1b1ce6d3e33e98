"""`python -m data` as it is called: real processes, their output, their exit status."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ANSWER = "It helps to name the feeling first, and then to tell one person about it."


def data(*arguments, stdin=b""):
    command = [sys.executable, "-m", "data", *map(str, arguments)]
    return subprocess.run(command, input=stdin, capture_output=True, cwd=ROOT, check=False, timeout=120)


def write_amod(root):
    folder = root / "Amod__mental_health_counseling_conversations"
    folder.mkdir(parents=True)
    rows = [{"Context": f"Question {n}?", "Response": ANSWER} for n in range(20)]
    (folder / "combined_dataset.json").write_text("".join(json.dumps(row) + "\n" for row in [*rows, rows[0]]))
    return folder


def test_help_names_the_commands_and_imports_nothing_heavy():
    heavy = "{'datasets', 'pandas', 'torch', 'ftfy', 'pyarrow'}"
    script = f"import sys, data.__main__; sys.exit(str({heavy} & set(sys.modules)) if {heavy} & set(sys.modules) else 0)"
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False).returncode == 0
    shown = data("--help")
    assert shown.returncode == 0
    assert b"prepare" in shown.stdout
    assert b"redact" in shown.stdout


def test_prepare_writes_a_corpus_with_bars_and_a_table(tmp_path):
    write_amod(tmp_path)
    done = data("prepare", "amod", "--from", tmp_path, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert b"duplicate in set" in done.stdout
    assert b"21/21" in done.stderr
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["sources"][0]["rows_read"] == 21
    assert sum(manifest["splits"].values()) == 20


def test_prepare_takes_the_folder_of_the_set_itself(tmp_path):
    folder = write_amod(tmp_path)
    name = "Amod/mental_health_counseling_conversations"
    assert data("prepare", name, "--from", folder, "--out", tmp_path / "out").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("no-such-set",), "no corpus called"),
        (("amod", "--from", "{tmp}/none"), "not a folder"),
        (("amod", "mpingale", "--from", "{tmp}"), "mpingale__mental-health-chat-dataset"),
        (("amod", "--from", "{tmp}", "--out", "{tmp}/a-file/out"), "cannot be written"),
    ],
)
def test_prepare_says_in_one_line_what_is_wrong(tmp_path, arguments, words):
    write_amod(tmp_path)
    (tmp_path / "a-file").write_text("")
    ended = data("prepare", "--out", tmp_path / "out", *(a.format(tmp=tmp_path) for a in arguments))
    assert ended.returncode == 2
    shown = [line for line in ended.stderr.decode().splitlines() if line.strip() and "amod:" not in line]
    assert words in shown.pop()
    assert shown in ([], ["Reading from the Hugging Face Hub …"])
    assert not (tmp_path / "out").exists()


def test_prepare_without_the_hub_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    ended = data("prepare", "amod", "--out", tmp_path / "out")
    assert ended.returncode == 2
    assert b"Traceback" not in ended.stderr
    assert b"--from DIR" in ended.stderr.splitlines()[-1]
    assert not (tmp_path / "out").exists()


def test_redact_masks_each_line():
    lines = [{"text": "my name is jake"}, {"text": "nothing here", "more": 1}]
    done = data("redact", stdin="\n".join(json.dumps(line) for line in lines).encode() + b"\n\n")
    assert done.returncode == 0, done.stderr
    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        {"text": "my name is [NAME]", "spans": [{"start": 11, "end": 15, "type": "NAME"}]},
        {"text": "nothing here", "spans": []},
    ]


def test_redact_reads_a_file_and_any_character(tmp_path):
    text = "\U0001f499\u2028\x00 \ud800 mail a@b.org"
    (tmp_path / "in.jsonl").write_text(json.dumps({"text": text}))
    done = data("redact", tmp_path / "in.jsonl")
    assert json.loads(done.stdout)["text"] == text.replace("a@b.org", "[EMAIL]")
    assert data("redact", tmp_path / "none").returncode == 2


@pytest.mark.parametrize(
    "line",
    [b"secret words", b"[1]", b"{}", b'{"text": 5}', b'{"text": null}', b'{"text": "\xff"}', b"[" * 100_000],
)
def test_redact_names_the_bad_line_and_does_not_quote_it(line):
    ended = data("redact", stdin=b'{"text": "fine"}\n\n' + line + b'\n{"text": "after"}\n')
    assert ended.returncode == 2
    assert ended.stderr.decode().strip() == 'Line 3 is not JSON of the form {"text": "…"}.'
    assert [json.loads(shown)["text"] for shown in ended.stdout.splitlines()] == ["fine"]
