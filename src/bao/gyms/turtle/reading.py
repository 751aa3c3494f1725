"""A story prepared for matching: its concepts in one finder, its facts by their core, and the words that belong to it."""

from math import log
from typing import NamedTuple

from bao.gyms.turtle.concepts import Concept, Finder, lexemes_of
from bao.gyms.turtle.tasks import Story, Truth
from bao.gyms.turtle.words import FILLERS, lexicon, terms, tokens
from bao.task_source import cache_by_identity


class FactIndex(NamedTuple):
    """A fact whose concepts are numbers of the finder."""

    truth: Truth
    concepts: tuple[int, ...]
    whole: bool
    """Whether every concept must be met, not the core alone."""


class Reading:
    """Made once per story.

    ``needs`` and ``against`` hold the concept numbers of each criterion and contradiction, ``facts`` the facts by their core,
    ``weight`` the idf of each concept. Of lexemes, ``surface`` are those of title and surface, ``present`` those and the
    bottom's, ``known`` those and the annotation's; ``sayable`` are all that a question may hold without being about something
    else, ``cores`` those of the facts' cores, ``foreign`` the topic members that the story does not know.
    """

    def __init__(self, story: Story) -> None:
        concepts: list[Concept] = []

        def numbers(found: tuple[Concept, ...]) -> tuple[int, ...]:
            concepts.extend(found)
            return tuple(range(len(concepts) - len(found), len(concepts)))

        self.needs = [numbers(criterion.needs) for criterion in story.criteria]
        self.against = [numbers(found) for found in story.against]
        facts = [FactIndex(truth, numbers(found), True) for truth, all_found in story.facts.items() for found in all_found]
        facts += [FactIndex(Truth.YES, needs, False) for needs in self.needs]
        facts += [FactIndex(Truth.NO, against, True) for against in self.against]
        self.finder = Finder(concepts)
        self.weight = _idf(concepts)
        self.facts: dict[int, list[FactIndex]] = {}
        for fact in facts:
            self.facts.setdefault(fact.concepts[0], []).append(fact)
        self.surface = frozenset(term.lexeme for term in terms(tokens(f"{story.title}. {story.surface}")))
        told = self.surface | {term.lexeme for term in terms(tokens(story.bottom))}
        self.present = told
        self.known = told | lexemes_of(concepts)
        self.sayable = self.known | FILLERS | lexicon().members.keys() | lexicon().words.keys()
        self.cores = lexemes_of(concepts[core] for core in self.facts)
        self.topics = frozenset(name for name, topic in lexicon().topics.items() if (topic.words | topic.members) & told)
        self.foreign = lexicon().members.keys() - self.known
        self.fitting = self.known | {word for name in self.topics for word in lexicon().topics[name].words}


def _idf(concepts: list[Concept]) -> list[float]:
    """ln(1 + N/n) for each of the N concepts, n of which share a word with it."""
    counts: dict[str, int] = {}
    for concept in concepts:
        for lexeme in concept.lexemes:
            counts[lexeme] = counts.get(lexeme, 0) + 1
    return [log(1 + len(concepts) / max(counts[lexeme] for lexeme in concept.lexemes)) for concept in concepts]


@cache_by_identity(most=5_000)
def reading(story: Story) -> Reading:
    """The reading of a story, kept by its identity."""
    return Reading(story)
