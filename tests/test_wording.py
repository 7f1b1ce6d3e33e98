"""No page, template, card or document claims therapy, a licence or a cure: in some places that is the law."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
READ = sorted(
    {
        *ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("demo/**/*.py"), *ROOT.glob("review/**/*.py"),
        *ROOT.glob("finetune/*.py"), *ROOT.glob("data/resources/*.*"), *ROOT.glob("finetune/starter/weights/*.md"),
    }
)  # fmt: skip

# Illinois PA 104-0054, Nevada AB 406 and California AB 489: titles and services that only a licence allows.
TITLES = (
    r"therap(?:ist|y|eutic)|psychologists?|psychiatrists?|psychotherap(?:ist|y)|counsell?(?:or|ing)|doctor|nurse"
    r"|clinician"
)
CLAIMS = [
    re.compile(rf"\b(?:ai|virtual|digital|online|automated|robot)[ -](?:{TITLES})\b", re.I),
    re.compile(rf"\b(?:{TITLES})[ -](?:bot|chatbot|app|ai|in your pocket)\b", re.I),
    re.compile(
        r"\b(?:your|our) (?:ai |personal |own )?(?:therapist|psychologist|psychiatrist|counsell?or)\b", re.I
    ),
    re.compile(r"\b(?:clinically|medically|scientifically) (?:proven|validated|tested)\b", re.I),
    re.compile(
        r"\b(?:cures?|treats?|heals?) (?:your )?(?:depression|anxiety|trauma|ptsd|mental illness)\b", re.I
    ),
    re.compile(r"\b(?:replaces?|better than|instead of) (?:a |your )?(?:therapist|therapy|doctor)\b", re.I),
    re.compile(r"\bhipaa[ -](?:compliant|certified)\b|\bfda[ -](?:approved|cleared)\b", re.I),
]
DENIED = re.compile(r"\b(?:not?|nor|never|cannot|isn't|no longer|without|neither)\b[^.]{0,60}$", re.I)


def claims_in(text: str) -> list[str]:
    flat = " ".join(text.split())
    found = [match for claim in CLAIMS for match in claim.finditer(flat)]
    return [m.group() for m in found if not DENIED.search(flat[max(0, m.start() - 80) : m.start()])]


@pytest.mark.parametrize("path", READ, ids=lambda p: str(p.relative_to(ROOT)))
def test_nothing_claims_what_only_a_licence_allows(path):
    assert claims_in(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "text",
    [
        "Talk to our AI therapist.",
        "A counselling bot for you",
        "It treats depression",
        "clinically proven",
        "your own therapist",
    ],
)
def test_a_claim_is_found(text):
    assert claims_in(text)


@pytest.mark.parametrize(
    "text", ["It is not an AI therapist.", "A therapist can help.", "It never replaces a therapist."]
)
def test_what_is_denied_is_no_claim(text):
    assert claims_in(text) == []
