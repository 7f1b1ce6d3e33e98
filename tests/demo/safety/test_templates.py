"""The words said in a crisis follow the wording rules, for every category, level, step and region."""

import re
from datetime import date
from itertools import product

import pytest

from data.records import Action, Assessment, Category, Evidence, Level, Message
from demo.safety import templates
from demo.safety.guard import REASONS, check
from demo.safety.risk import assess
from demo.safety.sentences import split_sentences
from demo.safety.templates import Template

FORBIDDEN = re.compile(
    r"commit(ted|ting)? suicide|successful|failed attempt|promise me|contract|selfish|therapy session", re.I
)


def met(category: Category, level: Level, rule: str = "x", action: Action = Action.CRISIS) -> Assessment:
    return Assessment(level, (category,), action, (Evidence(0, 1, rule, category, 0),), (rule,))


def crisis_texts() -> list[Template]:
    pairs = product(Category, (Level.R1, Level.R2, Level.R3, Level.R4), range(3), ("US", "GB", "ZZ"))
    found = [templates.crisis(met(c, level), step, region) for c, level, step, region in pairs]
    return [t for t in found if t is not None]


def openings() -> list[Template]:
    return [templates.opening(met(c, Level.R1, action=Action.CONCERN)) for c in Category]


def test_three_steps_then_none() -> None:
    assessment = met(Category.SELF_HARM, Level.R2)
    ids = [t.id if (t := templates.crisis(assessment, step)) else None for step in range(4)]
    assert ids == [
        "crisis.self-harm.confirm.r2",
        "crisis.self-harm.guide.r2",
        "crisis.self-harm.plan.r2",
        None,
    ]
    assert templates.crisis(assessment, -1) is None


def test_wording_rules_hold_everywhere() -> None:
    for template in crisis_texts() + openings():
        assert not FORBIDDEN.search(template.text), template.id
        assert "{" not in template.text, template.id
        assert re.search(r"\byou\b", template.text, re.I), template.id
        assert len(re.findall(r"^- .+ \(", template.text, re.M)) <= 3, template.id


def test_first_step_asks_and_names_professional_and_trusted_person_resources() -> None:
    for template in crisis_texts():
        if ".confirm." in template.id:
            assert "?" in template.text, template.id
            assert "findahelpline" in template.text or "- " in template.text, template.id
    for opening in openings():
        assert "?" in opening.text
        assert re.search(r"trust", opening.text), opening.id
        assert re.search(r"doctor|counselor|professional|trained", opening.text), opening.id


def test_emergency_comes_first_at_r4_and_distance_from_means_from_r3() -> None:
    for category in Category:
        at_r4 = templates.crisis(met(category, Level.R4), 0)
        at_r3 = templates.crisis(met(category, Level.R3), 0)
        assert at_r4 is not None
        assert at_r3 is not None
        assert "911" in split_sentences(at_r4.text)[0]
        assert "distance" in at_r4.text
        assert "distance" in at_r3.text
        assert "be with someone" in at_r3.text


def test_nothing_is_signed_until_a_clinician_signs() -> None:
    assert all(template.signed_by is None and template.version for template in crisis_texts() + openings())


def test_another_person_in_danger_and_grief_have_their_own_words() -> None:
    other = assess([Message("user", "My best friend said he wants to kill himself")])
    first = templates.crisis(other, 0)
    assert first is not None
    assert first.id.startswith("crisis.self-harm-other.confirm")
    assert (
        templates.opening(assess([Message("user", "My brother died by suicide last month")])).id
        == "opening.grief"
    )


@pytest.mark.parametrize("reason", REASONS)
def test_a_completion_passes_the_guard_itself(reason: str) -> None:
    template = templates.completion([reason])
    assert template.id == f"completion.{reason}"
    assert all(check(sentence).allow for sentence in split_sentences(template.text))


def test_an_unknown_reason_is_completed_too() -> None:
    assert templates.completion(["new"]).id == templates.completion([]).id == "completion.any"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("are you human?", "human.human"),
        ("Are you a real person", "human.human"),
        ("r u a bot", "human.human"),
        ("wait, am I talking to a real human?", "human.human"),
        ("is this an AI?", "human.human"),
        ("Are you a therapist?", "human.therapist"),
        ("are you actually a licensed counselor", "human.therapist"),
        ("are you okay?", None),
        ("I want to feel human again", None),
        ("my therapist is a real person who cares", None),
        ("are you free on Monday?", None),
    ],
)
def test_are_you_human(text: str, kind: str | None) -> None:
    template = templates.human_question(text)
    assert (template.id if template else None) == kind
    if template:
        assert template.text.startswith("No. I am an AI")


def test_card_of_every_region_and_of_an_unknown_one() -> None:
    assert {"US", "GB", "IE", "AU", "CA", "NZ"} <= set(templates.regions())
    for region in templates.regions():
        card = templates.resource_card(region)
        assert card.emergency in card.text
        assert card.resources
        assert "findahelpline.com" in card.fallback.reach
        assert all(r.source.startswith("https://") for r in card.resources)
    unknown = templates.resource_card("zz")
    assert unknown.resources == ()
    assert "local emergency number" in unknown.text


def test_what_was_never_checked_is_stale_and_the_card_says_so() -> None:
    stale = templates.stale_resources(date(2026, 11, 24))
    unchecked = [
        r
        for region in templates.regions()
        for r in templates.resource_card(region).resources
        if not r.verified_at
    ]
    assert [r for _, r in stale if r in unchecked] == unchecked
    for region in templates.regions():
        card = templates.resource_card(region)
        assert card.verified == all(r.verified_at for r in (*card.resources, card.fallback))
