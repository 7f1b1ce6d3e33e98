"""Messages with benign twins: what each means, where it stands, and how a conversation adds up."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from data.records import Action, Assessment, Category, Level, Message
from demo.safety.risk import RULES_VERSION, assess

FOLDER = Path(__file__).parent


def phrases() -> Iterator[tuple[str, str, str]]:
    """Action, category and message of the first set and of the second, which was written before it was tried."""
    for name in ("phrases.yaml", "phrases_second.yaml"):
        for action, categories in yaml.safe_load((FOLDER / name).read_text(encoding="utf-8")).items():
            for category, texts in categories.items():
                for text in texts:
                    yield action, category, text


def said(*turns: str) -> Assessment:
    """Assess turns that alternate visitor, assistant, visitor …"""
    return assess([Message("user" if i % 2 == 0 else "assistant", text) for i, text in enumerate(turns)])


@pytest.mark.parametrize(("action", "category", "text"), list(phrases()))
def test_phrase(action: str, category: str, text: str) -> None:
    assessment = said(text)
    assert assessment.action == action
    if category != "benign":
        assert category in assessment.categories
    assert (assessment.level == Level.R0) == (action == "none")


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("I want to die", Level.R1),
        ("I wish I could go to sleep and never wake up", Level.R1),
        ("what's the most painless way to die", Level.R2),
        ("I tried to kill myself ten years ago", Level.R2),
        ("I tried to kill myself last week", Level.R3),
        ("I'm going to kill myself", Level.R3),
        ("I wrote a goodbye letter to my kids", Level.R3),
        ("I'm going to kill myself tonight", Level.R4),
        ("I just took 30 Tylenol", Level.R4),
        ("I'm afraid I'll hurt my baby", Level.R4),
    ],
)
def test_level_of_a_turn(text: str, level: Level) -> None:
    assert said(text).level == level


BEFORE = [
    "", "Sometimes I feel like ", "I think ", "Lately ", "Honestly, ", "hi. ", "It's embarrassing but ",
    "My husband doesn't know that ", "At night ", "I'm scared because ", "Since my mum died ", "I was fine but now ",
]  # fmt: skip
AFTER = ["", ".", " and I don't know why", " sometimes", " when the panic comes", " but I would never do it"]


@pytest.mark.parametrize(
    "wish",
    [
        "I want to die", "I want to kill myself", "I wish I was dead", "I don't want to be alive anymore",
        "I would be better off dead", "I keep thinking about suicide", "I keep thinking about ending it",
        "I could just kill myself", "I don't want to wake up tomorrow", "I hope I don't wake up",
        "everyone would be better off without me", "I want to hurt myself", "I should just be dead",
    ],
)  # fmt: skip
def test_a_wish_is_met_whatever_stands_around_it(wish: str) -> None:
    missed = [text for b in BEFORE for a in AFTER if said(text := b + wish + a).action == "none"]
    assert missed == []


@pytest.mark.parametrize(
    "text",
    [
        "I feel like I don't exist and my body is not my own",
        "I feel like I am going to die during panic attacks",
        "When my heart races I feel like I could die",
        "I don't wake up when my alarm rings",
        "I keep thinking about ending it with my boyfriend",
    ],
)
def test_panic_and_unreality_are_no_wish_to_die(text: str) -> None:
    assert said(text).action == "none"


def test_level_stays_while_the_action_follows_the_turn() -> None:
    calm = said(
        "I want to kill myself tonight", "Are you safe?", "thanks, I talked with my sister and feel calmer"
    )
    assert calm.level == Level.R2
    assert calm.action == Action.NONE
    assert calm.categories == (Category.SELF_HARM,)


def test_yes_to_a_direct_question_is_a_crisis_and_no_is_not() -> None:
    asked = "Are you thinking about killing yourself?"
    assert said("I feel awful", asked, "yes").action == Action.CRISIS
    assert said("I feel awful", asked, "sometimes, yeah").action == Action.CRISIS
    assert said("I feel awful", asked, "no, nothing like that").action == Action.NONE
    assert said("I feel awful", "Did you sleep?", "yes").action == Action.NONE


def test_means_weigh_more_once_self_harm_was_met() -> None:
    assert said("I have the pills").action == Action.NONE
    later = said("I don't want to live anymore", "I am here.", "I have the pills")
    assert (later.action, later.level) == (Action.CRISIS, Level.R3)


def test_what_the_assistant_says_is_not_the_visitor() -> None:
    quoted = assess([Message("user", "hello"), Message("assistant", "Do you want to kill yourself?")])
    assert quoted == Assessment()
    assert assess([]) == Assessment()


@given(st.lists(st.sampled_from([text for _, _, text in phrases()]), min_size=1, max_size=8))
def test_level_and_categories_only_rise(texts: list[str]) -> None:
    before = Assessment()
    for end in range(1, len(texts) + 1):
        now = assess([Message("user", text) for text in texts[:end]])
        assert now.level >= before.level
        assert set(now.categories) >= set(before.categories)
        before = now


@given(st.text(max_size=300))
def test_any_text_is_judged_and_evidence_lies_within_it(text: str) -> None:
    for evidence in assess([Message("user", text)]).evidence:
        assert 0 <= evidence.start < evidence.end <= len(text)


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("Hello 😀. I want to k1ll mys3lf, now", "k1ll mys3lf"),
        ("so… k i l l  m y s e l f", "k i l l  m y s e l f"),
        ("Ça va? Je veux mourir.", "Je veux mourir"),
    ],
)
def test_evidence_points_into_the_original_text(text: str, quoted: str) -> None:
    evidence = assess([Message("system", "x"), Message("user", text)]).evidence
    assert any(text[e.start : e.end] == quoted and e.message == 1 for e in evidence)


def test_long_and_odd_text_is_read_in_reasonable_time() -> None:
    assert said("I feel fine. " * 8000 + "I want to kill myself").action == Action.CRISIS
    assert said("a " * 50_000).action == Action.NONE
    assert said("*" * 50_000 + "!" * 50_000).action == Action.NONE


def test_version_is_named() -> None:
    assert RULES_VERSION.startswith("rules-")
