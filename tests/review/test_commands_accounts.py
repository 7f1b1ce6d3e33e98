"""The command as it is typed, against a database of its own."""

from datetime import UTC, datetime

import typer
from typer.testing import CliRunner

from data.database import open_database
from data.records import Role
from data.settings import load_settings
from review.accounts import Accounts
from review.commands_accounts import add_reviewer


def _run(*words, **environment):
    app = typer.Typer()
    app.command()(add_reviewer)
    return CliRunner().invoke(app, words, env=environment)


def test_a_link_is_printed_that_makes_the_account_asked_for(tmp_path):
    where = {"VAR_DIR": str(tmp_path), "PUBLIC_URL": "https://desk.example"}
    answer = _run("--role", "engineer", "--administrator", **where)
    assert answer.exit_code == 0
    assert answer.stdout.startswith("https://desk.example/sign-in/")
    settings = load_settings(_env_file=None, var_dir=tmp_path)
    database = open_database(settings.database)
    offer = Accounts(database, settings).offer(answer.stdout.strip().rpartition("/")[2], datetime.now(UTC))
    assert (offer.role, offer.administrator, offer.first) == (Role.ENGINEER, True, False)
    database.close()


def test_what_cannot_be_used_ends_with_exit_2(tmp_path):
    assert _run("--role", "visitor", VAR_DIR=str(tmp_path)).exit_code == 2
    answer = _run("--role", "clinician", DATABASE_URL="mysql://nowhere")
    assert answer.exit_code == 2
    assert answer.stderr.startswith("error: DATABASE_URL")
