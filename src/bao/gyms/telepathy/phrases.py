"""Phrases: the one form in which what people say about a thing is looked up.

`phrase_key` takes the small words and the endings away and writes the many ways to say where a thing is, what it is for and
what it is made of in one way, so that "often found in the oceans", "lives in the sea" and "at sea" are one phrase.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import product

from bao.gyms.data import pattern
from bao.gyms.telepathy.words import ENGLISH, stem

SMALL = frozenset(ENGLISH["small"].split())
"""Words that are left out."""
GENERIC = frozenset({"thing", "stuff", "something", "item", "object", "anything", "people", "one", "type", "human", "person"})
"""Stems that say nothing inside a longer phrase."""


def _rewrites(name: str) -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple((pattern(lines), put) for lines, put in ENGLISH[name])


_ANYWHERE, _AT_THE_START = _rewrites("anywhere"), _rewrites("at_the_start")
_ANYWHERE_HINT = re.compile(r" of |\b(?:oceans?|gr[ae]y|silvery|colou?rs?|beings?|[2468])\b")
"""Most phrases hold nothing for the above, and one look is cheaper than nine."""
_IN_PATTERNS = {word for pattern, _ in _AT_THE_START for word in re.findall(r"[a-z]+", pattern.pattern)}
_STARTS = frozenset(_IN_PATTERNS | {word.removesuffix("s") for word in _IN_PATTERNS})
"""Every word that one of the above can begin with, and some more."""
_PLACE_OR_PURPOSE = ("in ", "on ", "under ", "underground", "outdoors", "indoors", "of ", "for ")
_POWERED = re.compile(r"^(?:powered|run|driven|operated|fuelled|fueled) (?:by|with|on) ")
_NEEDS = re.compile(r"^(?:need|needs|require|requires|take|takes|run on|runs on|work on|works on|consume) ")
_FOR_YOU = re.compile(
    r"^(?:help|helps|let|lets|allow|allows|enable|enables) (?:you |people |us |one |someone |humans? )?(?:to )?"
)
_ABLE = re.compile(r"^(?:able to|capable of|responsible for|known to|known for|likely to) ")
_BEING = re.compile(r"^(?:known for being|considered to be|considered as|known as|regarded as|referred to as) ")
_MUST = re.compile(r"^(?:have|need) to (?=\w)")


def _words_of(*patterns: re.Pattern[str]) -> frozenset[str]:
    """Every word that one of the patterns can begin with, and some more."""
    return frozenset(word for pattern in patterns for word in re.findall(r"[a-z]+", pattern.pattern))


_FIRST_OF_IS, _FIRST_OF_DOES = _words_of(_ABLE, _BEING, _MUST, _POWERED), _words_of(_NEEDS, _FOR_YOU)
"""Most phrases begin with none of these, and one look is cheaper than four."""


@lru_cache(maxsize=50_000)
def phrase_key(frame: str, rest: str) -> tuple[str, str]:
    """The frame and the stems by which a phrase is looked up."""
    frame, rest = canonical(frame, rest)
    return frame, stems_of(rest.split())


@lru_cache(maxsize=50_000)
def canonical(frame: str, rest: str) -> tuple[str, str]:
    """One form for the many ways to say where it is, what it is for and what it is made of."""
    rest = " ".join([word for word in rest.replace("-", " ").split() if word not in SMALL])
    first = rest.partition(" ")[0]
    if frame == "is" and first in _FIRST_OF_IS:
        rest = _MUST.sub("", _BEING.sub("", rest))
        able = _ABLE.sub("", rest)
        if able != rest:
            frame, rest = "does", able
        powered = _POWERED.sub("use ", rest)
        if powered != rest:
            frame, rest = "does", powered
        first = rest.partition(" ")[0]
    if frame == "does" and first in _FIRST_OF_DOES:
        rest = _NEEDS.sub("use ", rest)
        helped = _FOR_YOU.sub("for ", rest)
        if helped != rest:
            frame, rest = "is", helped
    if _ANYWHERE_HINT.search(rest):
        for pattern, put in _ANYWHERE:
            rest = pattern.sub(put, rest)
    if rest.partition(" ")[0] in _STARTS:
        for pattern, put in _AT_THE_START:
            changed = pattern.sub(put, rest)
            if changed != rest:
                rest = changed
                if frame == "does" and rest.startswith(_PLACE_OR_PURPOSE):
                    frame = "is"
    if frame == "is" and rest.endswith((" with", " for")) and not rest.startswith("for ") and rest.count(" ") >= 1:
        rest = "for " + rest.rsplit(" ", 1)[0]
    return frame, rest


def stems_of(words: list[str]) -> str:
    """The stems of the words that say something."""
    stems = [stem(word) for word in words]
    return " ".join([word for word in stems if word not in GENERIC] or stems)


def expand(text: str) -> Iterator[str]:
    """The phrases of a line of predicates.toml: parts between ``;``, each with its alternatives ``(a|b|)``."""
    for phrase in text.split(";"):
        pieces = re.split(r"\(([^)]*)\)", phrase)
        choices = [piece.split("|") if place % 2 else [piece] for place, piece in enumerate(pieces)]
        for chosen in product(*choices):
            words = " ".join("".join(chosen).split())
            if words:
                yield words
