"""Once round: chat, two blind reviews, a ruling, export, training, gate, promotion, a new chat, rollback.

Everything is real: the started application, its database, the bundled model, the training, and a browser for each
person. The people are fixtures; `SYNTHETIC` marks them and everything that they write.
"""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from sqlalchemy import select

from data.database import Database, open_database
from data.exports import read_export
from data.schema import Adapter, Audit, QueueEntry, Response, Reviewer, Session
from tests.browser import FLAGS, find_chromium
from tests.serving import ROOT, Served, serve

PASSWORD = "a synthetic password of this test"
PATIENCE = 60_000  # ms; two cores do everything here
MARKED = "My exam is tomorrow and I cannot stop shaking."
CORRECTION = "Shaking the night before an exam makes sense. What part of tomorrow worries you most?"
GOOD = {"medical_advice": "No", "factual_consistency": "4", "toxicity": "1"}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def corpora(tmp_path_factory: pytest.TempPathFactory, datasets_dir: Path) -> Path:
    """A real slice: one of the public sets, prepared by the command, where the desk looks for corpora."""
    var = tmp_path_factory.mktemp("circle")
    command = [sys.executable, "-m", "data", "prepare", "heliosbrahma", "--from", str(datasets_dir)]
    subprocess.run(
        [*command, "--out", str(var / "corpora" / "helios")], cwd=ROOT, check=True, capture_output=True
    )
    return var


@pytest.fixture(scope="module")
def served(corpora: Path) -> Iterator[Served]:
    application = serve(corpora, SYNTHETIC="true", MESSAGES_PER_MINUTE="100")
    yield application
    application.stop()


@pytest.fixture(scope="module")
def kept(served: Served, corpora: Path) -> Iterator[Database]:
    database = open_database(f"sqlite:///{corpora / 'countersign.db'}")
    yield database
    database.close()


def _open(browser: Browser, url: str) -> Page:
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(url)
    return page


def _sign_up(browser: Browser, link: str, login: str, licensed: bool = True) -> Page:
    page = _open(browser, link)
    page.get_by_label("Name", exact=False).first.fill(f"Synthetic {login}")
    page.get_by_label("Login").fill(login)
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("input[name=again]").fill(PASSWORD)
    if licensed:
        page.get_by_label("Licensed by").fill("synthetic board")
        page.get_by_label("Licence number").fill(f"synthetic-{login}")
    page.get_by_role("button", name="Make the account").click()
    page.wait_for_url("**/review/**")
    return page


def _invite(boss: Page, served: Served, role: str) -> str:
    boss.goto(f"{served.url}/review/accounts")
    boss.get_by_label(role).check()
    box = boss.locator("#link textarea, #link input")
    boss.get_by_role("button", name="Make a link").click()
    expect(box).not_to_have_value("", timeout=PATIENCE)
    return box.input_value()


def _verify_licence(boss: Page, served: Served, login: str) -> None:
    boss.goto(f"{served.url}/review/accounts")
    boss.locator("#person input").click()
    boss.get_by_role("option", name=login).click()
    boss.get_by_role("button", name="Verify licence").click()
    expect(boss.locator("#said")).to_contain_text("verified", timeout=PATIENCE)


def _begin_chat(browser: Browser, served: Served, training: bool) -> Page:
    page = _open(browser, served.url)
    page.get_by_label("I am 18 or over").check()
    if training:
        page.get_by_label("may be used to improve the model").first.check()
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.get_by_label("Your message")).to_be_visible(timeout=PATIENCE)
    return page


def _say(page: Page, text: str) -> None:
    """Send a message and wait until its reply has ended."""
    page.get_by_label("Your message").fill(text)
    page.get_by_label("Your message").press("Enter")
    expect(page.get_by_label("Your message")).to_have_value("", timeout=PATIENCE)
    expect(page.get_by_role("button", name="Send", exact=True)).to_be_visible(timeout=PATIENCE)


def _review_all(page: Page, served: Served, correction: str) -> int:
    """Judge until nothing waits: the marked case is corrected, every other approved. Returns how many."""
    page.goto(f"{served.url}/review/")
    page.locator("[data-act=start]").click()
    expect(page.locator("section.cs-review")).to_be_visible(timeout=PATIENCE)
    done = 0
    while page.locator("section.cs-review").count():
        token = page.locator("section.cs-review").get_attribute("data-token")
        corrected = (
            MARKED
            in page.locator(".cs-talk").inner_text().split("Reply to review")[0].rsplit("Visitor", 1)[-1]
        )
        _judge(page, correction if corrected else "")
        page.get_by_role("button", name="Submit and next").click()
        page.wait_for_function(
            """t => { const c = document.querySelector('section.cs-review');
                      return c ? c.dataset.token !== t : !!document.querySelector('.cs-start'); }""",
            arg=token,
        )
        done += 1
    return done


def _judge(page: Page, correction: str) -> None:
    for scale in page.locator("fieldset.cs-scale").all():
        name = scale.get_attribute("data-name") or ""
        options = scale.locator("label")
        if name in GOOD:
            options.filter(has_text=GOOD[name]).first.click()
        else:
            options.nth(3 if options.count() == 5 else 0).click()
    if correction:
        page.locator(".cs-verdict label.cs-correct").click()
        page.locator("#cs-correction").fill(correction)
        page.locator("fieldset.cs-chips label").first.click()
    else:
        page.locator(".cs-verdict label.cs-approve").click()


def _adjudicate(page: Page, served: Served) -> None:
    page.goto(f"{served.url}/review/adjudication")
    page.locator("[data-act=start]").click()
    page.locator("section.cs-dispute .cs-verdict label.cs-correct").click()
    page.locator(".cs-texts label").first.click()
    page.locator("#cs-rationale").fill("A synthetic reason: the first correction asks one open question.")
    page.get_by_role("button", name="Submit and next").click()
    expect(page.locator(".cs-start")).to_be_visible(timeout=PATIENCE)


def _train(page: Page, served: Served, name: str) -> None:
    page.goto(f"{served.url}/review/training")
    page.get_by_label("Corpora").click()  # the form is open while there is no run
    page.get_by_role("option", name="helios").click()
    page.keyboard.press("Escape")
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Start", exact=True).click()
    _job_ends(page, "train")
    for button, job in (("Evaluate", "evaluate"), ("Put through the gate", "gate")):
        page.get_by_role("button", name=button).click()
        _job_ends(page, job)


def _job_ends(page: Page, job: str) -> None:
    expect(page.locator("#run-status")).to_contain_text(f"{job} finished", timeout=480_000)


@pytest.mark.timeout(1500)
def test_once_round_the_circle(browser: Browser, served: Served, kept: Database, corpora: Path):
    assert served.link is not None
    boss = _sign_up(browser, served.url + served.link, "boss@synthetic.example")
    people = {
        login: _sign_up(browser, _invite(boss, served, role), login, licensed)
        for login, role, licensed in (
            ("two@synthetic.example", "Clinician", True),
            ("three@synthetic.example", "Clinician", True),
            ("engineer@synthetic.example", "Engineer", False),
        )
    }
    second, third, engineer = people.values()
    for login in ("two@synthetic.example", "three@synthetic.example"):
        _verify_licence(boss, served, login)

    visitor = _begin_chat(browser, served, training=True)
    _say(visitor, "Work has been heavy lately and I lie awake at night.")
    _say(visitor, MARKED)
    other = _begin_chat(browser, served, training=False)
    _say(other, "I argued with my sister and I feel bad about it.")

    assert _review_all(boss, served, CORRECTION) == 3
    assert _review_all(second, served, "A different synthetic correction. What would help tonight?") == 3
    with kept.reading() as tx:
        states = sorted(entry.state for entry in tx.scalars(select(QueueEntry)))
        assert states == ["adjudication", "decided", "decided"]
    _adjudicate(third, served)

    boss.goto(f"{served.url}/review/export")
    boss.get_by_role("button", name="Export what is decided now").click()
    download = boss.get_by_role("link", name="Download")
    expect(download).to_be_visible(timeout=PATIENCE)
    assert boss.request.get(served.url + (download.get_attribute("href") or "")).status == 200
    (folder,) = [p for p in (corpora / "exports").iterdir() if p.is_dir()]
    examples, manifest = read_export(folder)
    assert CORRECTION in [e.messages[-1].content for e in examples]
    assert manifest["excluded"]["no training consent"] == 1
    assert manifest["counts"]["synthetic"] == manifest["counts"]["pairs"] == len(examples)

    _train(engineer, served, "circle")
    with kept.reading() as tx:
        adapter = tx.get(Adapter, "circle")
        assert adapter is not None
        assert adapter.status == "passed", adapter.gate
    _promote(engineer, second, served, kept)

    _say(visitor, "It is me again.")  # a conversation keeps the model that it began with
    fresh = _begin_chat(browser, served, training=False)
    _say(fresh, "I feel lonely in this new city.")
    assert [r.adapter for r in _responses(kept)][-2:] == ["", "circle"]

    boss.goto(f"{served.url}/review/training")
    boss.get_by_role("button", name="Roll back").click()
    expect(boss.get_by_text("New sessions are answered by the model alone").first).to_be_visible(
        timeout=PATIENCE
    )
    last = _begin_chat(browser, served, training=False)
    _say(last, "Good evening.")
    assert _responses(kept)[-1].adapter == ""
    with kept.reading() as tx:
        actions = set(tx.scalars(select(Audit.action)))
        assert all(s.synthetic for s in tx.scalars(select(Session)))
        assert all(r.synthetic for r in tx.scalars(select(Reviewer)))
    assert {"session.start", "review.submit", "export", "licence.verify"} <= actions


def _promote(engineer: Page, clinician: Page, served: Served, kept: Database) -> None:
    """One person's yes is not enough; the second's, a clinician's, is."""
    engineer.get_by_role("button", name="Approve").click()
    expect(engineer.locator("#run-status")).to_contain_text(
        "waiting for a licensed clinician", timeout=PATIENCE
    )
    expect(engineer.get_by_role("button", name="Promote")).to_have_count(0)
    with kept.reading() as tx:
        adapter = tx.get(Adapter, "circle")
        assert adapter is not None
        assert adapter.status == "passed"
    clinician.goto(f"{served.url}/review/training")
    expect(clinician.locator("#run-status")).to_contain_text(
        "waiting for a licensed clinician", timeout=PATIENCE
    )
    clinician.get_by_role("button", name="Approve").click()
    expect(clinician.locator("#run-status")).to_contain_text("approved", timeout=PATIENCE)
    clinician.get_by_role("button", name="Promote").click()
    expect(clinician.get_by_text("New sessions are answered by circle").first).to_be_visible(timeout=PATIENCE)


def _responses(kept: Database) -> list[Response]:
    with kept.reading() as tx:
        return list(tx.scalars(select(Response).order_by(Response.opened_at)))
