"""Each quirk of the public sets, in rows written for these tests; and clean text, which stays as it is."""

import pytest

from data.corpora.cleaning import clean_text, drop_reason

CASES = [
    (
        "base64_image",
        'See this:<img src="data:image/png;base64,iVBORw0KGgoAAA==">Then rest.',
        "See this: Then rest.",
    ),
    ("base64_image", "See data:image/jpeg;base64,/9j/4AAQSkZJRg and rest.", "See and rest."),
    ("html", "<p>One idea.</p><p>Another <b>bold</b> one.</p>", "One idea.\n\nAnother bold one."),
    ("html", "Try<br/>these:<ul><li>walk</li><li>sleep</li></ul>", "Try\nthese:\n\n- walk\n\n- sleep"),
    ("html", "A sentence.<o:p></o:p></span>", "A sentence."),
    ("entities", "you&nbsp;are &quot;fine&quot; &amp; well", 'you are "fine" & well'),
    ("entities", "twice &amp;quot;escaped&amp;quot;", 'twice "escaped"'),
    ("entities", "&lt;p&gt;hidden&lt;/p&gt; tags", "hidden\ntags"),
    (
        "word_markup",
        "Before<!--[if gte mso 9]><xml><w:View>Normal</w:View></xml><![endif]-->after",
        "Before\nafter",
    ),
    ("word_markup", 'Before<!--[if gte mso 9]>\n\n <w:LsdException Locked="false" Priorit', "Before"),
    (
        "word_markup",
        "Before\n/* Style Definitions */ table.MsoNormalTable {mso-x:0;}\nafter",
        "Before\n\nafter",
    ),
    ("no_break_spaces", "one.\u00a0 Two", "one. Two"),
    ("mojibake", "a personâ€™s own â€œvoiceâ€\x9d", 'a person\'s own "voice"'),
    ("mojibake", "it isnâ€™t", "it isn't"),
    ("line_ends", "one\r\ntwo\rthree", "one\ntwo\nthree"),
    ("invisible_characters", "in\u200cvis\u200bible\x00", "invisible"),
    ("curly_quotes", "“it’s” ‘so’", "\"it's\" 'so'"),
    ("joined_sentences", "It passes.Then rest.I know", "It passes. Then rest. I know"),
    ("joined_sentences", 'Is it "over?"What now?(maybe)', 'Is it "over?" What now?(maybe)'),
]


@pytest.mark.parametrize(("change", "text", "expected"), CASES)
def test_quirk_is_repaired_and_named(change, text, expected):
    cleaned = clean_text(text)
    assert cleaned.text == expected
    assert change in cleaned.changes


@pytest.mark.parametrize(
    "text",
    [
        "I <3 my dog, and 4 < 5 but 7 > 6.",
        "He signed it <name> and left.",
        "Fish & chips; AT&T; R&D.",
        "See www.SomeSite.org and Other.Com for more.",
        "It costs 3.50 at the U.S. office, e.g. on Mondays.",
        "Café, naïve, señor: ¿qué tal?",
        "A family: \U0001f468\u200d\U0001f469\u200d\U0001f467.",
        "First line.\n\n- a list\n- of two",
    ],
)
def test_clean_text_stays(text):
    cleaned = clean_text(text)
    assert cleaned.text == text
    assert cleaned.changes == frozenset()


def test_cleaning_twice_changes_nothing_more():
    for _, text, _ in CASES:
        once = clean_text(text).text
        assert clean_text(once).text == once


def test_huge_and_broken_markup_does_not_hang():
    for text in ("<" * 100_000, "<!--" * 25_000, "&" * 100_000, "<img " * 20_000, "<style>" * 15_000):
        assert len(clean_text(text).text) <= len(text)


LONG = "This is an answer of more than ten words, as far as I can count."


@pytest.mark.parametrize(
    ("question", "answer", "reason"),
    [
        ("How?", LONG, None),
        (" ", LONG, "empty_question"),
        ("How?", "\n", "empty_answer"),
        ("How?", "Certainly.", "answer_too_short"),
        ("How?", "0", "answer_too_short"),
        ("Как?", LONG, "not_english"),
        ("How?", "это " * 12, "not_english"),
    ],
)
def test_drop_reason(question, answer, reason):
    assert drop_reason(question, answer) == reason
