"""The starter's corpus: its files, what the generator makes of them, and the style every reply keeps."""

import re
from collections import Counter
from random import Random

import pytest
import yaml

from data.errors import Invalid, NotFound
from demo.safety.guard import check
from demo.safety.sentences import split_sentences
from finetune.starter.corpus import FOLDER, WORDS, _told, generate, read_dialogues, replies
from finetune.starter.fragments import load_common, load_topics, slots_in
from finetune.starter.measures import CONTACT
from finetune.starter.voice import as_written, sentence_case, turned_round


@pytest.fixture(scope="module")
def topics():
    return load_topics(FOLDER)


@pytest.fixture(scope="module")
def dialogues():
    return generate(7, 80_000)


def test_every_file_keeps_the_schema(topics):
    assert len([t for t in topics if t.kind == "support"]) >= 60
    assert len([t for t in topics if t.kind == "boundary"]) >= 15
    assert len([t for t in topics if t.kind == "facts"]) >= 15
    assert len(load_common(FOLDER).turns) >= 8


def test_facts_name_their_source_and_its_year(topics):
    for topic in topics:
        if topic.kind == "facts":
            assert re.search(r"\b20\d\d\b", topic.source), topic.topic


def test_names_are_unique(topics):
    assert max(Counter(t.topic for t in topics).values()) == 1


def test_what_a_thread_asks_for_is_in_an_answer(topics):
    for topic in topics:
        for thread in topic.threads:
            if thread.fills:
                assert any(thread.fills in slots_in(a) for a in thread.answers), (topic.topic, thread.ask)


SCENE = {"says": "hi", "held_out": "yo", "heard": "a.", "about": "this"}
TOPIC = {"topic": "x", "cues": ["x"], "ideas": ["b."], "ask": ["c?"], "scenes": [SCENE]}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"slots": {"who": "my aunt"}, "scenes": [SCENE | {"tells": ["<who> left"]}]}, "tale"),
        ({"ideas": ["b <who>."]}, "who"),
        ({"cues": []}, "cues"),
        ({"kind": "facts"}, "source"),
        ({"ask": []}, "ask"),
        ({"opening": "hi"}, "opening"),
        ({"scenes": [{"says": "hi", "heard": "a.", "about": "x"}]}, "held_out"),
        ({"scenes": [{"says": "hi", "held_out": "yo", "heard": "a."}]}, "about"),
        ({"scenes": []}, "scenes"),
    ],
)
def test_a_broken_file_is_named(tmp_path, change, says):
    (tmp_path / "bad.yaml").write_text(yaml.safe_dump(TOPIC | change))
    with pytest.raises(Invalid, match=r"bad\.yaml") as error:
        load_topics(tmp_path)
    assert says in str(error.value)


def test_same_seed_same_dialogues():
    assert generate(3, 200) == generate(3, 200)
    assert generate(3, 200) != generate(4, 200)


def test_enough_distinct_dialogues_and_replies(dialogues):
    assert len(set(dialogues)) == 80_000
    assert len(set(replies(dialogues))) >= 30_000


def test_every_supportive_scene_is_also_told_at_length(topics):
    """As people write it at night or in a forum; and no tale is told twice."""
    tales = [t for topic in topics for scene in topic.scenes for t in scene.tells]
    assert len(tales) == len(set(tales)) > 2500
    assert all(scene.tells for t in topics if t.kind == "support" for scene in t.scenes)
    assert sum(len(t.split()) for t in tales) / len(tales) > 40


def test_a_tale_opens_its_own_scene_and_may_lose_a_sentence(topics, dialogues):
    scenes = {tale: scene for t in topics for scene in t.scenes for tale in scene.tells}
    told = [d for d in dialogues if d[0].content in scenes]
    assert 0.1 * len(dialogues) < len(told) < 0.5 * len(dialogues)
    assert all(d[1].heard == scenes[d[0].content].heard[0] for d in told)
    tale = next(t for t in scenes if t.count(". ") > 4)
    sentences, kept = tale.split(". "), [_told(tale, Random(n)) for n in range(50)]
    assert {len(tale), *(len(tale) - len(s) for s in sentences)} & {len(k) for k in kept}
    assert len(set(kept)) > 3


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
        for text in topic.replies():
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


def test_what_is_held_out_is_never_trained_on(topics):
    trained = {line for t in topics for s in t.scenes for line in s.says}
    for topic in topics:
        for scene in topic.scenes:
            assert scene.held_out, topic.topic
            assert not set(scene.held_out) & trained, topic.topic
    # A held-out template shows by its words, whatever fills its slots.
    said = {d[0].content.lower() for d in generate(5, 3000)}
    assert not {d[0].content.lower() for d in generate(5, 300, "test")} & said


def test_replies_name_only_what_was_said_and_name_it_later(tmp_path):
    """A slot's value stands in a reply only where the visitor wrote it before, and comes back turns later."""
    people = ["my aunt Berta", "my cousin Ruud", "my old neighbour"]
    talk = {
        "topic": "visits", "cues": ["visit"], "slots": {"who": people},
        "scenes": [
            {"says": ["I miss <who>", "nobody visits"], "held_out": "where is everybody",
             "about": ["the visits", "missing <who>"],
             "heard": ["You would like to sit with <who> again, as before.", "An empty doorbell makes for a long week."]},
        ],
        "ideas": ["A short call on a fixed day can be a beginning, and it asks little of either side of the line."],
        "ask": ["What would you do together?", "What was the best visit of all?"],
        "threads": [{"ask": "Whom do you think of?", "fills": "who", "answers": ["<who>", "of <who> mostly"],
                     "heard": ["So it is <who> who comes to mind first."]}],
    }  # fmt: skip
    common = yaml.safe_load((FOLDER / "_common.yaml").read_text()) | {"styles": ["plain"]}
    (tmp_path / "visits.yaml").write_text(yaml.safe_dump(talk))
    (tmp_path / "greetings.yaml").write_text(
        yaml.safe_dump(talk | {"topic": "greetings", "kind": "boundary"})
    )
    (tmp_path / "facts.yaml").write_text(
        yaml.safe_dump(talk | {"topic": "f", "kind": "facts", "source": "s"})
    )
    (tmp_path / "_common.yaml").write_text(yaml.safe_dump(common))
    later = 0
    for dialogue in generate(1, 400, folder=tmp_path):
        said = ""
        for number, message in enumerate(dialogue):
            if message.role == "user":
                said += message.content.lower()
                continue
            for who in people:
                if turned_round(who) in message.content:
                    assert who.lower() in said, dialogue
                    later += number >= 3
    assert later > 50


def test_turned_round():
    assert turned_round("that my boss hates me") == "that your boss hates you"
    assert turned_round("I was ill and I'm tired") == "you were ill and you're tired"
    assert sentence_case("so it is. and you? yes") == "So it is. And you? Yes"


def test_styles_keep_the_words():
    assert as_written("I can't sleep. help.", "bare", Random(1)) == "i cant sleep help"
    assert as_written("i can't sleep.", "plain", Random(1)) == "I can't sleep."


def test_a_missing_corpus_says_how_to_make_it(tmp_path):
    with pytest.raises(NotFound, match="starter corpus"):
        read_dialogues(tmp_path / "train.jsonl")
