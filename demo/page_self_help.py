"""What helps without the server, the model or the database: a grounding exercise, and a safety plan to fill in and print.

Both are popovers in the page. What is written into the plan is never sent: the fields have no names, stand in no form and
no component, and printing happens in the visitor's own tab.
"""

import html
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from demo import wording
from demo.safety.templates import Card

_WORDS = Path(__file__).parents[1] / "data" / "resources" / "self_help.yaml"

CSS = """
.cs-self-help { display: flex; flex-wrap: wrap; gap: 0 18px; align-items: baseline; margin: 0; font-size: .95rem;
  color: var(--body-text-color-subdued); }
.cs-link { background: none; border: 0; box-shadow: none !important; padding: 6px 0; font: inherit; cursor: pointer;
  color: var(--body-text-color); text-decoration: underline; text-underline-offset: 3px;
  text-decoration-color: var(--border-color-primary); }
.cs-link:hover { text-decoration-color: currentColor; }
.cs-sheet { width: min(620px, calc(100vw - 32px)); max-height: calc(100dvh - 48px); overflow: auto; border: 0; padding: 0;
  margin: auto !important; background: transparent; }
.cs-sheet::backdrop { background: rgb(15 23 42 / .5); }
.cs-sheet .cs-card { border-left-color: var(--primary-600); }
.cs-sheet ol { margin: 12px 0; padding: 0; list-style: none; counter-reset: step; }
.cs-sheet li { display: grid; grid-template-columns: 2rem 1fr; padding: 10px 0; counter-increment: step; font-size: 1.05rem;
  border-top: 1px solid var(--border-color-primary); }
.cs-sheet li::before { content: counter(step); font-weight: 650; color: var(--primary-600); }
.cs-sheet label { display: block; font-weight: 600; font-size: 1rem; }
.cs-sheet textarea { width: 100%; margin-top: 6px; padding: 8px 10px; border-radius: 10px; resize: vertical; font: inherit;
  font-size: 1rem; border: 1px solid var(--border-color-primary); background: var(--background-fill-secondary);
  color: var(--body-text-color); }
.cs-sheet .cs-actions { justify-content: flex-end; margin-top: 8px; }
"""

# The plan is printed from a frame of its own, so that paper shows all of every answer and nothing else of the page.
HEAD = """<script>
document.addEventListener("click", event => {
  if (!(event.target.closest && event.target.closest("[data-print-plan]"))) return;
  const plan = document.getElementById("cs-plan"), frame = document.createElement("iframe");
  frame.style.cssText = "position: fixed; width: 0; height: 0; border: 0";  // Firefox prints no frame that is not displayed
  document.body.append(frame);
  const page = frame.contentDocument, add = (name, text) => {
    const part = page.createElement(name);
    part.textContent = text;
    part.style.whiteSpace = "pre-wrap";
    page.body.append(part);
  };
  page.title = plan.querySelector("h2").textContent;
  page.body.style.font = "12pt/1.5 Georgia, serif";
  add("h1", page.title);
  for (const step of plan.querySelectorAll("li")) {
    add("h2", step.querySelector("label").textContent);
    add("p", step.querySelector("textarea").value || " ");
    const services = step.querySelector("small[data-services]");
    if (services) add("p", services.textContent);
  }
  frame.contentWindow.addEventListener("afterprint", () => frame.remove());
  frame.contentWindow.print();
});
</script>"""


def links_html() -> str:
    """The two buttons that stay on the page."""
    buttons = "".join(_opener(name, f"cs-{name}", "cs-link") for name in ("grounding", "plan"))
    return f'<p class="cs-self-help"><span>{wording.SELF_HELP}</span>{buttons}</p>'


def sheets_html(card: Card) -> str:
    """The exercise and the plan, each opened by its button; `card` names the services of the visitor's region."""
    return _sheet("grounding", _exercise()) + _sheet("plan", _questions(card), _print_button())


def _exercise() -> str:
    steps = "".join(f"<li><span>{html.escape(step)}</span></li>" for step in _words()["grounding"]["steps"])
    return f"<ol>{steps}</ol><p>{html.escape(_words()['grounding']['after'])}</p>"


def _questions(card: Card) -> str:
    services = [f"{line.name}: {line.reach}" for line in (*card.resources[:1], card.fallback)]
    known = html.escape(" · ".join([f"In danger: {card.emergency}", *services]))
    steps = "".join(
        f'<li><div><label for="cs-plan-{n}">{html.escape(step["ask"])}</label><small>{html.escape(step["hint"])}</small>'
        f'<textarea id="cs-plan-{n}" rows="2" autocomplete="off"></textarea>'
        f"{f'<small data-services>{known}</small>' if step.get('services') else ''}</div></li>"
        for n, step in enumerate(_words()["plan"]["steps"])
    )
    return f"<ol>{steps}</ol>"


def _sheet(name: str, content: str, button: str = "") -> str:
    words = _words()[name]
    title, text = html.escape(words["title"]), html.escape(words["text"])
    close = (
        f'<button type="button" class="cs-pill" popovertarget="cs-{name}" popovertargetaction="hide">'
        f"{wording.CLOSE}</button>"
    )
    return (
        f'<div id="cs-{name}" class="cs-sheet" popover role="dialog" aria-label="{title}"><section class="cs-card">'
        f'<h2>{title}</h2><p>{text}</p>{content}<div class="cs-actions">{button}'
        f"{_opener('', 'cs-help', 'cs-pill cs-strong')}{close}</div></section></div>"
    )


def _opener(name: str, target: str, look: str) -> str:
    title = html.escape(_words()[name]["title"]) if name else wording.HELP
    return f'<button type="button" class="{look}" popovertarget="{target}" aria-haspopup="dialog">{title}</button>'


def _print_button() -> str:
    return f'<button type="button" class="cs-pill" data-print-plan>{html.escape(_words()["plan"]["print"])}</button>'


@cache
def _words() -> Mapping[str, Any]:
    return yaml.safe_load(_WORDS.read_text(encoding="utf-8"))
