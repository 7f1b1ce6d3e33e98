"""`python -m demo ask` as a process: the same service as the page, one clear message where it cannot answer."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import select

from data.database import open_database
from data.schema import Response, Session
from tests.demo.generation.tiny import make_model

ROOT = Path(__file__).parents[2]


def ask(var: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    whole = {**os.environ, "VAR_DIR": str(var), "HF_HUB_OFFLINE": "1", **environment}
    command = [sys.executable, "-m", "demo", "ask", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=whole, timeout=300)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(make_model(tmp_path_factory.mktemp("models") / "tiny"))


def test_what_is_printed_is_what_is_logged(tmp_path, model):
    done = ask(tmp_path, "I want to kill myself", "--synthetic", "--model", model)
    assert done.returncode == 0, done.stderr
    assert "988" in done.stdout
    assert "Code to see or delete it" in done.stderr
    database = open_database(f"sqlite:///{tmp_path / 'countersign.db'}")
    with database.reading() as tx:
        row = tx.scalars(select(Response)).one()
        assert tx.scalars(select(Session)).one().synthetic
    database.close()
    assert (row.end_reason, row.shown + "\n") == ("template", done.stdout)


def test_the_model_answers_through_the_service(tmp_path, model):
    done = ask(
        tmp_path, "I had a long day.", "--synthetic", "--model", model, MAX_NEW_TOKENS="12", TEMPERATURE="0"
    )
    database = open_database(f"sqlite:///{tmp_path / 'countersign.db'}")
    with database.reading() as tx:
        row = tx.scalars(select(Response)).one()
    database.close()
    assert row.closed_at is not None
    assert row.model == "tiny"
    # A model of random weights may say nothing that can be shown, and then the command says so.
    assert (done.returncode, done.stdout) == ((0, row.shown + "\n") if row.shown else (2, "")), done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["  "], "write a message"),
        (["x" * 5000], "5,000 characters"),
        (["Hello", "--model", "./nowhere"], "nowhere"),
    ],
)
def test_what_cannot_be_answered_is_one_line(tmp_path, model, arguments, words):
    done = ask(tmp_path, *arguments, MODEL_ID=model)
    assert done.returncode == 2
    assert done.stdout == ""
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
