"""The model card of a run, every figure of it from the run's records: nothing is claimed that was not measured."""

from pathlib import Path
from typing import Any

import yaml

from data.errors import NotFound
from finetune.config import Recipe
from finetune.models import is_folder, portable
from finetune.runs import Run, read_history, write_whole

HUB_IDS = {
    "amod": "Amod/mental_health_counseling_conversations",
    "mpingale": "mpingale/mental-health-chat-dataset",
    "heliosbrahma": "heliosbrahma/mental_health_chatbot_dataset",
}
UNMEASURED = "Not measured yet."
TABLE_ROWS = 12


def write_card(run: Run, contact: str = "") -> Path:
    """Write the card into the run and, where it is finished, its adapter folder; returns the run's."""
    text = build_card(run, contact)
    write_whole(run.folder / "README.md", text)
    if run.adapter.is_dir():
        write_whole(run.adapter / "README.md", text)
    return run.folder / "README.md"


def build_card(run: Run, contact: str = "") -> str:
    """Markdown with the Hub's front matter, in the sections of a Hugging Face model card."""
    recipe, data, machine = run.recipe(), run.read("data"), _read(run, "environment")
    base = portable(recipe.model)
    parts = [
        _front_matter(recipe, base, data),
        f"# {run.name}\n\n{_status(run, data)}",
        _details(recipe, base),
        _uses(),
        _risks(_read(run, "evaluation")),
        _start(base),
        _training(run, recipe, data, machine),
        _evaluation(_read(run, "evaluation"), _read(run, "gate")),
        _impact(run, machine),
        _technical(base, machine),
        f"## Contact\n\n{contact or 'Whoever runs this deployment; set CONTACT to name them here.'}",
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _read(run: Run, record: str) -> dict[str, Any]:
    try:
        return run.read(record)
    except NotFound:
        return {}


def is_llama3(base: str) -> bool:
    return "llama-3" in base.casefold() or "llama3" in base.casefold()


def _front_matter(recipe: Recipe, base: str, data: dict[str, Any]) -> str:
    used = [HUB_IDS[name] for name in data["by_source"] if name in HUB_IDS]
    facts = {
        "base_model": base,
        "base_model_relation": "adapter",
        "library_name": "peft",
        "pipeline_tag": "text-generation",
        "language": "en",
        "license": "llama3" if is_llama3(base) else "mit" if is_folder(base) else "other",
        "datasets": used,
        "tags": ["lora", "countersign", *(["synthetic-reviews"] if data["synthetic"] else [])],
    }
    return "---\n" + yaml.safe_dump(facts, sort_keys=False) + "---"


def _status(run: Run, data: dict[str, Any]) -> str:
    gate = _read(run, "gate")
    said = "It has not been through the gate."
    if gate:
        said = "The automatic part of its gate passed." if gate["passed"] else "**It failed its gate.**"
        said += " A promotion takes the approval of two people, one of them a licensed clinician."
    marked = (
        "\n\n**Some of its reviewed pairs are synthetic**: no clinician wrote or approved them."
        * data["synthetic"]
    )
    built = "\n\nBuilt with Meta Llama 3." * is_llama3(run.recipe().model)
    return f"A LoRA adapter for supportive conversation, trained by Countersign. {said}{marked}{built}"


def _details(recipe: Recipe, base: str) -> str:
    return f"""## Model details

- **Base model:** `{base}`
- **Method:** LoRA of rank {recipe.lora_rank}, alpha {recipe.lora_alpha}, on {recipe.lora_targets.replace(",", ", ")}
- **Objective:** causal language modelling, with the loss on replies alone
- **Language:** English"""


def _uses() -> str:
    return """## Uses

**Direct.** Supportive conversation and general information on mental health, inside an application that screens each
message for risk and guards each reply; a draft for mental health professionals, who review it.

**Downstream.** A base for adapters of one topic, or a part of a self-help tool, each with a gate and reviewers of its
own.

**Out of scope.** Diagnosis, treatment or advice on medication; crises, which signed templates and people answer; use
without the screening and the guard around it; anything that presses on or deceives people who are in distress."""


def _risks(evaluation: dict[str, Any]) -> str:
    found = UNMEASURED
    if evaluation:
        failures = ", ".join(f"{name} {count}" for name, count in evaluation["guard_failures"].items())
        found = (
            f"On {len(evaluation['side_by_side'])} fixed prompts the guard stopped replies as follows: {failures}. "
            f"Of {evaluation['crisis']['prompts']} crisis messages {len(evaluation['crisis']['bypasses'])} would have "
            "reached the model. Differences between groups of people have not been measured."
        )
    return f"""## Bias, risks and limitations

The model repeats what its data hold: mostly United States counselling in English, written by few people, with their
habits and blind spots. It can be wrong in a confident voice, and it does not know the person it talks to. {found}

**Recommendations.** Have licensed clinicians review its replies before and while it is served, tell people that it is
not a person, and keep it beside human care and never in its place."""


def _start(base: str) -> str:
    return f"""## How to start

```python
from transformers import pipeline

chat = pipeline("text-generation", model="PATH/TO/adapter")  # loads {base} and this adapter
said = [{{"role": "user", "content": "I don't feel like myself lately."}}]
print(chat(said, max_new_tokens=120)[0]["generated_text"][-1]["content"])
```"""


def _training(run: Run, recipe: Recipe, data: dict[str, Any], machine: dict[str, Any]) -> str:
    sources = "\n".join(
        f"| {s['kind']} {s['id'] or s['folder']} | {s['rows']} | `{s['sha256'][:16]}` | {'yes' if s['synthetic'] else ''} |"
        for s in data["sources"]
    )
    shares = ", ".join(f"{name} {count}" for name, count in data["by_source"].items())
    dropped = ", ".join(f"{reason} {count}" for reason, count in data["dropped"].items()) or "nothing"
    result = _read(run, "result")
    return f"""## Training

### Data

| Input | Rows | SHA-256 | Synthetic |
|---|---|---|---|
{sources}

{data["train"]} conversations were learnt ({shares}) and {data["validation"]} held out; {data.get("tokens", 0)} tokens,
of which {data.get("learnt_tokens", 0)} in replies. {len(data["response_ids"])} reviewed responses are among them.

### Preprocessing

Texts were cleaned and deduplicated when the corpora were prepared; identifiers in reviewed conversations were masked.
Replies that the guard would not show were dropped, and so were questions of the frozen test split. Dropped: {dropped}.

### Hyperparameters

| | |
|---|---|
| Learning rate | {recipe.learning_rate:g}, {recipe.schedule} |
| Batch | about {recipe.batch_size} conversations a step{", packed" if recipe.packing else ""} |
| Epochs | {recipe.epochs:g}{f", at most {recipe.max_steps} steps" if recipe.max_steps else ""} |
| Optimiser | AdamW, weight decay {recipe.weight_decay:g} |
| Precision | {machine.get("precision", "")} |
| Longest conversation | {recipe.max_length} tokens |
| Seed | {recipe.seed} |

### Loss

{_losses(run, result)}"""


def _losses(run: Run, result: dict[str, Any]) -> str:
    rows = [row for row in read_history(run) if "loss" in row]
    if not rows:
        return UNMEASURED
    step = max(1, len(rows) // TABLE_ROWS)
    shown = {row["step"]: row for row in [rows[0], *rows[step - 1 :: step], rows[-1]]}
    table = "\n".join(f"| {row['step']} | {row['loss']:.4f} |" for row in shown.values())
    spent = f"{result['steps']} steps in {result['seconds']:.0f} seconds." if result else ""
    return f"| Step | Training loss |\n|---|---|\n{table}\n\n{spent}"


def _evaluation(evaluation: dict[str, Any], gate: dict[str, Any]) -> str:
    if not evaluation:
        return f"## Evaluation\n\n{UNMEASURED}"
    losses = evaluation["losses"]
    means = "\n".join(
        f"| {name} | {value:.4f} | {_interval(losses, name)} |" for name, value in losses["mean"].items()
    )
    lines = "\n".join(
        f"| {one['name']} | {one['found']} | {one['limit']} | {'passed' if one['passed'] else 'failed'} |"
        for one in gate.get("lines", [])
    )
    judged = ""
    if gate:
        head = "| | Found | Limit | |\n|---|---|---|---|"
        judged = (
            f"\n\n### Gate\n\n{head}\n{lines}\n\nClinical part, when this was written: {gate['clinical']}."
        )
    return f"""## Evaluation

Loss on the replies of {losses["rows"]} held-out conversations ({losses["tokens"]} tokens), in nats a token; intervals of
95% by paired bootstrap over conversations.

| | Loss | Candidate minus it |
|---|---|---|
{means}{judged}"""


def _interval(losses: dict[str, Any], name: str) -> str:
    found = losses["differences"].get(name)
    return f"{found['mean']:+.4f} [{found['low']:+.4f}, {found['high']:+.4f}]" if found else ""


def _impact(run: Run, machine: dict[str, Any]) -> str:
    seconds = _read(run, "result").get("seconds") or 0
    return f"""## Environmental impact

- **Hardware:** {machine.get("gpu") or machine.get("cpu", "unknown")}
- **Hours of training:** {seconds / 3600:.3f}
- **Provider, region, carbon emitted:** not measured"""


def _technical(base: str, machine: dict[str, Any]) -> str:
    versions = "\n".join(f"- {name} {version}" for name, version in machine.get("versions", {}).items())
    return f"""## Technical specifications

`{base}` with {machine.get("parameters", 0) / 1e6:.1f} million parameters, {machine.get("cores", "?")} CPU cores,
{machine.get("gpus") or "no"} GPU, {machine.get("system", "")}, Python {machine.get("python", "")}.

### Framework versions

{versions}"""
