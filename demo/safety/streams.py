"""JSON lines in, JSON lines out: the screen and the guard as commands."""

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any, get_args

from data.errors import Invalid
from data.records import Message
from demo.safety.guard import check
from demo.safety.risk import assess
from demo.safety.sentences import split_sentences

_ROLES = frozenset(get_args(Message.__annotations__["role"]))


def run_lines(lines: Iterable[str], work: Callable[[dict[str, Any]], dict[str, Any]]) -> Iterator[str]:
    """One JSON line for each line; empty ones are passed over. `Invalid` names the first line that cannot be used."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            yield json.dumps(work(_object(line)), ensure_ascii=False)
        except Invalid as error:
            raise Invalid(f"line {number}: {error}") from error


def screen_line(entry: dict[str, Any]) -> dict[str, Any]:
    """Level, categories, action and evidence of `{"text": …}` or `{"messages": [{"role": …, "content": …}]}`."""
    assessment = assess(_messages(entry))
    return {
        "level": assessment.level.name,
        "categories": [category.value for category in assessment.categories],
        "action": assessment.action.value,
        "evidence": [
            {
                "start": e.start,
                "end": e.end,
                "rule": e.rule,
                "category": e.category.value if e.category else None,
                "message": e.message,
            }
            for e in assessment.evidence
        ],
    }


def guard_line(entry: dict[str, Any]) -> dict[str, Any]:
    """Whether all of `{"text": …}` may be shown, sentence by sentence; `messages` may say what it answers."""
    text = _text(entry.get("text"))
    conversation = _messages({"messages": entry["messages"]}) if "messages" in entry else []
    before, reasons = "", dict[str, None]()
    for sentence in split_sentences(text):
        reasons |= dict.fromkeys(check(sentence, before, conversation).reasons)
        before += sentence
    return {"allow": not reasons, "reasons": list(reasons)}


def _object(line: str) -> dict[str, Any]:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise Invalid("this is not JSON") from error
    if not isinstance(entry, dict):
        raise Invalid("a JSON object is needed")
    return entry


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise Invalid('"text" must be a string')
    return value


def _messages(entry: dict[str, Any]) -> list[Message]:
    if "messages" not in entry:
        if "text" not in entry:
            raise Invalid('"text" or "messages" is needed')
        return [Message("user", _text(entry["text"]))]
    raw = entry["messages"]
    if not isinstance(raw, list):
        raise Invalid('"messages" must be a list')
    return [_message(item) for item in raw]


def _message(item: Any) -> Message:
    if (
        not isinstance(item, dict)
        or item.get("role") not in _ROLES
        or not isinstance(item.get("content"), str)
    ):
        raise Invalid(
            'each message needs a "role" (system, user or assistant) and a "content" that is a string'
        )
    return Message(item["role"], item["content"])
