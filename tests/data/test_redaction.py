"""Identifiers in chat register, each with a twin that must stay. All messages were written for these tests."""

import pytest

from data.redaction import RECOGNISERS, find_spans, redact

MASKED = [
    ("mail me at jo.bloggs+x@mail.example.co.uk please", "mail me at [EMAIL] please"),
    ("its sara at gmail dot com", "its [EMAIL]"),
    ("call 555-123-4567 or (555) 123 4567", "call [PHONE] or [PHONE]"),
    ("my number is 07700 900123, or +44 7700 900 123.", "my number is [PHONE], or [PHONE]."),
    ("text me on 0412 345 678", "text me on [PHONE]"),
    ("its five five five oh one two three", "its [PHONE]"),
    ("see https://example.org/me?x=1, or www.example.com.", "see [URL], or [URL]."),
    ("i wrote it on myblog.com/posts and bit.ly/abc", "i wrote it on [URL] and [URL]"),
    ("im @sad_panda99 on there, u/throwaway_1 too", "im [HANDLE] on there, [HANDLE] too"),
    ("my insta is moon_child", "my insta is [HANDLE]"),
    ("add me on discord: moonchild", "add me on discord: [HANDLE]"),
    ("my ip is 203.0.113.9 or 2001:db8::1", "my ip is [IP] or [IP]"),
    ("card 4111 1111 1111 1111 got declined", "card [CARD] got declined"),
    ("my iban GB82 WEST 1234 5698 7654 32", "my iban [IBAN]"),
    ("ssn 123-45-6789", "ssn [ID]"),
    ("my MRN is 00482913 there", "my MRN is [ID] there"),
    ("license plate 7ABC123", "license plate [ID]"),
    ("it was 03/14/2021 or 2021-03-14", "it was [DATE] or [DATE]"),
    ("since june 3rd, and on the 3rd of June 2019", "since [DATE], and on the [DATE]"),
    ("since June third i cant eat", "since [DATE] i cant eat"),
    ("my birthday is 4/12 and i was born in 1987", "my birthday is [DATE] and i was born in [DATE]"),
    ("he left in march 2020, on May 5", "he left in [DATE], on [DATE]"),
    ("I'm 34 and tired", "I'm [AGE] and tired"),
    ("im 19, a 34 year old man said", "im [AGE], a [AGE] year old man said"),
    ("my 8-year-old cries, I am thirty-four", "my [AGE]-year-old cries, I am [AGE]"),
    ("(28F) here, he is 31M", "([AGE]F) here, he is [AGE]M"),
    ("my nan is 92 and alone", "my nan is [AGE] and alone"),
    ("just turned forty two", "just turned [AGE]"),
    ("at 42 Maple St, Apt 3B now", "at [ADDRESS] now"),
    ("i stay at 42 maple street", "i stay at [ADDRESS]"),
    ("he waits on Elm Avenue for me", "he waits on [ADDRESS] for me"),
    ("Springfield, IL 62704", "[ADDRESS]"),
    ("my postcode is SW1A 2AA", "my postcode is [ADDRESS]"),
    ("my name is kestrel", "my name is [NAME]"),
    ("My name's Keisha Vandermolen.", "My name's [NAME]."),
    ("im sarah btw", "im [NAME] btw"),
    ("I'm Tariel, hi", "I'm [NAME], hi"),
    ("my boyfriend Jake hit me", "my boyfriend [NAME] hit me"),
    ("my best friend Oksana's mom", "my best friend [NAME]'s mom"),
    ("my sister's name is hope", "my sister's name is [NAME]"),
    ("saw Dr. Smith and dr patel", "saw Dr. [NAME] and dr [NAME]"),
    ("then jessica said she knew Michael", "then [NAME] said she knew [NAME]"),
    ("everyone calls me Bee", "everyone calls me [NAME]"),
    ("MY NAME IS JAKE", "MY NAME IS [NAME]"),
    ("I work at Initech Systems now", "I work at [ORGANISATION] now"),
    ("i work at walmart", "i work at [ORGANISATION]"),
    ("I go to Lincoln High School", "I go to [ORGANISATION]"),
    ("I teach at the University of Somewhere", "I teach at the [ORGANISATION]"),
    ("I live in Springfield, Ohio", "I live in [PLACE]"),
    ("i moved to new york last year", "i moved to [PLACE] last year"),
    ("im from glasgow", "im from [PLACE]"),
    ("the amazon warehouse in tulsa", "the amazon warehouse in [PLACE]"),
    ("born in Cork, Ireland", "born in [PLACE]"),
    ("i work nights at the amazon place", "i work nights at the [ORGANISATION] place"),
    ("near St. Mary's Hospital", "near [ORGANISATION]"),
    ("My name is Aoife O'Brien-Walsh", "My name is [NAME]"),
    ("my brother-in-law Piotr called", "my brother-in-law [NAME] called"),
    ("pls help\n- Imre", "pls help\n- [NAME]"),
    ("i live on oak lane", "i live on [ADDRESS]"),
    ("flat 4, 22 Acacia Road, London", "[ADDRESS], [ADDRESS]"),
    ("find me on IG @the.real.mia", "find me on IG [HANDLE]"),
    ("write to jo.b @ example.com", "write to [EMAIL]"),
    ("sort code 12-34-56", "sort code [ID]"),
    ("mac 00:1B:44:11:3A:B7", "mac [ID]"),
    ("she is 14, we're both 40", "she is [AGE], we're both [AGE]"),
]

KEPT = [
    "I'm 5 minutes away and I'm 10 weeks pregnant",
    "I'm 100% sure, im 20 days sober, I'm 30 pounds over",
    "i'm so sad. I'm Depressed, and I'm Catholic",
    "It is 24/7, fifty/50, 8/10 or 10/10 on my scale",
    "on a scale it's on 24/7 for me",
    "i may 3 times a week, and may not",
    "march on and second guess, june or may",
    "I slept 3 hours, woke at 4 am, took 50 mg, 2 times",
    "call me back, don't call me crazy",
    "call 988, text 741741, or 1-800-273-8255, or 116 123",
    "Poison Help: Call 1-800-222-1222, or findahelpline.com (directory)",
    "see https://www.samaritans.org/ireland or 0808 2000 247",
    "i live in constant fear. I work at night, at home",
    "I'm in a bad place and down in the dumps",
    "my mom said no. My dad I love. My boyfriend And I",
    "to be frank, he will hope for the best, grace and joy",
    "one two three four five six seven eight nine",
    "from 2019-2020 i spent $1200 3000 times",
    "it's version 1.2.3.4.5 and 3:45",
    "5 miles down the road, i have 3 kids and drive",
    "Hi there. Hello Everyone. Hey you",
    "what i can handle is limited; facebook is toxic; my instagram is a mess",
    "dr said no. The doctor Says rest. Dr appointment at 5",
    "Why me? It hurts.So much. Please help.me now",
    "I feel like I don't exist and my body is not my own.",
    "a year ago, two years ago, on monday, at Christmas",
    "I was named after nobody and called names",
    "my husband Monday night was a Christian about it",
    "I've been clean for 90 days, 5 years sober",
    "We went from bad to worse; I go to Church and to School",
    "meet me @home or @work",
    "we moved in Jan 13 years ago, went facebook live. ok",
    "im nobody. im done. im Alone",
    "she is 5 feet, he is 20 minutes late, we are 12 people",
    "please\nHelp\n",
    "your husband is ten years older",
    "I go to AA, went to the ER, attend Couples therapy",
]


@pytest.mark.parametrize(("text", "masked"), MASKED)
def test_identifier_is_masked(text, masked):
    assert redact(text).text == masked


@pytest.mark.parametrize("text", KEPT)
def test_ordinary_words_stay(text):
    assert redact(text).text == text


@pytest.mark.parametrize("text", [text for text, _ in MASKED] + KEPT)
def test_spans_point_into_the_original_in_order(text):
    redacted = redact(text)
    rebuilt, at = "", 0
    for span in redacted.spans:
        assert at <= span.start < span.end <= len(text)
        rebuilt += text[at : span.start] + f"[{span.type}]"
        at = span.end
    assert rebuilt + text[at:] == redacted.text


@pytest.mark.parametrize("text", [text for text, _ in MASKED])
def test_masking_twice_changes_nothing(text):
    once = redact(text).text
    assert redact(once).text == once


def test_offsets_are_code_points():
    text = "\U0001f499 ça, my name is Zoë Ødegård \U0001f499"
    (span,) = redact(text).spans
    assert text[span.start : span.end] == "Zoë Ødegård"


def test_overlapping_recognisers_mask_the_whole_stretch_under_the_longest():
    short, long_ = (lambda text: [(0, 4, "A")]), (lambda text: [(2, 9, "B")])
    (span,) = find_spans("0123456789", [short, long_])
    assert (span.start, span.end, span.type) == (0, 9, "B")


def test_another_recogniser_can_be_added():
    found = redact("bed 12 is mine", [*RECOGNISERS, lambda text: [(0, 6, "BED")]])
    assert found.text == "[BED] is mine"


@pytest.mark.parametrize(
    "piece",
    [
        "a",
        "a ",
        "1",
        "1 ",
        "1-",
        "a.",
        "@",
        ":",
        "my ",
        "Aa ",
        "one ",
        "\n",
        "A",
        "a@a.",
        "(",
        "é",
        "A.",
        "\n ",
        "Aa-",
        "1:",
    ],
)
def test_a_very_long_message_is_read_to_its_end(piece):
    text = piece * (100_000 // len(piece)) + " my name is jake"
    assert redact(text).text.endswith("my name is [NAME]")


@pytest.mark.parametrize(
    "text", ["see http://[x for it", "https://[::1/foo", "http://a]b.com", "http://exa\u2100mple.com/x"]
)
def test_what_only_looks_like_an_address_is_masked_and_breaks_nothing(text):
    assert "[URL]" in redact(text).text
