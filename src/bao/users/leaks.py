"""Does a reply give away what the user must not say?

Texts are compared as words, after compatibility normalisation, without case, accents, invisible characters and punctuation.
A secret is given away where its letters stand in the reply from one word's beginning to a word's end, however they are cut
into words: ``Ice-cream``, ``icecream`` and ``i c e c r e a m`` give away "ice cream", and ``cats`` does not give away "cat". A
longer secret is also given away by a run of its words.

Not seen: inflected forms, synonyms, translations, letters of another script that look alike.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from bao.users.llm import Check

RUN = 6
"""So many words in a row from a longer secret give it away."""
_SOLITARY = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[{_SOLITARY}]|[^\W_{_SOLITARY}]+")
"""A word; scripts without spaces give a word per character."""


class LeakProblem(str):
    """What is wrong with a reply that gives away a secret: the check's finding, told apart from others by its type."""

    __slots__ = ()


def words(text: str) -> list[str]:
    """The words of `text` as they are compared."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    kept = (character for character in plain if unicodedata.category(character) not in ("Mn", "Me", "Cf"))
    return _WORD.findall("".join(kept).casefold())


def leaks(secret: str, text: str, run: int = RUN) -> bool:
    """Whether `text` gives away `secret`, as this module's docstring says. A secret without a word is never given away."""
    hidden, said = words(secret), words(text)
    if _holds(said, "".join(hidden)):
        return True
    runs = {tuple(hidden[i : i + run]) for i in range(len(hidden) - run + 1)}
    return any(tuple(said[i : i + run]) in runs for i in range(len(said) - run + 1))


def leak_check(secrets: Sequence[str], *fields: str, known: Sequence[str] = (), run: int = RUN) -> Check[Any]:
    """A check that finds a reply which gives away one of `secrets` in its `fields` (none named: in any text of it).

    What `known`, the texts that the agent has seen, give away already is no secret: a secret that stands there is not looked
    for, nor is a run of words from there. Raises `ValueError` on `run` below 1; the check raises `AttributeError` on a field
    that the reply lacks.
    """
    if run < 1:
        raise ValueError(f"run={run} must be at least 1 word")
    seen = [words(text) for text in known]
    hidden = [spoken for spoken in map(words, secrets) if spoken and not any(_holds(text, "".join(spoken)) for text in seen)]
    told = {tuple(text[i : i + run]) for text in seen for i in range(len(text) - run + 1)}
    whole = {"".join(spoken) for spoken in hidden}
    runs = {tuple(spoken[i : i + run]) for spoken in hidden for i in range(len(spoken) - run + 1)} - told

    def check(reply: BaseModel) -> str | None:
        for text in _texts([getattr(reply, name) for name in fields] if fields else reply.model_dump()):
            said = words(text)
            if any(_holds(said, secret) for secret in whole) or any(
                tuple(said[i : i + run]) in runs for i in range(len(said) - run + 1)
            ):
                return LeakProblem("the reply gives away what must stay hidden: say it without those words")
        return None

    return check


def _holds(said: Sequence[str], letters: str) -> bool:
    """Whether whole words of `said`, put together, are `letters`."""
    if not letters:
        return False
    ends = {0}
    length = 0
    for word in said:
        length += len(word)
        ends.add(length)
    text = "".join(said)
    place = text.find(letters)
    while place >= 0:
        if place in ends and place + len(letters) in ends:
            return True
        place = text.find(letters, place + 1)
    return False


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, BaseModel):
        yield from _texts(value.model_dump())
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from _texts(key)
            yield from _texts(each)
    elif isinstance(value, list | tuple | set | frozenset):
        for each in value:
            yield from _texts(each)
