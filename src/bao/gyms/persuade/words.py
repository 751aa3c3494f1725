"""The words that the scripted user goes by: forms of a word, words that make a sentence, insults, and words of questions."""

from collections.abc import Iterable, Mapping
from enum import StrEnum

from bao.gyms.data import table

_TABLE = table(__package__, "words.toml")


class Kind(StrEnum):
    """What a consideration is about."""

    FAIRNESS = "fairness"
    COST = "cost"
    EVIDENCE = "evidence"
    FREEDOM = "freedom"
    SAFETY = "safety"
    PRACTICALITY = "practicality"
    PRECEDENT = "precedent"
    ENVIRONMENT = "environment"
    COMMUNITY = "community"


def forms(word: str) -> frozenset[str]:
    """`word` in the forms that English gives it, whichever of them it is in. Some do not exist, which does no harm."""
    bases = _bases(word)
    for others in _IRREGULAR:
        if not bases.isdisjoint(others):
            bases |= others
    return frozenset(form for base in bases for form in _regular(base))


def _bases(word: str) -> set[str]:
    """What is left of a word without an ending, and the word itself."""
    found = {word}
    if word.endswith("ies"):
        found.add(word[:-3] + "y")
    elif word.endswith("s") and not word.endswith(("ss", "us")):
        found.add(word[:-1])
    for ending in ("ed", "ing"):
        stem = word.removesuffix(ending)
        if stem != word and len(stem) >= 3 and not _VOWELS.isdisjoint(stem):
            found |= {stem, stem + "e"}
            if stem[-1] == stem[-2]:
                found.add(stem[:-1])
    return found


def _regular(word: str) -> set[str]:
    """A word with the regular endings."""
    stem = word[:-1]
    found = {word, *(word + ending for ending in ("s", "es", "ed", "ing", "er", "ers"))}
    if word.endswith("e"):
        found |= {word + "d", word + "r", word + "rs", stem + "ing"}
    elif word.endswith("y"):
        found |= {stem + "ies", stem + "ied", stem + "ier"}
    elif len(word) <= 5 and word[-1:] not in "aeiouwxy":
        found |= {word + word[-1] + ending for ending in ("ed", "ing", "er", "ers")}
    return found


_VOWELS = frozenset("aeiouy")
_IRREGULAR = tuple(frozenset(row.split()) for row in _TABLE["irregular"].split(";"))
"""Forms that no rule gives, each row one word."""


def all_forms(words: Iterable[str]) -> frozenset[str]:
    return frozenset(form for word in words for form in forms(word))


FUNCTION_WORDS, INSULTS, APOLOGIES, WHY_WORDS = (
    frozenset(_TABLE[name].split()) for name in ("function", "insults", "apologies", "why")
)
"""Words that any sentence is held together by and a list of keywords is not, insults, apologies, and words by which a question
asks why the user holds the claim, or what would move them."""
VERBS = frozenset(form for verb in _TABLE["regular_verbs"].split() for form in _regular(verb)).union(
    _TABLE["irregular_verbs"].split()
)
"""Common verbs: what counts as a sentence holds one of them."""
KIND_OF_WORD: Mapping[str, Kind] = {word: Kind(kind) for kind, words in _TABLE["kinds"].items() for word in words.split()}
"""Words by which a question names a kind."""
