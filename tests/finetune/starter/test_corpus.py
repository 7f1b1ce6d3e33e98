"""The starter's corpus: its files, what the generator makes of them, and the style every reply keeps."""

import re
from collections import Counter

import pytest

from data.errors import Invalid, NotFound
from demo.safety.guard import check
from demo.safety.sentences import split_sentences
from finetune.starter.corpus import FOLDER, WORDS, generate, read_dialogues, replies
from finetune.starter.fragments import load_common, load_topics, slots_in
from finetune.starter.report import CONTACT
from finetune.starter.voice import as_written, sentence_case, turned_round


@pytest.fixture(scope="module")
def topics():
    return load_topics(FOLDER)


@pytest.fixture(scope="module")
def dialogues():
    return generate(7, 32_000)


def test_every_file_keeps_the_schema(topics):
    assert len([t for t in topics if t.kind == "support"]) >= 25
    assert len([t for t in topics if t.kind == "boundary"]) >= 10
    assert all(t.source for t in topics if t.kind == "facts")
    assert len(load_common(FOLDER).turns) >= 5


def test_names_are_unique(topics):
    assert max(Counter(t.topic for t in topics).values()) == 1


def test_what_a_thread_asks_for_is_in_an_answer(topics):
    for topic in topics:
        for thread in topic.threads:
            if thread.fills:
                assert any(thread.fills in slots_in(a) for a in thread.answers), (topic.topic, thread.ask)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("topic: x\nopenings: hi\n", "held_out"),
        (
            "topic: x\nkind: boundary\nopenings: hi <who>\nheld_out: yo\nacknowledge: a\nideas: b\nask: c\n",
            "who",
        ),
        ("topic: x\nopenings: hi\nheld_out: yo\nacknowledge: a\nideas: b\nask: c\n", "about"),
        ("topic: x\nkind: facts\nopenings: hi\nheld_out: yo\nacknowledge: a\nideas: b\nask: c\n", "source"),
        ("topic: x\nopening: hi\n", "opening"),
        ("topic: [x\n", "bad.yaml"),
    ],
)
def test_a_broken_file_is_named(tmp_path, text, says):
    (tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(Invalid, match=r"bad\.yaml") as error:
        load_topics(tmp_path)
    assert says in str(error.value)


def test_same_seed_same_dialogues():
    assert generate(3, 200) == generate(3, 200)
    assert generate(3, 200) != generate(4, 200)


def test_enough_distinct_dialogues_and_replies(dialogues):
    assert len(set(dialogues)) == 32_000
    assert len(set(replies(dialogues))) >= 10_000


def test_turns_alternate_and_end_with_a_reply(dialogues):
    for dialogue in dialogues:
        assert [m.role for m in dialogue] == ["user", "assistant"] * (len(dialogue) // 2)
        assert all(m.content for m in dialogue)


def test_style_of_replies(dialogues):
    for reply in set(replies(dialogues)):
        assert len(reply.split()) in WORDS, reply
        assert reply.count("?") <= 1, reply
        assert not CONTACT.search(reply), reply
        assert not re.search(r"[<>{}\n*•]", reply), reply


def test_replies_never_diagnose_dose_or_claim_to_be_human(topics):
    banned = re.compile(
        r"\byou (have|suffer from) (depression|anxiety|ptsd|ocd|adhd|bipolar)|\bI('m| am) (a human|a therapist|a doctor)"
        r"|\bas a therapist|\d ?mg\b|\btake (one|two|\d+) (pill|tablet)|\bI love you"
        r"|everything happens for a reason|stay positive",
        re.IGNORECASE,
    )
    for topic in topics:
        said = [*topic.acknowledge, *topic.ideas, *topic.ask, *topic.back]
        for text in [*said, *(f for t in topic.threads for f in (*t.ask, *t.heard))]:
            assert not banned.search(text), text


def test_the_guard_lets_every_sentence_through():
    judged = set()
    for dialogue in generate(11, 3000):
        for number in range(1, len(dialogue), 2):
            before = ""
            for sentence in split_sentences(dialogue[number].content):
                if sentence not in judged:
                    assert check(sentence, before, dialogue[:number]).allow, sentence
                judged.add(sentence)
                before += sentence


def test_held_out_openings_are_never_trained_on(topics):
    for topic in topics:
        assert topic.held_out, topic.topic
        everything = [o for t in topics for o in t.openings]
        assert not set(topic.held_out) & set(everything), topic.topic
    # A held-out template shows by its words, whatever fills its slots.
    trained = {d[0].content.lower() for d in generate(5, 3000)}
    assert not {d[0].content.lower() for d in generate(5, 300, "test")} & trained


def test_later_replies_use_what_was_said_before(dialogues):
    """Slots named in the opening come back in the second or a later reply."""
    carried = [
        d for d in dialogues if len(d) >= 4 and "the loss of your" in " ".join(m.content for m in d[3::2])
    ]
    assert len(carried) > 50
    for dialogue in carried:
        lost = [w for m in dialogue[3::2] for w in re.findall(r"the loss of your (\w+)", m.content)]
        said = " ".join(m.content.lower() for m in dialogue if m.role == "user")
        assert all(word in said for word in lost), dialogue


def test_turned_round():
    assert turned_round("that my boss hates me") == "that your boss hates you"
    assert turned_round("I was ill and I'm tired") == "you were ill and you're tired"
    assert sentence_case("so it is. and you? yes") == "So it is. And you? Yes"


def test_styles_keep_the_words():
    from random import Random

    assert as_written("I can't sleep. help.", "bare", Random(1)) == "i cant sleep help"
    assert as_written("i can't sleep.", "plain", Random(1)) == "I can't sleep."


def test_a_missing_corpus_says_how_to_make_it(tmp_path):
    with pytest.raises(NotFound, match="starter corpus"):
        read_dialogues(tmp_path / "train.jsonl")
