"""`python -m demo screen` and `guard` as processes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(command: str, text: str | bytes) -> subprocess.CompletedProcess[bytes]:
    data = text.encode() if isinstance(text, str) else text
    return subprocess.run(
        [sys.executable, "-m", "demo", command], input=data, capture_output=True, cwd=ROOT, timeout=120
    )


def test_screen_prints_a_line_for_each_line() -> None:
    turns = [
        {"role": "user", "content": "I want to die"},
        {"role": "assistant", "content": "…"},
        {"role": "user", "content": "ok"},
    ]
    lines = [{"text": "I want to kill myself"}, {"text": "This deadline is killing me"}, {"messages": turns}]
    done = run("screen", "\n".join(json.dumps(line) for line in lines) + "\n\n")
    assert done.returncode == 0
    found = [json.loads(line) for line in done.stdout.decode().splitlines()]
    assert [(f["level"], f["action"]) for f in found] == [("R1", "crisis"), ("R0", "none"), ("R1", "none")]
    assert found[0]["categories"] == ["self-harm"]
    assert found[0]["evidence"][0].keys() == {"start", "end", "rule", "category", "message"}


def test_guard_prints_verdicts() -> None:
    done = run("guard", '{"text": "I hear you. Call 988."}\n{"text": "I hear you."}\n')
    assert done.returncode == 0
    assert [json.loads(line) for line in done.stdout.decode().splitlines()] == [
        {"allow": False, "reasons": ["contact-details"]},
        {"allow": True, "reasons": []},
    ]


@pytest.mark.parametrize(
    "bad",
    [
        "nope",
        "[1]",
        "{}",
        '{"text": 1}',
        '{"messages": "x"}',
        '{"messages": [{"role": "king", "content": "x"}]}',
        "[" * 5000,
    ],
)
@pytest.mark.parametrize("command", ["screen", "guard"])
def test_a_bad_line_is_named_and_nothing_more(command: str, bad: str) -> None:
    done = run(command, '{"text": "fine"}\n' + bad + "\n")
    assert done.returncode == 2
    assert len(done.stdout.splitlines()) == 1
    message = done.stderr.decode().strip()
    assert message.startswith("line 2: ")
    assert "\n" not in message


def test_bytes_that_are_not_text_do_not_break_it() -> None:
    done = run("screen", b'{"text": "\xff\xfe I want to die"}\n{"text": "\\ud800 hello"}\n')
    assert done.returncode == 0
    assert json.loads(done.stdout.splitlines()[0])["action"] == "crisis"
