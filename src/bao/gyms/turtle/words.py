"""How the scripted user reads English: words become terms, each a stem (or its synonyms' common name) that may be denied.

Function words are skipped. A negator (``not``, ``never``, ``n't``, ``without``) denies the next two terms of its clause, or
only the verb where it is one such as ``know`` or ``want``: in "she did not know that he was blind" he is blind. This is no
grammar: who did what to whom is not seen.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from bao.gyms.data import table

REACH = 2
"""Terms after a negator that it denies."""

_TOKEN = re.compile(r"[^\W_]+(?:'[^\W_]+)?|[.,;:!?]")
_STOP, _NOT, _BREAK = "", "!", "."
_KNOWN_MOST = 20_000
"""Words kept with their terms; an agent may invent as many as it likes."""

_ENGLISH = table(__package__, "english.toml")
STOP_WORDS = frozenset(_ENGLISH["stop"].split())
"""Words that carry no term. A story told in sentences has plenty of them, a list of keywords has none."""
_NEGATORS = frozenset(_ENGLISH["negators"].split())
_BREAKS = frozenset(_ENGLISH["breaks"].split())
_IRREGULAR: Mapping[str, str] = {form: line.split()[0] for line in _ENGLISH["irregular"].split("\n") for form in line.split()}


def stem(word: str) -> str:
    """The word without its ending; a rough one, alike for all forms of a word rather than right."""
    word = word.removesuffix("'s").replace("'", "")
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if len(word) > 4 and word.endswith("ies"):
        word = word[:-3] + "y"
    elif len(word) > 4 and word.endswith(("ches", "shes", "sses", "xes", "zes")):
        word = word[:-2]
    elif len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if len(word) > 4 and word.endswith("ied"):
        word = word[:-3] + "y"
    elif len(word) > 5 and word.endswith("ing"):
        word = _undoubled(word[:-3])
    elif len(word) > 4 and word.endswith("ed"):
        word = _undoubled(word[:-2])
    elif len(word) > 5 and word.endswith("ly"):
        word = word[:-2]
    for base in (word, word + "e"):
        if base in _IRREGULAR:
            return _IRREGULAR[base]
    return word[:-1] if len(word) > 3 and word.endswith("e") else word


def _undoubled(word: str) -> str:
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "lsz" else word


_ALONE = frozenset(stem(word) for word in _ENGLISH["alone"].split())
"""Verbs that a negator denies alone: who does not want to see may see."""


class Term(NamedTuple):
    """One word that counts."""

    lexeme: str
    denied: bool


@dataclass(frozen=True)
class Topic:
    """A matter that a story can be about, such as animals."""

    name: str
    words: frozenset[str]
    """Lexemes that name the topic itself."""
    members: frozenset[str]
    """Lexemes that belong to it, such as dog. A story that does not mention one has none."""
    absent_is_no: bool
    """Whether the answer about an absent topic is "no"; otherwise it does not matter."""


@dataclass(frozen=True)
class Lexicon:
    """Synonyms and topics."""

    synonyms: Mapping[str, str]
    """Stem to the common name of its synonyms."""
    topics: Mapping[str, Topic]
    members: Mapping[str, str]
    """Member lexeme to the name of its topic."""
    words: Mapping[str, str]
    """Lexeme that names a topic, to the name of the topic."""


@cache
def lexicon() -> Lexicon:
    """The lexicon of the package. Raises `ValueError` where a word has two places."""
    raw = table(__package__, "lexicon.toml")
    synonyms: dict[str, str] = {}
    for line in raw["synonyms"].split("\n"):
        stems = [stem(word) for word in line.split()]
        for each in stems:
            if synonyms.setdefault(each, stems[0]) != stems[0]:
                raise ValueError(f"the word {each!r} is a synonym of both {synonyms[each]!r} and {stems[0]!r}; keep one")
    topics: dict[str, Topic] = {}
    members: dict[str, str] = {}
    words: dict[str, str] = {}
    for name, row in raw["topics"].items():
        own = frozenset(synonyms.get(s, s) for s in map(stem, row["words"].split()))
        of_it = frozenset(synonyms.get(s, s) for s in map(stem, row["members"].split())) - own
        for lexemes, places in ((own, words), (of_it, members)):
            for lexeme in lexemes:
                if lexeme in words or lexeme in members:
                    raise ValueError(f"the word {lexeme!r} of the topic {name!r} has a place in a topic already; keep one")
                places[lexeme] = name
        topics[name] = Topic(name, own, of_it, row["absent"] == "no")
    return Lexicon(synonyms, topics, members, words)


_known: dict[str, str] = {}


def _term(word: str) -> str:
    if word in _NEGATORS:
        found = _NOT
    elif word in _BREAKS:
        found = _BREAK
    elif word in STOP_WORDS:
        found = _STOP
    else:
        stemmed = stem(word)
        found = lexicon().synonyms.get(stemmed, stemmed)
    if len(_known) >= _KNOWN_MOST:
        _known.clear()
    _known[word] = found
    return found


def tokens(text: str) -> list[str]:
    """The words and stops of a text, in lower case."""
    return _TOKEN.findall(text.lower().replace("\u2019", "'"))


def terms(words: list[str]) -> list[Term]:
    """The terms of a tokenised text in their order."""
    found: list[Term] = []
    reach = 0
    for word in words:
        lexeme = _known.get(word)
        if lexeme is None:
            lexeme = _term(word)
        if lexeme == _STOP:
            continue
        if lexeme == _BREAK:
            reach = 0
        elif lexeme == _NOT:
            reach = REACH
        else:
            found.append(Term(lexeme, reach > 0))
            reach = 0 if lexeme in _ALONE else reach - 1 if reach else 0
    return found


FILLERS = frozenset(term.lexeme for term in terms(_ENGLISH["fillers"].split()))
"""Lexemes that a question may add without asking for anything more."""
