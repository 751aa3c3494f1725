"""BM25: how well each text of a collection fits a query, as `bm25s <https://github.com/xhluca/bm25s>`_ reckons it.

For a query q and a text d of length \\|d\\|, in a collection of N texts of which n_t hold the term t::

    score(q, d) = sum over the terms t of q of  idf(t) * f / (f + k1 * (1 - b + b * |d| / mean length))
    idf(t) = ln(1 + (N - n_t + 0.5) / (n_t + 0.5))

with f the number of times that t occurs in d. Source: Robertson and Zaragoza, *The Probabilistic Relevance Framework: BM25 and
Beyond* (2009), in Lucene's form: the 1 in the idf keeps it above zero, and the constant factor k1 + 1 is left out.

Ours are the terms and the order of equals. Terms are lower-case words and numbers without accents and without plural endings
(Harman's S-stemmer, *How effective is suffixing?*, 1991); the commonest English function words are left out.
"""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

K1, B = 1.5, 0.75
QUERY_CHARACTERS = 1_000
"""What a query holds beyond this is not read."""

_WORD = re.compile(r"[^\W_]+")
_FUNCTION_WORDS = frozenset(
    _WORD.findall(
        "a an and are as at be by did do does for from had has have he her his how i in into is it its of on or she that "
        "the their they this to was were what when where which who whose with you"
    )
)


class BM25:
    """An inverted index over `texts`, made once and never changed, so that any number of gyms may share it."""

    def __init__(self, texts: Sequence[str], k1: float = K1, b: float = B) -> None:
        import bm25s  # takes longer to import than all of the gym

        tokens = [terms(text) for text in texts]
        self.size = len(texts)
        self._index = None
        if any(tokens):
            self._index = bm25s.BM25(k1=k1, b=b, method="lucene", dtype="float64")
            self._index.index(tokens, show_progress=False)

    def scores(self, query: str) -> npt.NDArray[np.float64]:
        """The score of every text, shape (size,). A term that the query repeats counts each time."""
        asked = terms(query[:QUERY_CHARACTERS])
        if self._index is None or not asked:
            return np.zeros(self.size)
        found: npt.NDArray[np.float64] = self._index.get_scores(asked)
        return found

    def top(self, query: str, count: int) -> list[int]:
        """Indices of the `count` best texts that score above 0, best first; of equals the earlier one first."""
        total = self.scores(query)
        if count < 1 or not self.size:
            return []
        least = np.partition(total, self.size - count)[self.size - count] if count < self.size else 0.0
        found: list[int] = np.flatnonzero((total >= least) & (total > 0)).tolist()
        found.sort(key=lambda index: (-total[index], index))
        return found[:count]


def terms(text: str) -> list[str]:
    """The terms of a text or a query, in order."""
    return [term for term in map(_term, _WORD.findall(text.lower())) if term]


@lru_cache(maxsize=65_536)
def _term(word: str) -> str:
    """The term of a lower-case word; empty for a function word."""
    if word in _FUNCTION_WORDS:
        return ""
    if not word.isascii():
        word = "".join(c for c in unicodedata.normalize("NFKD", word) if not unicodedata.combining(c))
    if len(word) > 3 and word.endswith("s"):
        if word.endswith("ies") and not word.endswith(("eies", "aies")):
            return word[:-3] + "y"
        if not word.endswith(("us", "ss")):
            return word[:-1]
    return word
