"""Concepts: what a story's annotation looks for in a text, as sets of words of which any will do.

A concept is written ``blind|not see|guide dog``: alternatives of one or two terms, each affirmed or denied. A text has the
concept where it holds an alternative (two terms within three of each other, in either order) and denies it just as the
annotation does; where it turns the denial round, it holds the opposite: "he could see" is the opposite of ``not see``.
Several concepts that belong together are joined with ``&``; the first is the *core*.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bao.gyms.turtle.words import Term, terms, tokens

SPAN = 3
"""Terms between which the two of a pair may stand: at most this many places apart."""


@dataclass(frozen=True, slots=True)
class Concept:
    """Alternatives, each of one or two lexemes, with whether it is a denial."""

    alternatives: tuple[tuple[tuple[str, ...], bool], ...]

    @property
    def lexemes(self) -> frozenset[str]:
        return frozenset(lexeme for lexemes, _ in self.alternatives for lexeme in lexemes)


def parse_concepts(text: Any) -> tuple[Concept, ...]:
    """The concepts of an annotation. Raises `ValueError` where it is none."""
    if not isinstance(text, str):
        raise ValueError("must be a text such as 'blind|not see & dog'")
    return tuple(map(_parse, text.split("&")))


def _parse(text: str) -> Concept:
    found = []
    for alternative in text.split("|"):
        read = terms(tokens(alternative))
        if not 1 <= len(read) <= 2:
            raise ValueError(f"{alternative.strip()!r} has {len(read)} terms that count; give one or two")
        found.append((tuple(term.lexeme for term in read), any(term.denied for term in read)))
    return Concept(tuple(found))


class Finder:
    """Finds which of some concepts a text holds."""

    def __init__(self, concepts: Sequence[Concept]) -> None:
        single: dict[str, list[tuple[int, bool]]] = {}
        pairs: dict[str, list[tuple[str, int, bool]]] = {}
        for number, concept in enumerate(concepts):
            for lexemes, denied in concept.alternatives:
                if len(lexemes) == 1:
                    single.setdefault(lexemes[0], []).append((number, denied))
                else:
                    first, second = lexemes
                    pairs.setdefault(first, []).append((second, number, denied))
                    if first != second:
                        pairs.setdefault(second, []).append((first, number, denied))
        self._single: Mapping[str, list[tuple[int, bool]]] = single
        self._pairs: Mapping[str, list[tuple[str, int, bool]]] = pairs

    def find(self, text: Sequence[Term]) -> dict[int, bool]:
        """The numbers of the concepts in `text`: True where it holds one, False where it holds only the opposite."""
        found: dict[int, bool] = {}
        single, pairs = self._single, self._pairs
        for place, (lexeme, denied) in enumerate(text):
            if lexeme in single:
                for number, meant in single[lexeme]:
                    found[number] = found.get(number, False) or denied == meant
            if lexeme in pairs:
                following = text[place + 1 : place + 1 + SPAN]
                for other, number, meant in pairs[lexeme]:
                    for term in following:
                        if term.lexeme == other:
                            found[number] = found.get(number, False) or (denied or term.denied) == meant
        return found


def lexemes_of(concepts: Iterable[Concept]) -> frozenset[str]:
    """Every lexeme of some concepts."""
    return frozenset(lexeme for concept in concepts for lexeme in concept.lexemes)
