"""BM25 in worked numbers, and by its formula."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bao.gyms.search.bm25 import BM25, terms

FOXES = BM25(["red fox", "red red fox jumps", "blue whale"])


def test_bm25_gives_the_worked_numbers() -> None:
    """N = 3 and two texts hold "red": idf = ln(1 + 1.5 / 2.5). Lengths 2, 4, 2, mean 8/3, k1 = 1.5, b = 0.75:
    the norms of the first two texts are 1.5 (0.25 + 0.75 * 0.75) = 1.21875 and 1.5 (0.25 + 0.75 * 1.5) = 2.0625."""
    idf = math.log(1.6)
    first, second = 1 / (1 + 1.21875), 2 / (2 + 2.0625)
    assert FOXES.scores("red") == pytest.approx([idf * first, idf * second, 0])
    assert FOXES.scores("red") == pytest.approx([0.211833, 0.231387, 0], abs=1e-6)
    assert FOXES.scores("jump") == pytest.approx([0, math.log(1 + 2.5 / 1.5) / 3.0625, 0])


def test_bm25_adds_over_the_words_of_the_query() -> None:
    assert FOXES.scores("red jumps") == pytest.approx(FOXES.scores("red") + FOXES.scores("jumps"))
    assert FOXES.scores("red red") == pytest.approx(2 * FOXES.scores("red"))
    assert FOXES.scores("The RED, unheard of") == pytest.approx(FOXES.scores("red"))


TEXTS = st.lists(
    st.lists(st.sampled_from(["ash", "birch", "cedar", "elm", "fir"]), max_size=6).map(" ".join), min_size=1, max_size=8
)


@given(TEXTS, st.lists(st.sampled_from(["ash", "birch", "cedar", "elm", "yew"]), max_size=5).map(" ".join), st.integers(1, 9))
def test_bm25_agrees_with_its_formula_and_ranks_by_it(texts: list[str], query: str, count: int) -> None:
    split = [text.split() for text in texts]
    mean = sum(map(len, split)) / len(split) or 1.0
    expected = []
    for words in split:
        score = 0.0
        for term in query.split():
            holding = sum(term in other for other in split)
            idf = math.log(1 + (len(split) - holding + 0.5) / (holding + 0.5))
            frequency = words.count(term)
            score += idf * frequency / (frequency + 1.5 * (0.25 + 0.75 * len(words) / mean))
        expected.append(score)
    index = BM25(texts)
    assert index.scores(query) == pytest.approx(expected)
    scores = index.scores(query)
    ranked = sorted((i for i in range(len(texts)) if scores[i] > 0), key=lambda i: (-scores[i], i))
    assert index.top(query, count) == ranked[:count]


def test_terms_drop_case_accents_function_words_and_plurals() -> None:
    assert terms("The Cities of Évora, 2 clocks and a bus") == ["city", "evora", "2", "clock", "bus"]


def test_an_empty_collection_finds_nothing() -> None:
    assert BM25([]).top("red", 5) == []
    assert BM25(["", "of the"]).top("of the red", 5) == []
