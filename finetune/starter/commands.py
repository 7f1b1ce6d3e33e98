"""`python -m finetune starter`: write the corpus, train tokenizer and model, report; `build` does all."""

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from finetune.commands import worded
from finetune.starter.weights import WEIGHTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from finetune.starter.corpus import Dialogue
    from finetune.starter.rows import Recipe

starter = typer.Typer(no_args_is_help=True, help=__doc__)

Work = Annotated[Path, typer.Option(help="folder for the corpus, the tokenizer and checkpoints")]
Corpus = Annotated[Path, typer.Option(help="folder that `python -m data prepare` wrote")]
Questions = Annotated[Path | None, typer.Option("--corpus", help="prepared corpus, for real test questions")]
Out = Annotated[Path, typer.Option(help="folder of the finished model")]
Seed = Annotated[int, typer.Option(help="seed of the corpus and of the training")]
Count = Annotated[int, typer.Option(min=1, help="distinct training dialogues to compose")]
Steps = Annotated[int, typer.Option(min=1, help="training steps of about 4,000 tokens")]
Threads = Annotated[int, typer.Option(min=0, help="CPU threads; 0 leaves it to torch")]
Changes = Annotated[list[str] | None, typer.Option("--set", help="a number of the recipe, as key=value")]
Compiled = Annotated[bool, typer.Option("--compile", help="compile the model first; needs a C++ compiler")]
Every = Annotated[int, typer.Option(min=0, help="also checkpoint every so many steps")]

WORK = Path("var/starter")
REPORT = Path("docs/starter.md")
DIALOGUES = 80_000
HELD_OUT = 600


@starter.command()
@worded
def corpus(work: Work = WORK, seed: Seed = 1, count: Count = DIALOGUES) -> None:
    """Compose the dialogues and write `train.jsonl` and `test.jsonl` in chat-messages form."""
    from finetune.starter.corpus import Split, generate, replies

    sizes: dict[Split, int] = {"train": count, "test": min(count, HELD_OUT)}
    for split, size in sizes.items():
        dialogues = generate(seed, size, split)
        _write(work / f"{split}.jsonl", dialogues)
        typer.echo(f"{split}: {len(dialogues)} dialogues, {len(set(replies(dialogues)))} distinct replies")


@starter.command()
@worded
def questions(corpus: Corpus, work: Work = WORK, seed: Seed = 1) -> None:
    """Answer the real opening questions of a prepared corpus with the grammar; `train` then reads them too."""
    from finetune.starter.questions import compose

    dialogues = compose(corpus, seed)
    _write(work / "questions.jsonl", dialogues)
    typer.echo(f"{len({d[0] for d in dialogues})} questions, {len(dialogues)} dialogues")


def _write(path: Path, dialogues: "Sequence[Dialogue]") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [{"messages": [dataclasses.asdict(m) for m in d]} for d in dialogues]
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


@starter.command()
@worded
def tokenizer(work: Work = WORK) -> None:
    """Train the tokenizer on the corpus."""
    from finetune.starter.corpus import read_dialogues, texts
    from finetune.starter.rows import acknowledgements
    from finetune.starter.tokenizer import build_tokenizer

    dialogues = read_dialogues(work / "train.jsonl")
    built = build_tokenizer(texts(dialogues), heard=len(acknowledgements(dialogues)))
    built.save_pretrained(work / "tokenizer")
    typer.echo(f"{len(built)} tokens")


@starter.command()
@worded
def train(
    work: Work = WORK, out: Out = WEIGHTS, seed: Seed = 1, steps: Steps = 6_000, threads: Threads = 0,
    changes: Changes = None, checkpoint_steps: Every = 0, compiled: Compiled = False,
) -> None:  # fmt: skip
    """Train the model, or go on from its last checkpoint, and write the finished folder."""
    from finetune.starter.rows import Recipe
    from finetune.starter.trials import changed

    recipe = changed(Recipe(steps=steps, seed=seed, checkpoint_steps=checkpoint_steps), changes or ())
    _train(work, work, out, recipe, threads, compiled)


def _train(
    work: Path,
    checkpoints: Path,
    out: Path,
    recipe: "Recipe",
    threads: int,
    compiled: bool,
    asked: bool = True,
) -> None:
    """`asked` reads the real questions too, where `questions` has prepared them."""
    import torch

    from finetune.starter.corpus import read_dialogues
    from finetune.starter.rows import acknowledgements, encode
    from finetune.starter.tokenizer import load_tokenizer
    from finetune.starter.train import read_state, train
    from finetune.starter.weights import save_weights

    if threads:
        torch.set_num_threads(threads)
    tokens = load_tokenizer(work / "tokenizer")
    dialogues = read_dialogues(work / "train.jsonl")
    heard = acknowledgements(dialogues)
    rows = encode(tokens, dialogues, recipe, heard)
    asked = asked and (work / "questions.jsonl").exists()
    if asked:
        questions = read_dialogues(work / "questions.jsonl")
        rows += encode(tokens, questions, recipe, heard, replies_only=True)
    typer.echo(f"{len(rows)} dialogues, {sum(len(row.ids) for row in rows) / 1e6:.1f} million tokens")
    model = train(recipe, tokens, rows, checkpoints, compiled)
    save_weights(model, tokens, out, read_state(checkpoints), asked)


@starter.command()
@worded
def trial(
    name: str, work: Work = WORK, seed: Seed = 1, steps: Steps = 1_400, threads: Threads = 0,
    changes: Changes = None, compiled: Compiled = False,
    questions: Annotated[bool, typer.Option(help="read the real questions too")] = True,
) -> None:  # fmt: skip
    """Train for a short while with other numbers, measure, and add a row to the report's table."""
    from finetune.starter.corpus import read_dialogues
    from finetune.starter.measures import load, trial_figures
    from finetune.starter.rows import Recipe
    from finetune.starter.train import read_state
    from finetune.starter.trials import add_trial, changed

    folder = work / "trials" / name
    recipe = changed(Recipe(steps=steps, seed=seed), changes or ())
    _train(work, folder, folder / "weights", recipe, threads, compiled, questions)
    figures = trial_figures(
        *load(folder / "weights"), read_dialogues(work / "test.jsonl"), read_state(folder), seed
    )
    add_trial(name, recipe, figures | {"questions": questions})
    typer.echo(", ".join(f"{key} {value:.4g}" for key, value in figures.items()))


@starter.command()
@worded
def snapshot(work: Work = WORK, out: Out = WEIGHTS) -> None:
    """Write the last checkpoint as a model folder, while the training goes on or after it was stopped."""
    from finetune.starter.tokenizer import load_tokenizer
    from finetune.starter.train import load_checkpoint
    from finetune.starter.weights import save_weights

    tokens = load_tokenizer(work / "tokenizer")
    model, state = load_checkpoint(work, tokens)
    save_weights(model, tokens, out, state, (work / "questions.jsonl").exists())
    typer.echo(f"step {state['step']}, {state['tokens']} tokens")


@starter.command()
@worded
def report(
    work: Work = WORK, out: Out = WEIGHTS, seed: Seed = 1, page: Path = REPORT, corpus: Questions = None
) -> None:
    """Measure the finished model on held-out templates and write the report."""
    from finetune.starter.report import write_report

    write_report(work, out, page, seed, corpus)
    typer.echo(f"wrote {page}")


@starter.command()
@worded
def baseline(corpus: Corpus, work: Work = WORK / "baseline") -> None:
    """Write the public corpus's train split as dialogues: `tokenizer` and `train --work` then make the plain baseline."""
    from data.corpora.store import read_corpus

    dialogues = [tuple(e.messages) for e in read_corpus(corpus, ("train",))]
    _write(work / "train.jsonl", dialogues)
    typer.echo(f"{len(dialogues)} dialogues")


@starter.command()
@worded
def sheet(
    corpus: Corpus, baseline: Path = WORK / "baseline-weights", work: Work = WORK, out: Out = WEIGHTS,
    count: Annotated[int, typer.Option(min=2, help="test questions")] = 200, seed: Seed = 1,
) -> None:  # fmt: skip
    """Answer the test questions with the starter and the baseline, shuffled and unnamed, to be marked by hand; and hold
    fifty conversations with the starter."""
    from finetune.starter.marking import OURS, write_sheet, write_talks
    from finetune.starter.measures import answers_to, converse, load
    from finetune.starter.prompts import read_conversations, read_test_questions

    asked = dict(list(read_test_questions(corpus).items())[:count])
    ours = load(out)
    answers = {OURS: answers_to(*ours, asked), "baseline": answers_to(*load(baseline), asked)}
    replies = write_sheet(work / "marks", asked, answers, seed)
    later = write_talks(work / "marks", [converse(*ours, said) for said in read_conversations()])
    typer.echo(f"{replies} replies in {work / 'marks' / 'sheet.jsonl'}, {later} in talks.jsonl")


@starter.command()
@worded
def marks(by: Annotated[str, typer.Option(help="who marked, honestly")], work: Work = WORK) -> None:
    """Take the marked sheet in, without the questions' text."""
    from finetune.starter.marking import take_marks

    typer.echo(f"{take_marks(work / 'marks', by)} marks")


@starter.command()
@worded
def build(
    work: Work = WORK, out: Out = WEIGHTS, seed: Seed = 1, count: Count = DIALOGUES, steps: Steps = 6_000,
    threads: Threads = 0, page: Path = REPORT,
) -> None:  # fmt: skip
    """Corpus, tokenizer, training and report, one after the other."""
    corpus(work, seed, count)
    tokenizer(work)
    train(work, out, seed, steps, threads, None, 0, False)
    report(work, out, seed, page)
