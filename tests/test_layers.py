"""The ladder of imports: a module imports only from its own rung or from rungs to its left."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LADDER = ["data", "demo.safety", "demo.generation", "demo.theme", "review", "finetune", "demo", "app"]
HEAVY = {"torch", "transformers", "peft", "trl", "datasets", "accelerate", "matplotlib", "pyarrow"}
MODULES = sorted(
    p for room in ("data", "demo", "review", "finetune") for p in (ROOT / room).rglob("*.py")
) + [ROOT / "app.py"]  # fmt: skip


def _name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def _rung(module: str) -> int | None:
    fits = [rung for rung in LADDER if module == rung or module.startswith(rung + ".")]
    return LADDER.index(max(fits, key=len)) if fits else None


def _imports(path: Path, top_level_only: bool = False) -> list[str]:
    tree = ast.parse(path.read_text())
    guarded = {
        n for i in ast.walk(tree) if isinstance(i, ast.If) and "TYPE_CHECKING" in ast.unparse(i.test)
        for n in ast.walk(i)
    }  # fmt: skip
    inside = {
        n
        for f in ast.walk(tree)
        if isinstance(f, ast.FunctionDef | ast.AsyncFunctionDef)
        for n in ast.walk(f)
    }
    found = []
    for node in ast.walk(tree):
        if top_level_only and (node in inside or node in guarded):
            continue
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports are absolute"
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return found


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_imports_go_down_the_ladder(path):
    own = _rung(_name(path))
    assert own is not None
    above = [m for m in _imports(path) if (rung := _rung(m)) is not None and rung > own]
    assert above == []


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_gradio_stays_in_the_pages(path):
    uses = any(m.split(".")[0] == "gradio" for m in _imports(path))
    allowed = path.name.startswith("page") or _name(path) in ("demo.theme", "app")
    assert allowed or not uses


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_heavy_libraries_are_imported_where_they_are_needed(path):
    assert HEAVY.isdisjoint(m.split(".")[0] for m in _imports(path, top_level_only=True))


@pytest.mark.parametrize("path", [p for p in MODULES if p.name == "__init__.py"], ids=_name)
def test_packages_hold_a_docstring_and_nothing_else(path):
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree)
    assert len(tree.body) == 1
