"""Every sentence that a visitor reads from the program itself, except what clinicians sign (demo/safety/templates.py).

A change to the notice is a new `NOTICE_VERSION`: the log keeps which version somebody agreed to.
"""

NOTICE_VERSION = "2026-11-1"

NAME = "Countersign"
TAGLINE = "A place to put into words what weighs on you. Answered by an AI, read by clinicians."
LABEL = "An AI answers, not a person or a therapist."

NOTICE_TITLE = "Before you write"
NOTICE = (
    (
        "This is an AI",
        "A computer program answers you. It is not a person, a therapist or a doctor. It can listen; it cannot "
        "diagnose, treat or prescribe, and it can be wrong. This is a demonstration model.",
    ),
    (
        "Nobody watches live",
        "No one sees your messages as you write them, and nobody can be sent to help. In an emergency, call your "
        "emergency number. “Need help now?” at the top of this page works at any time.",
    ),
    (
        "Clinicians read it later",
        "Everything you write here and every answer is kept. Licensed clinicians review it in the days after, to find "
        "and correct answers that are not safe or not good. That is a condition of using this chat. Names, numbers "
        "and addresses are masked as well as a program can; please leave them out.",
    ),
    (
        "You stay in charge",
        "You get a code. With it you can see what is kept, change your mind about training, or delete the whole "
        "conversation, at any time and without giving a reason.",
    ),
)
ADULT = "I am 18 or over and have read this"
TRAINING = "Corrected answers from my conversation may be used to improve the model"
TRAINING_INFO = (
    "Optional and off unless you turn it on. The chat is the same either way, and you can change it later."
)
START = "Start"
NOT_ADULT = (
    "This chat is for people who are 18 or over. Please tick the box if you are, and have read the notice."
)

BOX = "Your message"
BOX_HINT = "What is on your mind?"
BOX_INFO = "Enter sends, Shift + Enter starts a new line"
SEND = "Send"
STOP = "Stop"
RETRY = "Try again"
NEW = "New conversation"
REPORT = "Report this answer"
CHAT = "Conversation with an AI"
EMPTY_CHAT = "### Take your time\nWrite as much or as little as you like. There is no right way to begin."

HELP = "Need help now?"
MORE_HELP = "All numbers"
SELF_HELP = "When it is too much:"
LEAVE = "Leave this page"
LEAVE_TITLE = "Leave this page at once: it opens an encyclopedia, and the conversation is gone from this tab"
UNVERIFIED = (
    "These entries have not been checked by this site's administrator yet. The emergency number comes first."
)
CLOSE = "Close"

YOURS = "Your conversation: see it, change your mind, delete it"
CODE = "Your code"
CODE_INFO = "Note it if you want to come back to this later. Nobody can look it up for you."
SEE = "Show what is kept"
COPY = "Copy the code"
DELETE = "Delete this conversation"
DELETE_SURE = "Everything you wrote here and every answer will be deleted for good. This cannot be undone."
DELETE_YES = "Yes, delete it"
DELETE_NO = "Keep it"
DELETED = "Your conversation is deleted. Only a record that a deletion took place remains, without any of your words."
TRAINED_ON = (
    "Before this, answers from it were used for training. They are left out of every training from now on, and "
    "those responsible see which models were affected."
)
ALLOWED = "Thank you. Corrected answers from this conversation may be used to improve the model."
WITHDRAWN = "Done. Nothing from this conversation will be used for training from now on."

REPORT_NOTE = "What was wrong with it? (optional)"
REPORT_SEND = "Send report"
REPORTED = (
    "Thank you. This answer now stands at the front of the clinicians' queue. Nobody watches live: if you may be in "
    "danger, please use “Need help now?”."
)

ENDED = "This conversation has ended here. Please start a new one."
BUSY_SESSION = "The last answer is still being written. Please wait for it, or stop it."
NOTHING_TO_RETRY = "There is no message to answer yet."
NO_ANSWER = "No answer came this time. Please try again."
EMPTY = "Please write a message first."


def too_long(length: int, longest: int) -> str:
    return (
        f"This message has {length:,} characters, and the longest that can be read is {longest:,}. "
        "Please shorten it or send it in parts."
    )


def too_many(limit: int, seconds: int) -> str:
    return (
        f"That was more than {limit} messages in a minute. Please wait {seconds} "
        f"{'second' if seconds == 1 else 'seconds'}. What you typed is still in the box."
    )


def broke_off(bug: str) -> str:
    """`bug` is the id under which the log keeps what happened."""
    return f"The answer broke off because of a fault on our side. Please try again. If it happens again, mention {bug}."


def kept_summary(messages: int, replies: int, decided: int, training: bool, started: str, notice: str) -> str:
    use = (
        "You allowed training with corrected answers." if training else "Nothing of it is used for training."
    )
    return (
        f"Begun {started} under notice {notice}. Kept: {messages} of your messages and {replies} answers, of which "
        f"clinicians have decided on {decided}. {use}"
    )
