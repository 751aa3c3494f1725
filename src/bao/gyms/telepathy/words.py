"""Words as they are compared: without accents, endings and small words.

`stem` takes the ending off a word, so that ``flies``, ``flying`` and ``fly`` are one. It is cruder than a dictionary, but both
sides of every comparison pass through it. `name_key` is the form in which names are compared: articles, case, plurals and
punctuation do not matter.
"""

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache

from bao.gyms.data import table

_WORD = re.compile(r"[a-z0-9]+")
_ARTICLES = frozenset({"a", "an", "the"})
_VOWEL = re.compile(r"[aeiouy]")

ENGLISH = table(__package__, "english.toml")
"""The word lists and patterns of this gym."""
_IRREGULAR: Mapping[str, str] = {
    form: base for base, *forms in map(str.split, ENGLISH["irregular"].split(";")) for form in forms
}


def fold(text: str) -> str:
    """Lower case, no accents, plain apostrophes; only the first 400 characters, which is more than a question needs."""
    text = text[:400]
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text.replace("\u2019", "'").replace("\u2018", "'"))
        text = "".join(char for char in text if not unicodedata.combining(char))
    return text.casefold()


@lru_cache(maxsize=20_000)
def stem(word: str) -> str:
    """The word without its ending: ``stem("swimming") == stem("swims") == "swim"``."""
    if word in _IRREGULAR:
        word = _IRREGULAR[word]
    word = _singular(word)
    for ending in ("ing", "ed"):
        base = word[: -len(ending)]
        if word.endswith(ending) and len(base) >= 3 and _VOWEL.search(base):
            if base[-1] == base[-2] and base[-1] not in "lsz":
                base = base[:-1]
            word = "fly" if base == "fli" else base[:-1] + "y" if base.endswith("i") else base
            break
    return word[:-1] if word.endswith("e") and len(word) > 3 else word


def _singular(word: str) -> str:
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if len(word) <= 3 or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "shes", "ches", "xes", "zes")):
        return word[:-2]
    return word[:-1]


def name_key(text: str) -> str:
    """The form in which names are compared: ``name_key("The Grey Wolves!") == name_key("gray wolf")``."""
    words = _WORD.findall(fold(text).replace("'s ", "s ").replace("'", ""))
    kept = [_singular(word) for word in words if word not in _ARTICLES]
    return " ".join(kept)
