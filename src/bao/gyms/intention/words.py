"""The words of a question: which say nothing, which say little, which mean the same.

A text becomes *marks*: the stem of each word that says something, and the *concepts* that the word stands for (``when`` and
``date`` both stand for time), written in capitals so that no stem is one. The words lie in ``vocabulary.toml``.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from bao.gyms.data import table

WORD = re.compile(r"[^\W_]+")

_TABLE: Mapping[str, Any] = table(__package__, "vocabulary.toml")
_SILENT, _FAINT, _ASKING = (frozenset(_TABLE[name].split()) for name in ("silent", "faint", "asking"))
_CONCEPTS: Mapping[str, tuple[str, ...]] = {name: tuple(row.split()) for name, row in _TABLE["concepts"].items()}

_PHRASES = frozenset(word for row in _CONCEPTS.values() for word in row if "_" in word)
_SUFFIXES_LISTED = (
    "izations ization isation ations ation ances ance ences ence ments ment ities ity ings ing ions ion ies ied ers ees ed er "
    "ee es ly al y s e"
)
_SUFFIXES = tuple(_SUFFIXES_LISTED.split())


@lru_cache(maxsize=50_000)
def stem(word: str) -> str:
    """The word without its ending, so that ``invite``, ``invited`` and ``invitation`` are one. Crude, and only compared."""
    if word.endswith(("ss", "us")):
        return word
    for suffix in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= 3:
            word = word[: -len(suffix)]
            break
    if len(word) > 3 and word[-1] == word[-2]:
        word = word[:-1]
    return word[:-1] if len(word) > 4 and word[-1] in "aeiy" else word


def _by_word() -> Mapping[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for concept, row in _CONCEPTS.items():
        for word in row:
            entry = found.setdefault(word if "_" in word else stem(word), [])
            if concept not in entry:
                entry.append(concept)
    return MappingProxyType({word: tuple(concepts) for word, concepts in found.items()})


_CONCEPTS_OF = _by_word()
_COUNTING = frozenset(("how", "much", "many", "long", "often"))
"""Begin questions too, though not always."""
_FAINT_STEMS = frozenset(map(stem, _FAINT))
_LAST = {"about": "about_what", "for": "for_what", "do": "do_what"}
_BEFORE_PHRASES = frozenset(phrase.partition("_")[0] for phrase in _PHRASES)


def words(text: str) -> list[str]:
    """The words of a text in lower case; two that make one phrase (``how long``) as one, ``how_long``.

    So is a last word that asks by itself, as in "What is it for?".
    """
    found = WORD.findall(text.lower())
    if found and found[-1] in _LAST:
        found[-1] = _LAST[found[-1]] if "who" not in found else "for_whom"
    if _BEFORE_PHRASES.isdisjoint(found):
        return found
    joined: list[str] = []
    index = 0
    while index < len(found):
        word = found[index]
        if word in _BEFORE_PHRASES and index + 1 < len(found) and f"{word}_{found[index + 1]}" in _PHRASES:
            word = f"{word}_{found[index + 1]}"
            index += 1
        joined.append(word)
        index += 1
    return joined


@lru_cache(maxsize=50_000)
def marks(word: str) -> tuple[str, ...]:
    """The stem of a word and its concepts; nothing where it says nothing. Phrases and question words have
    concepts only."""
    if word in _SILENT:
        return ()
    if "_" in word or word in _ASKING:
        return _CONCEPTS_OF.get(word if "_" in word else stem(word), ())
    root = stem(word)
    return (root, *_CONCEPTS_OF.get(root, ()))


def is_question(text: str) -> bool:
    """Whether a text is put as a question, in a sentence, rather than as a key word or a list of them.

    It has three words or more, one in four of them does nothing but make a sentence, or ask, and there is at most one comma
    to four words.
    """
    found = WORD.findall(text.lower())
    binding = sum(word in _SILENT or word in _ASKING or word in _COUNTING for word in found)
    return len(found) >= 3 and 4 * binding >= len(found) and 4 * text.count(",") <= len(found)


def is_concept(mark: str) -> bool:
    return mark[0].isupper()


def is_faint(mark: str) -> bool:
    return mark in _FAINT_STEMS
