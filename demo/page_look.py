"""How the chat looks, and the parts of it that are plain HTML: header, notice, resource card, what is kept."""

import html
import re
from collections.abc import Sequence

from data.records import Message
from demo import wording
from demo.safety.templates import Card

CSS = """
.cs-page { max-width: 780px !important; margin: 0 auto !important; gap: 16px !important; }
.cs-page .html-container { padding: 0 !important; overflow: visible; }
.cs-head { display: flex; align-items: center; gap: 12px 16px; flex-wrap: wrap; padding: 8px 0 0; }
.cs-head h1 { font-size: 1.35rem; font-weight: 650; letter-spacing: -.01em; margin: 0; line-height: 1.3; }
.cs-head p { margin: 2px 0 0; color: var(--body-text-color-subdued); font-size: .95rem; line-height: 1.45; }
.cs-words { flex: 1 1 300px; }
.cs-actions { display: flex; gap: 8px; align-items: center; }
.cs-pill { border-radius: 999px; padding: 9px 18px; font-size: .95rem; font-weight: 600; line-height: 1.3; cursor: pointer;
  border: 1px solid var(--border-color-primary); background: transparent; color: var(--body-text-color);
  text-decoration: none !important; white-space: nowrap; }
.cs-pill:hover { background: var(--background-fill-secondary); }
.cs-pill.cs-strong { background: #9f1239; border-color: #9f1239; color: #fff; }
.cs-pill.cs-strong:hover { background: #881337; }
.cs-label { margin: 0; font-size: .9rem; color: var(--body-text-color-subdued); }
.cs-top { display: flex; flex-wrap: wrap; gap: 2px 0; align-items: baseline; }
.cs-known { margin-left: auto; }
.cs-known code { font-family: var(--font-mono); background: none; border: 0; padding: 0; font-size: .9em; color: inherit; }
.cs-label::before { content: ""; display: inline-block; width: 8px; height: 8px; border-radius: 50%;
  background: var(--primary-600); margin-right: 8px; }

.cs-card { border: 1px solid var(--border-color-primary); border-left: 4px solid #be123c; border-radius: 12px;
  padding: 18px 20px; background: var(--background-fill-primary); color: var(--body-text-color); line-height: 1.5; }
.cs-card h2 { font-size: 1.1rem; margin: 0 0 6px; font-weight: 650; }
.cs-card p { margin: 0 0 8px; }
.cs-card ul { margin: 8px 0; padding: 0; list-style: none; }
.cs-card li { padding: 7px 0; margin: 0 !important; border-top: 1px solid var(--border-color-primary); }
.cs-card li strong { display: block; font-weight: 600; color: inherit; }
.cs-card small { color: var(--body-text-color-subdued); font-size: .85rem; }
.cs-brief { display: flex; gap: 8px 16px; align-items: center; flex-wrap: wrap; padding: 12px 16px; }
.cs-brief p { flex: 1 1 300px; margin: 0; }
#cs-help { width: min(520px, calc(100vw - 32px)); max-height: calc(100dvh - 48px); overflow: auto; border: 0; padding: 0;
  margin: auto !important; background: transparent; }
#cs-help::backdrop { background: rgb(15 23 42 / .5); }
#cs-help .cs-actions { margin-top: 14px; justify-content: flex-end; }

.cs-notice-list { display: grid; gap: 18px 28px; margin: 14px 0 4px;
  grid-template-columns: repeat(auto-fit, minmax(260px, 1fr)); }
.cs-notice-list h3 { font-size: 1rem; font-weight: 650; margin: 0 0 4px; }
.cs-notice-list p { margin: 0; line-height: 1.6; font-size: .97rem; }
.cs-gate { padding: 28px !important; border: 1px solid var(--border-color-primary); border-radius: 16px !important;
  background: var(--background-fill-primary); gap: 16px !important; }
.cs-gate h2 { font-size: 1.2rem; font-weight: 650; margin: 0; }
.cs-gate .block { background: transparent !important; padding: 0 !important; border: 0 !important;
  box-shadow: none !important; }
.cs-gate label span { font-size: 1rem; }
.cs-gate button.primary { align-self: flex-start; min-width: 180px !important; width: auto; flex: none; }

.cs-chat { height: clamp(300px, calc(100dvh - 330px), 640px) !important; border: 0 !important; box-shadow: none !important;
  background: transparent !important; }
.cs-chat .bubble-wrap, .cs-compose .form, .cs-yours .form { background: transparent !important; border: 0 !important;
  box-shadow: none !important; }
.cs-chat .bubble-wrap { padding: 8px 0 !important; }
.cs-chat .message-wrap { padding: 0 !important; }
.cs-chat .message-row { margin-left: 0 !important; margin-right: 0 !important; }
.cs-chat .icon-button-wrapper.top-panel { display: none !important; }
.cs-chat .message { font-size: 1rem !important; line-height: 1.6; border-radius: 16px !important;
  box-shadow: none !important; padding: 10px 16px !important; }
.cs-chat .message, .cs-chat .message * { overflow-wrap: anywhere; min-width: 0; }
.cs-chat .user .message { border-color: transparent !important; }
.cs-chat .bot .message { background: var(--background-fill-secondary) !important; border-color: transparent !important; }
.cs-chat .message-buttons-right { display: none !important; }
.cs-chat .message-buttons-left { margin: 0 !important; opacity: .75; }
.cs-chat .message-buttons-left * { border: 0 !important; box-shadow: none !important; background: transparent !important; }
.cs-compose { align-items: flex-end !important; gap: 10px !important; flex-wrap: nowrap !important; }
.cs-compose > .form { min-width: 0 !important; flex: 1 1 auto !important; }
.cs-compose .block { min-width: 0 !important; padding: 0 !important; border: 0 !important;
  background: transparent !important; box-shadow: none !important; }
.cs-compose .block label > span { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
.cs-compose textarea { font-size: 1rem !important; line-height: 1.5; border-radius: 14px !important;
  padding: 11px 14px !important; }
.cs-compose button { flex: none !important; min-width: 88px !important; height: 48px; border-radius: 14px; }
.cs-tools { gap: 4px 8px !important; flex-wrap: wrap !important; align-items: center; }
.cs-tools > * { flex: none !important; min-width: 0 !important; width: auto !important; }
.cs-tools button { background: transparent; border-color: transparent; box-shadow: none; font-weight: 500; padding: 6px 10px;
  color: var(--body-text-color-subdued); }
.cs-tools button:hover { color: var(--body-text-color); background: var(--background-fill-secondary); }
.cs-hint { margin: 0 0 0 auto !important; border: 0 !important; background: transparent !important; }
.cs-hint p { font-size: .8rem; color: var(--body-text-color-subdued); margin: 0; }
.cs-said { border-radius: 12px; padding: 12px 16px; background: var(--background-fill-secondary); line-height: 1.55;
  border: 1px solid var(--border-color-primary); margin: 0; }
.cs-yours { border: 0 !important; border-top: 1px solid var(--border-color-primary) !important; border-radius: 0 !important;
  box-shadow: none !important; background: transparent !important; padding: 4px 0 !important; }
.cs-yours > button { text-align: left; padding: 10px 0; }
.cs-yours .block { background: transparent !important; padding: 4px 0 !important; border: 0 !important;
  box-shadow: none !important; }
.cs-yours button.lg { align-self: flex-start; width: auto; flex: none; font-size: .95rem; }
.cs-kept { max-height: 340px; overflow: auto; padding: 4px 2px; }
.cs-kept dt { font-weight: 600; margin-top: 12px; font-size: .9rem; color: var(--body-text-color-subdued); }
.cs-kept dd { margin: 2px 0 0; white-space: pre-wrap; overflow-wrap: anywhere; line-height: 1.55; }
.cs-code input, .cs-code textarea { font-family: var(--font-mono) !important; letter-spacing: .06em; }
.cs-page:has(.cs-brief) .cs-chat { height: clamp(220px, calc(100dvh - 420px), 560px) !important; }
@media (max-width: 640px) {
  .gradio-container > main, .gradio-container main.contain { padding: 12px !important; }
  .cs-gate { padding: 18px !important; }
  .cs-page:has(.cs-chat) .cs-words p { display: none; }
  .cs-chat { height: clamp(260px, calc(100dvh - 320px), 600px) !important; }
  .cs-page:has(.cs-brief) .cs-chat { height: clamp(200px, calc(100dvh - 450px), 560px) !important; }
  .cs-known { margin-left: 16px; }
  .cs-brief { padding: 10px 12px; gap: 8px; }
  .cs-hint { display: none !important; }
  .cs-compose button { min-width: 72px !important; }
  .cs-head .cs-actions { width: 100%; }
  .cs-head .cs-pill { flex: 1; text-align: center; padding: 10px 8px; }
}
"""

# Leaving replaces the page in the tab's history, so that "back" does not return to it.
HEAD = """<meta name="referrer" content="no-referrer">
<script>
document.addEventListener("click", event => {
  const link = event.target.closest && event.target.closest("[data-leave]");
  if (link) { event.preventDefault(); location.replace(link.href); }
});
</script>"""


def header_html(card: Card) -> str:
    """The head of the page. The resource card is in it: the button opens it without the server."""
    return f"""<header class="cs-head"><div class="cs-words"><h1>{wording.NAME}</h1><p>{wording.TAGLINE}</p></div>
<div class="cs-actions"><a class="cs-pill" data-leave href="https://www.wikipedia.org/" rel="noreferrer"
title="{wording.LEAVE_TITLE}">{wording.LEAVE}</a>
<button type="button" class="cs-pill cs-strong" popovertarget="cs-help" aria-haspopup="dialog">{wording.HELP}</button>
</div></header>
<div id="cs-help" popover role="dialog" aria-label="{html.escape(card.title)}">{card_html(card, close=True)}</div>"""


def label_html(code: str) -> str:
    """What stays above the conversation: that an AI answers, and the visitor's code."""
    known = f'<span class="cs-known">{wording.CODE}: <code>{html.escape(code)}</code></span>' if code else ""
    return f'<p class="cs-label cs-top"><span>{wording.LABEL}</span>{known}</p>'


def card_html(card: Card, close: bool = False) -> str:
    lines = "".join(
        f"<li><strong>{html.escape(r.name)}</strong>{html.escape(r.reach)} <small>{html.escape(r.hours)}</small></li>"
        for r in (*card.resources, card.fallback)
    )
    unverified = "" if card.verified else f"<p><small>{wording.UNVERIFIED}</small></p>"
    button = (
        f'<div class="cs-actions"><button type="button" class="cs-pill" popovertarget="cs-help" '
        f'popovertargetaction="hide">{wording.CLOSE}</button></div>'
        if close
        else ""
    )
    return (
        f'<section class="cs-card" aria-label="{html.escape(card.title)}"><h2>{html.escape(card.title)}</h2>'
        f"<p>{html.escape(card.text)}</p><ul>{lines}</ul>{unverified}{button}</section>"
    )


def brief_html(card: Card) -> str:
    """The card in one paragraph, to stay in view beside a conversation; the whole one is a press away."""
    first = (*card.resources, card.fallback)[0]
    return (
        f'<section class="cs-card cs-brief" aria-label="{html.escape(card.title)}"><p><strong>{html.escape(card.title)}'
        f"</strong> Call {html.escape(card.emergency)} in danger, or {html.escape(first.name)}: {html.escape(first.reach)}, "
        f'{html.escape(first.hours)}.</p><button type="button" class="cs-pill" popovertarget="cs-help" '
        f'aria-haspopup="dialog">{wording.MORE_HELP}</button></section>'
    )


def notice_html(contact: str) -> str:
    parts = "".join(f"<div><h3>{title}</h3><p>{text}</p></div>" for title, text in wording.NOTICE)
    answers = f'<p class="cs-label">Who answers for this site: {html.escape(contact)}</p>' if contact else ""
    return f'<h2>{wording.NOTICE_TITLE}</h2><div class="cs-notice-list">{parts}</div>{answers}'


def said_html(words: str, alert: bool = False) -> str:
    """Words of the program to the visitor; `words` is HTML already escaped."""
    return f'<p class="cs-said" role="{"alert" if alert else "status"}">{words}</p>'


def kept_html(summary: str, messages: Sequence[Message]) -> str:
    who = {"user": "You wrote", "assistant": "The answer"}
    said = "".join(f"<dt>{who[m.role]}</dt><dd>{html.escape(m.content)}</dd>" for m in messages)
    return f'{said_html(html.escape(summary))}<dl class="cs-kept" tabindex="0" aria-label="What is kept">{said}</dl>'


def as_markdown(text: str) -> str:
    """A reply for the chatbot: its markdown is rendered, markup in it is text, and no picture is fetched."""
    closed = re.sub(
        r"^(- .*)\n(?!- |\n)", r"\1\n\n", _no_markup(text), flags=re.MULTILINE
    )  # what follows a list
    return closed.replace("![", "!\\[")


def as_text(text: str) -> str:
    """A visitor's message for the chatbot, to be seen as it was written.

    Only what markdown would act on is escaped, because screen readers are given the escapes too.
    """
    escaped = re.sub(r"([\\`*_\[\]~|])", r"\\\1", _no_markup(text))
    starts = re.sub(r"^([ \t]*)([#>+\-=]|\d+(?=[.)]))", _first_escaped, escaped, flags=re.MULTILINE)
    return re.sub(r"^[ \t]+", lambda m: "\u00a0" * len(m.group()), starts, flags=re.MULTILINE)


def _first_escaped(match: re.Match[str]) -> str:
    """A number at the start of a line is kept from being a list by a joiner after it, which nobody sees."""
    mark = match.group(2)
    return match.group(1) + (f"{mark}\u2060" if mark.isdigit() else f"\\{mark}")


def _no_markup(text: str) -> str:
    return re.sub(r"&(?=#?\w+;)", "&amp;", text).replace("<", "&lt;")
