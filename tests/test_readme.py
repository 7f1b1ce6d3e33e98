"""What the README says of settings, files and the Space is so."""

import re
from pathlib import Path

import pytest
import yaml

from data.settings import Settings

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
FRONT = yaml.safe_load(README.split("---")[1])


def _table() -> dict[str, tuple[str, str]]:
    rows = re.findall(r"^\| `([A-Z_]+)` \| (.+?) \| (.+?) \|$", README, re.M)
    return {name: (default.strip("`"), told) for name, default, told in rows}


def test_every_setting_is_documented_as_it_is():
    fields = {
        name.upper(): (str(f.default) if f.default != "" else "empty", f.description)
        for name, f in Settings.model_fields.items()
    }
    assert _table() == fields


def test_the_tree_names_every_module():
    told = README.split("## Where things are")[1].split("```")[1]
    missing = [
        str(path.relative_to(ROOT))
        for room in ("data", "demo", "review", "finetune")
        for path in (ROOT / room).rglob("*.py")
        if path.name != "__init__.py" and "versions" not in path.parts and path.name not in told
    ]
    assert missing == []


def test_the_tree_names_nothing_that_is_not_there():
    told = README.split("## Where things are")[1].split("```")[1]
    here = {p.name for p in ROOT.rglob("*") if not {".venv", ".git", "var"} & set(p.parts)}
    named = re.findall(r"^\s*([\w.-]+\.(?:py|md|yaml|txt|toml|json)|Makefile|LICENSE)\b", told, re.M)
    assert named
    assert [name for name in named if name not in here] == []


def test_the_space_front_matter_fits_the_pins():
    pins = dict(re.findall(r"^([\w-]+)(?:\[\w+\])?==([\w.]+)", (ROOT / "requirements.txt").read_text(), re.M))
    assert FRONT["sdk"] == "gradio"
    assert FRONT["sdk_version"] == pins["gradio"]
    assert FRONT["app_file"] == "app.py"
    assert FRONT["python_version"] == "3.12"
    assert len(FRONT["short_description"]) <= 60


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(((?!https?:)[^)#]+)", README))))
def test_links_lead_somewhere(link):
    assert (ROOT / link).exists()
