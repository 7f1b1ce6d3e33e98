"""What the model is told before the conversation, and which part of the conversation it is shown.

A prompt that changes gets a new version: the log keeps it with every response.
"""

import re
from collections.abc import Callable, Iterable, Sequence

from data.errors import Invalid
from data.records import Message

LISTENER_VERSION = "listener-1"
LISTENER = (
    "You are a supportive listener, an AI and not a person or a therapist. Answer what was said, warmly and in plain "
    "words, in at most five sentences. Reflect the feeling first, then offer one small next step or one open question. "
    "Do not diagnose, do not interpret symptoms, and do not name, start, stop or change any medicine or dose. "
    "Give no phone numbers, links or addresses, and promise neither secrecy nor that you will be there later. "
    "Never describe a way to hurt oneself or others. For anything medical or urgent, say that a professional or "
    "someone they trust can help, and do not press."
)
# The starter was trained without a system prompt and is confused by one.
STARTER_VERSION = "none-1"

CONTROL = re.compile(r"<\|(?=\w+\|>)")

Count = Callable[[Sequence[Message]], int]


def prompt_version(starter: bool) -> str:
    return STARTER_VERSION if starter else LISTENER_VERSION


def with_prompt(messages: Sequence[Message], starter: bool) -> list[Message]:
    """The conversation as the model is to read it; raises `Invalid` when there is nothing to answer.

    Speakers alternate, as some templates insist: a reply that was stopped before its first word is left out, and
    messages sent in a row become one.
    """
    if not any(m.role != "system" for m in messages):
        raise Invalid("There is no message to answer.")
    said = [] if starter else [Message("system", LISTENER)]
    for message in messages:
        text = disarmed(readable(message.content))
        if message.role == "assistant" and not text.strip():
            continue
        if said and said[-1].role == message.role:
            text = f"{said.pop().content}\n\n{text}"
        said.append(Message(message.role, text))
    return said


def readable(text: str) -> str:
    """Without what no encoder accepts: half of a UTF-16 pair, as broken clients send it."""
    return text.encode("utf-8", "replace").decode("utf-8")


def disarmed(text: str, controls: Iterable[str] = ()) -> str:
    """`text` with control tokens broken up, so that nobody can write a turn that was not theirs.

    Llama 3's kind always, since a remote server's tokenizer is not known; a tokenizer's own are given in `controls`.
    """
    text = CONTROL.sub("< |", text)
    for control in controls:
        if control and control in text:
            text = text.replace(control, f"{control[0]} {control[1:]}")
    return text


def fit(messages: Sequence[Message], budget: int, count: Count) -> list[Message]:
    """The system messages and as many of the newest others as fit in `budget` tokens, beginning with a visitor's.

    `count` says how many tokens a conversation takes. The newest message is always kept; one that is too long alone
    is cut from its start, because what is asked usually stands at the end.
    """
    system = [m for m in messages if m.role == "system"]
    turns = [m for m in messages if m.role != "system"]
    starts = [i for i, m in enumerate(turns) if m.role == "user"] or [0]
    last = len(turns) - 1
    starts = [i for i in starts if i < last] + [last]
    first = _first_true(starts, lambda i: count([*system, *turns[i:]]) <= budget)
    if first is not None:
        return [*system, *turns[first:]]
    return [*system, _cut(turns[last], system, budget, count)]


def _first_true(values: Sequence[int], holds: Callable[[int], bool]) -> int | None:
    """The first of `values` that holds, where all after it hold too; None when not even the last does."""
    low, high = 0, len(values)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(values[middle]) else (middle + 1, high)
    return values[low] if low < len(values) else None


def _cut(message: Message, system: Sequence[Message], budget: int, count: Count) -> Message:
    text = message.content
    start = _first_true(
        range(1, len(text)), lambda i: count([*system, Message(message.role, text[i:])]) <= budget
    )
    if start is None:
        raise Invalid("This model's context is too small for its own instructions.")
    return Message(message.role, text[start:])
