"""Short trainings that were compared before the shipped one: `python -m finetune starter trial NAME` adds a row."""

import json
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from finetune.starter.rows import Recipe

TRIALS = Path(__file__).parent / "trials.json"


def changed(recipe: "Recipe", overrides: "Sequence[str]") -> "Recipe":
    """The recipe with `key=value` overrides; raises `Invalid` for an unknown key or a value of another kind."""
    from dataclasses import replace

    kinds: dict[str, Any] = {field.name: type(getattr(recipe, field.name)) for field in fields(recipe)}
    values: dict[str, Any] = {}
    for override in overrides:
        key, _, value = override.partition("=")
        if key not in kinds:
            raise Invalid(f"{key!r} is no setting of this recipe; they are {', '.join(kinds)}.")
        try:
            values[key] = kinds[key](value)
        except ValueError:
            raise Invalid(f"{key} is a number, such as {getattr(recipe, key)}; {value!r} is none.") from None
    return replace(recipe, **values)


def add_trial(name: str, recipe: "Recipe", figures: dict[str, Any], path: Path = TRIALS) -> None:
    """A row, in the place of an earlier one of this name."""
    rows = {row["name"]: row for row in read_trials(path)}
    rows[name] = {"name": name, "recipe": asdict(recipe), **figures}
    path.write_text(json.dumps(list(rows.values()), indent=1) + "\n", encoding="utf-8")


def read_trials(path: Path = TRIALS) -> list[dict[str, Any]]:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else []


def table(path: Path = TRIALS) -> str:
    """The rows in Markdown, best reader first; "" before there are any."""
    rows = sorted(read_trials(path), key=lambda row: -row["read"])
    if not rows:
        return ""
    lines = [
        f"| {r['name']} | {r['recipe']['layers']} × {r['recipe']['width']} | {r['parameters'] / 1e6:.1f} "
        f"| {r['recipe']['learning_rate']:g} | {'yes' if r['questions'] else 'no'} | {r['tokens'] / 1e6:.1f} "
        f"| {r['tokens_per_second']:.0f} | {r['loss_seen']:.3f} | {r['loss_unseen']:.3f} | {r['read']:.0%} |"
        for r in rows
    ]
    head = (
        "trial",
        "shape",
        "M parameters",
        "learning rate",
        "real questions",
        "M tokens",
        "tokens/s",
        "loss, seen",
    )
    return (
        "## Trials\n\nTrained alike from random weights, one difference each. Read: of ten held-out openings, the one that "
        "a reply\nwas composed for makes it likeliest (10% by chance).\n\n"
        f"| {' | '.join(head)} | loss, unseen | read |\n{'|---' * (len(head) + 2)}|\n"
        + "\n".join(lines)
        + "\n\n"
    )
