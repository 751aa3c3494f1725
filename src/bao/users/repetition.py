"""Whether two questions ask the same thing, by their words.

A question is compared by its gist: the set of its words, without those that only make a sentence of it, and without the
plural's s. So order and politeness do not count ("The area of the hotel, please?" asks what "Which area for the hotel?"
asks), but one other word makes another question ("Which area for the flight?"), and so does every denial.

It goes by words: who did what to whom is not seen ("Is a cat bigger than it?" counts as "Is it bigger than a cat?"), and a
question in quite other words counts as new.
"""

import re

LONG_WORDS = 10
"""Words of a gist from which on two questions may differ a little and still be the same."""
LONG_OVERLAP = 0.9
"""Share of all their words that two long questions must have in common."""

_WORD = re.compile(r"[^\W_]+")
_FILLER_WORDS = """
a about am an and any are as at be been being but can could did do does for get give had has have hi i if in is it its just
kindly let like may me might mind must my of on or our please prefer s shall should so some tell thank thanks that the then
there these this those us want was we well were what which will wish with would you your
"""
_FILLER = frozenset(_FILLER_WORDS.split())
_DENIALS = frozenset({"no", "not", "never", "none", "without", "isn", "aren", "wasn", "weren", "don", "doesn", "didn", "t"})


def gist(question: str) -> frozenset[str]:
    """The words that a question is about; all of its words where it has none of these, the text itself where it has no word."""
    words = _WORD.findall(question.casefold())
    telling = frozenset(_singular(word) for word in words if word not in _FILLER)
    return telling or frozenset(words) or frozenset({question.strip()})


def same(one: frozenset[str], other: frozenset[str]) -> bool:
    """Whether two gists are of one question: equal or, where both are long, nearly so.

    Long ones share at least `LONG_OVERLAP` of their words, and differ neither in a number nor in a denial.
    """
    if one == other:
        return True
    if min(len(one), len(other)) < LONG_WORDS or len(one & other) < LONG_OVERLAP * len(one | other):
        return False
    differing = one ^ other
    return differing.isdisjoint(_DENIALS) and not any(char.isdigit() for word in differing for char in word)


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word
