"""What counts as the same question, whatever its words and order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bao.users.repetition import gist, same


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("Which area for the hotel?", "which AREA, for the hotel", True),
        ("Which area for the hotel?", "Could you tell me the hotel's area, please?", True),
        ("Which hotels do you like?", "Which hotel do you like?", True),
        ("Which area for the hotel?", "Which area for the flat?", False),
        ("Where was he born?", "When was he born?", False),
        ("Was he blind?", "Was she blind?", False),
        ("Is it alive?", "Is it not alive?", False),
        ("Isn't it alive?", "Is it alive?", False),
        ("Cancel order #W1?", "Cancel order #W2?", False),
        ("What is it?", "What is it", True),
        ("What is it?", "Are you there?", False),
        ("???", "???", True),
        ("???", "!!!", False),
        ("Größe?", "Farbe?", False),
    ],
)
def test_what_counts_as_the_same_question(one: str, other: str, expected: bool) -> None:
    assert same(gist(one), gist(other)) is expected
    assert same(gist(other), gist(one)) is expected


def test_long_messages_may_differ_in_a_word_but_neither_in_a_number_nor_in_a_denial() -> None:
    long = "alpha bravo charlie delta echo foxtrot golf hotel india juliet kilo lima"
    assert same(gist(long), gist(f"{long} quickly"))
    for word in ("7", "W17", "not", "never"):
        assert not same(gist(long), gist(f"{long} {word}")), word
    assert not same(gist(long), gist(f"{long} quickly slowly"))  # 12 of 14 is less than 90 %
    assert not same(gist("alpha bravo"), gist("alpha bravo charlie"))


@given(st.text(max_size=60), st.text(max_size=60))
def test_sameness_is_reflexive_and_symmetric(one: str, other: str) -> None:
    assert same(gist(one), gist(one))
    assert same(gist(one), gist(other)) == same(gist(other), gist(one))
