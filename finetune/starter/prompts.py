"""What the starter is asked when it is measured: messages written freshly, and real people's test questions."""

from pathlib import Path

import yaml

from data.corpora.store import read_corpus

CONVERSATIONS = Path(__file__).parent / "conversations.yaml"

# Written freshly, in words that no template has.
FRESH = (
    "ugh, Mondays. My supervisor humiliated me during the stand-up again",
    "My granny's funeral was on Friday and the house smells of her still",
    "can't breathe properly when the tube is packed, heart going mad",
    "We argue about dishes, in-laws, everything, my wife barely looks at me",
    "Moved to Leeds for uni and honestly I eat dinner alone every night",
    "What's the deal with cognitive behavioural therapy, does it actually work",
    "Is it fine to skip my antidepressants on weekends?",
    "hey robot, do you ever get sad",
    "I keep feeling like I'm not inside my own skin, like I'm a film",
    "My little one is four and bites, nursery phoned again",
    "I'm 58, made redundant after 30 years, and feel like scrap",
    "Write a haiku about turtles",
    "three pregnancy tests, all negative, we've been at it two years now",
    "Scrolling til 3am then hating myself at the alarm, every single day",
    "my landlord wants us out by march and i have two kids",
    "Caught my boyfriend texting his ex. He says it's nothing",
    "the doctor said the word tumour and I stopped hearing anything after that",
    "Everybody at church would drop me if they knew I like women",
    "Can you keep this between us, please",
    "nothing's wrong really, I just sit in the car outside my house for ages before going in",
)


def read_test_questions(corpus: Path) -> dict[str, str]:
    """Opening questions of the frozen test split by the first twelve digits of their hash, in order of hash."""
    examples = read_corpus(corpus, ("test",))
    found = {e.group[:12]: e.messages[0].content for e in examples if e.messages[0].role == "user"}
    return dict(sorted(found.items()))


def read_conversations() -> list[list[str]]:
    """What each of fifty visitors says, message by message."""
    return yaml.safe_load(CONVERSATIONS.read_text(encoding="utf-8"))
