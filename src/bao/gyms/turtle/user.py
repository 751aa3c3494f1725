"""The user who knows the story: answers yes/no questions about it and judges accounts of it.

`StoryUser` is what the gym asks of a user, one method for each kind of turn, so that a model can take the scripted one's place
(`bao.gyms.turtle.llm`).

`ScriptedUser` goes by words. A question gets the truth of the fact that it matches best, by the rarity of the matched concepts
among the story's; a denial in it turns the truth round. Where no fact matches, the lexicon's topics decide (a story that
mentions no dog has none), else the user cannot say. An account is credited by the concepts that each criterion needs.

How well it understands was measured on questions and accounts written by hand (tests/gyms/test_turtle.py). Of the 42 questions
with which rules and words were chosen 41 are answered rightly (98 %), of 44 that were set aside and scored once 39 (89 %). Of
15 right accounts in other words than the story's own, all earn 1; of 19 set aside 16 earn 1, the other three .6 to .8. Whoever
wrote them also wrote the stories, so expect less with strangers. It sees neither who did what to whom nor what caused what. The
bottom of another own story earns .003 on the average.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from fractions import Fraction
from typing import NamedTuple, Protocol

import numpy as np

from bao.action import Outcome
from bao.gyms.turtle.reading import reading
from bao.gyms.turtle.tasks import Story, Truth, load
from bao.gyms.turtle.words import STOP_WORDS, Term, lexicon, terms, tokens
from bao.task import Task
from bao.user import User
from bao.users.echo import sentences

QUESTION_WORDS_MOST = 40
ACCOUNT_WORDS_MOST = 100
ACCOUNT_WORDS_LEAST = 4
ALTERNATIVES_MOST = 2
"""Words such as "or" and "maybe", and question marks, that an account may have."""
STRAY_SHARE = 1.0
"""An account may hold so many terms that the story does not know for each that it knows and the surface does not tell. Right
accounts have at most as many; fixed guesses, which fit any story, have more."""
FUNCTION_WORDS_LEAST = 0.25
"""Share of function words below which a text is a list of keywords; the stories themselves have at least 0.35."""
UNKNOWN_MOST = 2
"""Terms that the story does not know, above which a question that holds little else is about something else."""
NEAR = 0.75
"""Facts whose match is at least this share of the best one's are considered beside it."""


class Reply(StrEnum):
    """What a user answers to a question."""

    YES = "Yes."
    NO = "No."
    IRRELEVANT = "It does not matter."
    UNKNOWN = "I cannot say."
    OPEN = "Ask something that can be answered with yes or no."
    SEVERAL = "Ask about one thing at a time."
    LONG = f"Ask a short question, of at most {QUESTION_WORDS_MOST} words."


class Refusal(StrEnum):
    """Why an account is not credited at all."""

    SHORT = "Tell the hidden story in a sentence or more."
    LONG = f"Tell it in at most {ACCOUNT_WORDS_MOST} words."
    KEYWORDS = "Tell it in whole sentences, not in keywords."
    ALTERNATIVES = "Tell one story, not several possible ones."
    STRAY = "Most of this has nothing to do with the story."
    CONTRADICTION = "Something in this account contradicts the story."
    ECHO = "Those are words of mine. Tell the hidden story in words of your own."


class Judgement(NamedTuple):
    """What a user thinks of an account."""

    verdicts: tuple[Fraction, ...]
    """For each criterion 0, 1/2 or 1."""
    refusal: str | None = None


class StoryUser(User, Protocol):
    """Somebody who knows a story; no answer gives it away."""

    def judge(self, account: str) -> Judgement:
        """How far an account tells each criterion."""


HALF = Fraction(1, 2)
CHARACTERS_MOST = 4_000
"""No text of the permitted number of words is longer; more is not even read."""
_NONE, _ALL = Fraction(0), Fraction(1)
_TRUTH_REPLY = {Truth.YES: Reply.YES, Truth.NO: Reply.NO, Truth.IRRELEVANT: Reply.IRRELEVANT}
_TURNED = {Truth.YES: Truth.NO, Truth.NO: Truth.YES, Truth.IRRELEVANT: Truth.IRRELEVANT}
_OPEN_WORDS_LISTED = "what why who whom whose how where when which what's who's how's where's why's tell explain"
_OPEN_WORDS = frozenset(_OPEN_WORDS_LISTED.split())
_HEDGES = frozenset({"or", "either", "maybe", "perhaps", "possibly", "alternatively", "alternative", "probably", "?"})
_CONTRACTED = frozenset({"isn't", "aren't", "wasn't", "weren't", "don't", "doesn't", "didn't", "hasn't", "haven't", "hadn't"})
_STOPS = frozenset(".,;:!?")
_IGNORANCE = re.compile(
    r"\b(?:i|we)\s+(?:(?:really|still)\s+)?(?:(?:do\s+not|don['’]t|cannot|can['’]t)\s+(?:know|tell|say)|have\s+no\s+idea)\b",
    re.IGNORECASE,
)
"""What agents say of themselves, and what "they must not know" in a story must not be taken for."""


COVERED_NOTHING, MISSING = "No point is wholly covered yet.", "Something is still missing."
CANNED = sentences((*Reply, *Refusal, COVERED_NOTHING, MISSING))
"""What the user says to anybody: handed back, it tells nothing, whatever words it holds."""


def plain_words(words: list[str]) -> list[str]:
    """The words of a tokenised text without its stops."""
    return [word for word in words if word not in _STOPS]


def lists_alternatives(words: list[str]) -> bool:
    """Whether a tokenised account tells several possible stories."""
    return sum(word in _HEDGES for word in words) > ALTERNATIVES_MOST


class ScriptedUser(StoryUser):
    """Knows an annotated story and goes by words."""

    def __init__(self, story: Story) -> None:
        self._reading = reading(story)

    def answer(self, question: str) -> Reply:
        """The answer to a yes/no question."""
        words = tokens(question[:CHARACTERS_MOST])
        if len(words) > QUESTION_WORDS_MOST or len(question) > CHARACTERS_MOST:
            return Reply.LONG
        if not words or words[0] in _OPEN_WORDS:
            return Reply.OPEN
        if words[0] in _CONTRACTED:  # "Wasn't he blind?" asks whether he was
            words = words[1:]
        text = terms(words)
        the = self._reading
        if "or" in words and len({lexeme for lexeme, _ in text if lexeme in the.cores or lexeme in lexicon().members}) > 1:
            return Reply.SEVERAL
        unknown = sum(lexeme not in the.sayable for lexeme, _ in text)
        if unknown > UNKNOWN_MOST and 2 * unknown > len(text):
            return Reply.UNKNOWN
        found = the.finder.find(text)
        truth = self._by_facts(text, found) if found else None
        return _TRUTH_REPLY[truth] if truth else self._by_topic(text)

    def _by_facts(self, text: list[Term], found: Mapping[int, bool]) -> Truth | None:
        """The truth of the best-matching fact; among near ones, "no" goes before "yes", for what is partly false is false."""
        the = self._reading
        matches: list[tuple[float, Truth]] = []
        for core in found:
            for fact in the.facts.get(core, ()):
                weight = 0.0
                turned = False
                for number in fact.concepts:
                    as_meant = found.get(number)
                    if as_meant is None:
                        if fact.whole:
                            weight = 0.0
                            break
                        weight -= the.weight[number] / 2
                    else:
                        weight += the.weight[number]
                        turned ^= not as_meant
                if weight > 0:
                    matches.append((weight, _TURNED[fact.truth] if turned else fact.truth))
        if not matches:
            return None
        best = max(matches)[0]
        near = {truth for weight, truth in matches if weight >= NEAR * best}
        if Truth.NO in near:
            return Truth.NO
        if Truth.YES not in near:
            return Truth.IRRELEVANT
        foreign = any(lexeme in the.foreign and not denied for lexeme, denied in text)
        return Truth.NO if foreign else Truth.YES

    def _by_topic(self, text: list[Term]) -> Reply:
        """The answer where no fact matches: a member of a topic is in the story or not, and so is the topic itself."""
        members, words = lexicon().members, lexicon().words
        for lexeme, denied in text:
            if lexeme in members:
                return Reply.YES if (lexeme in self._reading.present) != denied else Reply.NO
        for lexeme, denied in text:
            if lexeme in words:
                if words[lexeme] in self._reading.topics:
                    return Reply.NO if denied else Reply.YES
                if not lexicon().topics[words[lexeme]].absent_is_no:
                    return Reply.IRRELEVANT
                return Reply.YES if denied else Reply.NO
        return Reply.UNKNOWN

    def mistaken(self, content: str, rng: np.random.Generator) -> Outcome | None:
        """Yes for no, or no for yes. Accounts are judged by the true story as ever, so it can still be told."""
        opposite = {Reply.YES: Reply.NO, Reply.NO: Reply.YES}.get(self.answer(content))
        return None if opposite is None else Outcome(str(opposite))

    def judge(self, account: str) -> Judgement:
        """Verdicts by concepts: 1 with all that a criterion needs, 1/2 with its core and not all, else 0.

        An account that is refused, or contradicts the story, gets 0 throughout.
        """
        the = self._reading
        words = tokens(_IGNORANCE.sub("", account[:CHARACTERS_MOST]))
        refusal = self._refusal(words) if len(account) <= CHARACTERS_MOST else Refusal.LONG
        found: Mapping[int, bool] = {}
        if refusal is None:
            text = terms(words)
            new = {lexeme for lexeme, _ in text} - the.surface
            stray = len(new - the.fitting)
            if stray > STRAY_SHARE * (len(new) - stray):
                refusal = Refusal.STRAY
            else:
                found = the.finder.find(text)
                if any(all(found.get(number) for number in against) for against in the.against):
                    refusal = Refusal.CONTRADICTION
        if refusal is not None:
            return Judgement((_NONE,) * len(the.needs), refusal)
        return Judgement(tuple(_verdict(needs, found) for needs in the.needs))

    @staticmethod
    def _refusal(words: list[str]) -> Refusal | None:
        plain = plain_words(words)
        if len(plain) < ACCOUNT_WORDS_LEAST:
            return Refusal.SHORT
        if len(plain) > ACCOUNT_WORDS_MOST:
            return Refusal.LONG
        if sum(word in STOP_WORDS for word in plain) < FUNCTION_WORDS_LEAST * len(plain):
            return Refusal.KEYWORDS
        if lists_alternatives(words):
            return Refusal.ALTERNATIVES
        return None


def _verdict(needs: tuple[int, ...], found: Mapping[int, bool]) -> Fraction:
    if not found.get(needs[0]):
        return _NONE
    return _ALL if all(found.get(number) for number in needs) else HALF


def check(task: Task) -> None:
    """Raise `ValueError` or `KeyError` naming the field of ``task.data`` that cannot be played.

    The scripted user must credit the bottom in full, and neither the title nor the surface with anything.
    """
    story = load(task)
    if not any(criterion.needs for criterion in story.criteria):
        return
    for number, criterion in enumerate(story.criteria):
        if not criterion.needs:
            raise ValueError(f"criteria[{number}].needs is missing, and others have it; annotate all or none")
    user = ScriptedUser(story)
    verdicts, refusal = user.judge(story.bottom)
    if refusal is not None:
        raise ValueError(f"bottom: the scripted user refuses it ({refusal}); shorten it or correct the annotation")
    for number, verdict in enumerate(verdicts):
        if verdict != 1:
            raise ValueError(f"criteria[{number}].needs: the bottom itself is credited {verdict}, not 1; correct them")
    prepared = reading(story)
    found = prepared.finder.find(terms(tokens(f"{story.title}. {story.surface}")))
    if any(found.get(needs[0]) for needs in prepared.needs):
        raise ValueError("surface: the title and surface alone are credited; correct the core concepts of the criteria")
