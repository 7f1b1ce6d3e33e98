"""The commands as people type them, in processes of their own. The people are synthetic."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from data.records import Role
from review.accounts import Accounts
from tests.finetune.samples import RECIPE

ROOT = Path(__file__).parent.parent.parent
PASSWORD = "a long enough password"


@pytest.fixture
def command(settings, database_url):
    def run(*words, typed=""):
        environment = {**os.environ, "VAR_DIR": str(settings.var_dir), "MODEL_ID": settings.model_id}
        return subprocess.run(
            [sys.executable, "-m", "finetune", *words], cwd=ROOT, input=typed, capture_output=True, text=True,
            timeout=300, env={**environment, "DATABASE_URL": database_url},
        )  # fmt: skip

    return run


@pytest.fixture
def people(database, settings, now):
    accounts = Accounts(database, settings)
    for login, role in (("clara", Role.CLINICIAN), ("emil", Role.ENGINEER)):
        token = accounts.invite_as_operator(role, False, now)
        licence = ("synthetic board", "synthetic 1") if role == Role.CLINICIAN else ("", "")
        made = accounts.accept(token, login.title(), login, PASSWORD, *licence, now, synthetic=True)
        if role == Role.CLINICIAN:
            from data.schema import Reviewer

            with database.transaction() as tx:
                tx.get(Reviewer, made.id).licence_verified_at = now


def test_from_training_to_rollback(command, people, export, corpus, settings):
    numbers = [f"{key}={value}" for key, value in RECIPE.model_dump().items() if value not in ("", None)]
    sets = [word for number in numbers for word in ("--set", number)]
    done = command("train", "--export", str(export), "--corpus", str(corpus), "--name", "one", *sets)
    assert done.returncode == 0, done.stderr
    for words in (["evaluate", "one"], ["gate", "one"]):
        done = command(*words)
        assert done.returncode == 0, done.stderr
    assert "waiting for two people" in done.stdout
    wrong = command("promote", "one", "--as", "clara", "--password-stdin", typed="not it\n")
    assert (wrong.returncode, wrong.stderr) == (2, "error: The login or the password is not right.\n")
    first = command("promote", "one", "--as", "clara", "--password-stdin", typed=PASSWORD + "\n")
    assert "waiting for a second person" in first.stdout, first.stderr
    again = command("promote", "one", "--as", "clara", "--password-stdin", typed=PASSWORD + "\n")
    assert again.returncode == 2
    assert command("serve-name").stdout == "\n"
    second = command("promote", "one", "--as", "emil", "--password-stdin", typed=PASSWORD + "\n")
    assert "answers new sessions" in second.stdout, second.stderr
    assert command("serve-name").stdout == "one\n"
    assert "champion" in command("runs").stdout
    assert "the model alone" in command("rollback").stdout
    assert command("serve-name").stdout == "\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["train"], "Nothing to train on"),
        (["train", "--config", "llama4"], "There is no recipe llama4"),
        (["train", "--set", "epochs=none"], "epochs='none'"),
        (["train", "--resume", "nothing"], "There is no run called nothing"),
        (["evaluate", "nothing"], "There is no run called nothing"),
        (["gate", "nothing"], "There is no run called nothing"),
        (["rollback"], "nothing to roll back"),
        (["stop", "nothing"], "There is no run called nothing"),
        (["promote", "nothing", "--as", "nobody", "--password-stdin"], "login or the password"),
    ],
)
def test_what_a_person_can_mend_is_one_line_and_exit_2(tmp_path, base, words, said):
    environment = {**os.environ, "VAR_DIR": str(tmp_path / "var"), "MODEL_ID": str(base)}
    done = subprocess.run(
        [sys.executable, "-m", "finetune", *words], cwd=ROOT, input="x\n", capture_output=True, text=True,
        timeout=300, env=environment,
    )  # fmt: skip
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_help_needs_no_heavy_library():
    code = "import sys, finetune.__main__; print(sorted({'torch', 'transformers', 'gradio', 'pandas'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stdout == "[]\n", done.stderr
