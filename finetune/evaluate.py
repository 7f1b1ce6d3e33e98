"""A run's adapter beside the base and the present champion, on the same held-out rows and the same fixed prompts.

    evaluation.json   loss on replies with paired intervals, replies side by side, guard failures, crisis bypasses,
                      recited held-out replies

No model judges here: the guard and the rules do, and people read the replies.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from data import adapters
from data.database import Database
from data.errors import Invalid
from data.records import Action, Example, Message
from finetune import hardware, measure
from finetune.encode import encode
from finetune.jobs import working
from finetune.mixture import guard_reasons, is_export, learnt_places, recall_mixture
from finetune.models import attach, base_identity, load_base, load_tokenizer, weights_digest
from finetune.runs import Run

PROMPTS = Path(__file__).parent / "prompts.yaml"
RECITED_WORDS = 20
"""Words in a row shared with a held-out reply from which it counts as recited."""
RECITED_ROWS = 12


@dataclass(frozen=True)
class Prompts:
    version: int
    side_by_side: tuple[str, ...]
    tempting: tuple[str, ...]
    crisis: tuple[str, ...]


def read_prompts(path: Path = PROMPTS) -> Prompts:
    read = yaml.safe_load(path.read_text(encoding="utf-8"))
    return Prompts(read["version"], *(tuple(read[k]) for k in ("side_by_side", "tempting", "crisis")))


def evaluate(run: Run, database: Database | None = None) -> dict[str, Any]:
    """Measure the run and write `evaluation.json`. Raises AppError where adapter, base or data are not as recorded.

    Without a database there is no champion to compare with.
    """
    with working(run, "evaluate"):
        data = run.read("data")
        digest = weights_digest(run.adapter)
        check_base(run, data)
        champion = _champion(run, database, data["base"])
        mixture = recall_mixture(run.inputs(), data)
        run.say("Loading the base" + (f" and the champion {champion[0]}" if champion else ""))
        voices = _Voices(run, champion)
        record = {
            "adapter": digest,
            "base": data["base"],
            "champion": champion[0] if champion else "",
            "losses": _losses(run, voices, mixture.validation),
            "prompts": read_prompts().version,
            **_replies(run, voices, read_prompts()),
            "crisis": _crisis(read_prompts()),
            "recited": _recited(voices, mixture.validation),
        }
        run.write("evaluation", record)
        run.say(summary(record))
        return record


def check_base(run: Run, data: dict[str, Any]) -> None:
    recipe = run.recipe()
    if base_identity(recipe.model, recipe.revision) != data["base"]:
        raise Invalid(
            f"{recipe.model} is not the base that {run.name} was trained on: its files have changed."
        )


def summary(record: dict[str, Any]) -> str:
    losses = record["losses"]
    said = [f"held-out loss {losses['mean']['candidate']:.4f}, base {losses['mean']['base']:.4f}"]
    for name, interval in losses["differences"].items():
        said.append(f"minus {name} {interval['mean']:+.4f} [{interval['low']:+.4f}, {interval['high']:+.4f}]")
    return "; ".join(said)


class _Voices:
    """Base, champion and candidate as one model with adapters switched on and off."""

    def __init__(self, run: Run, champion: tuple[str, Path] | None) -> None:
        recipe = run.recipe()
        self.reply_tokens = recipe.reply_tokens
        self.tokenizer = load_tokenizer(recipe.model, recipe.revision)
        precision = hardware.choose_precision(recipe.precision) if hardware.has_gpu() else "fp32"
        self.model: Any = attach(
            load_base(recipe.model, recipe.revision, precision), run.adapter, "candidate"
        )
        if champion:
            attach(self.model, champion[1], "champion")
        self.names = ["base", *(["champion"] if champion else []), "candidate"]

    @contextmanager
    def speaking(self, name: str) -> Iterator[Any]:
        if name == "base":
            with self.model.disable_adapter():
                yield self.model
        else:
            self.model.set_adapter(name)
            yield self.model

    def reply(self, name: str, talks: Sequence[Sequence[Message]]) -> list[str]:
        with self.speaking(name) as model:
            return measure.greedy_replies(model, self.tokenizer, talks, self.reply_tokens)


def _champion(run: Run, database: Database | None, base: str) -> tuple[str, Path] | None:
    """The champion's name and folder, when there is one, it is another adapter, and it has the same base."""
    if database is None:
        return None
    with database.reading() as tx:
        found = adapters.get_champion(tx)
        if found is None or found.name == run.name or found.gate.get("base") != base:
            return None
        return found.name, Path(found.path)


def _losses(run: Run, voices: _Voices, held_out: Sequence[Example]) -> dict[str, Any]:
    recipe = run.recipe()
    rows = encode(voices.tokenizer, held_out, recipe.max_length)
    each = {}
    for name in voices.names:
        with voices.speaking(name) as model:
            each[name] = measure.reply_losses(model, rows, voices.tokenizer.pad_token_id)
    groups = [row.group for row in rows]
    differ = partial(measure.paired_difference, each["candidate"], groups=groups, seed=recipe.seed)
    return {
        "rows": len(rows),
        "tokens": sum(loss.tokens for loss in each["base"]),
        "mean": {name: measure.mean_loss(losses) for name, losses in each.items()},
        "differences": {name: asdict(differ(each[name])) for name in voices.names if name != "candidate"},
        "each": {name: [loss.nats / max(1, loss.tokens) for loss in losses] for name, losses in each.items()},
    }


def _replies(run: Run, voices: _Voices, prompts: Prompts) -> dict[str, Any]:
    """Side-by-side replies, and for each prompt who failed the guard and why."""
    kinds = (("side by side", prompts.side_by_side), ("tempting", prompts.tempting))
    asked = [(kind, text) for kind, texts in kinds for text in texts]
    talks = [[Message("user", text)] for _, text in asked]
    said = {name: voices.reply(name, talks) for name in voices.names}
    side: list[dict[str, Any]] = []
    for n, (kind, text) in enumerate(asked):
        replies = {name: said[name][n] for name in voices.names}
        failed = {name: list(guard_reasons(reply, talks[n])) for name, reply in replies.items()}
        side.append({"kind": kind, "prompt": text, "replies": replies, "guard": failed})
    run.say(f"{len(side)} prompts answered by {', '.join(voices.names)}")
    new = [row["prompt"] for row in side if row["guard"]["candidate"]
           and not any(row["guard"][name] for name in voices.names[:-1])]  # fmt: skip
    failures = {name: sum(bool(row["guard"][name]) for row in side) for name in voices.names}
    return {"side_by_side": side, "guard_failures": failures, "new_guard_failures": new}


def _crisis(prompts: Prompts) -> dict[str, Any]:
    """Crisis messages that the rules would let through to a model: a template must answer each."""
    from demo.safety.risk import assess

    passed = [text for text in prompts.crisis if assess([Message("user", text)]).action is not Action.CRISIS]
    return {"prompts": len(prompts.crisis), "bypasses": passed}


def _recited(voices: _Voices, held_out: Sequence[Example]) -> dict[str, Any]:
    """Held-out replies that the candidate says word for word and the base does not.

    Approved replies are left out: they are the model's own words, so saying them again shows nothing.
    """
    asked = [e for e in held_out if not (is_export(e) and e.meta.get("decision") == "approved")][
        :RECITED_ROWS
    ]
    talks = [e.messages[: learnt_places(e)[-1]] for e in asked]
    truths = [e.messages[learnt_places(e)[-1]].content for e in asked]
    runs = {
        name: [
            measure.longest_shared_run(*both) for both in zip(voices.reply(name, talks), truths, strict=True)
        ]
        for name in ("base", "candidate")
    }
    recited = sum(
        mine >= RECITED_WORDS > old for mine, old in zip(runs["candidate"], runs["base"], strict=True)
    )
    return {"rows": len(asked), "longest": max(runs["candidate"], default=0), "recited": recited}
