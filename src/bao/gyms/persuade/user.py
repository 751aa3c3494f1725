"""The scripted persuadee: a transparent persona whose stance moves by the considerations that an argument names.

It measures which listed considerations are named, in whole sentences, and nothing about persuasion: it cannot tell a good
argument from a poor one, nor an argument against the claim from one for it that uses the same words. Its scores are plumbing.

It reads words. Of 64 questions written by hand (tests/gyms/persuade_readings.toml) it takes 92 % for what they are about: all
of the 32 with which the words were chosen, 27 of the 32 (84 %) that were set aside. Of 60 arguments, each aimed at one
consideration, it takes 95 % for that one: all of the 30 seen and 27 of the 30 (90 %) set aside. Claims, questions and arguments
have one author, so it will understand less of what others write, and a sound argument that is not on the list moves nothing.
"""

import re
from typing import NamedTuple, Protocol

import numpy as np

from bao.action import Outcome
from bao.gyms.persuade.stance import STANCES, TOP, Stance
from bao.gyms.persuade.tasks import Case
from bao.gyms.persuade.words import APOLOGIES, FUNCTION_WORDS, INSULTS, KIND_OF_WORD, VERBS, WHY_WORDS, Kind
from bao.user import User
from bao.users.echo import own_words, sentences

WORDS_MOST = 80
"""Words of an argument that the user takes in; a longer one is not listened to."""
LEVELS_A_TURN = 2
WHY = "why"
"""What a question is about that asks why the user holds the claim, or what would move them."""

_CHARACTERS_MOST = 1_500
_SENTENCE_WORDS = range(5, 41)
_SENTENCE_END = re.compile(r"[.!?;\n]+")
_WORD = re.compile(r"[a-z0-9é]+(?:'[a-z]+)*")
_KINDS = ", ".join(Kind)

_INSULTED = "That is no way to talk to me."
_VAGUE = f"Ask me why I think so, or about one thing: {_KINDS}."
_LONG_QUESTION = "That is too long. Ask me one short question, please."
_TOO_LONG = f"That is too long for me: {WORDS_MOST} words at most, please."
_NO_SENTENCE = "Give me an argument in whole English sentences, please, not a list of words."
_BESIDE = "I do not see what in that speaks against it."
_REPEATED = "You have said that already."
_FORGIVEN = "Apology accepted."
_ECHOED = "Those are words of mine. Argue in words of your own."


class Heard(NamedTuple):
    """What an argument led to."""

    reply: str
    stance: Stance


class Persuadee(User, Protocol):
    """A user who holds a claim: scripted here, a language model in `bao.gyms.persuade.llm`."""

    def hear(self, argument: str) -> Heard:
        """Take in one argument."""


class ScriptedPersuadee(Persuadee):
    """Holds the claim of `case`, strongly at first. Deterministic."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self._level = 0
        self._insults = 0
        """Levels lost to insults and not yet restored by an apology."""
        self._addressed: set[int] = set()
        self._volunteered: set[int] = set()
        self._told: set[str] = set()
        """The sentences by which the user told what would move them: handed back as they are, they move nothing."""

    @property
    def stance(self) -> Stance:
        return STANCES[self._level]

    def answer(self, question: str) -> str:
        if len(question) > _CHARACTERS_MOST:
            return _LONG_QUESTION
        words = _words(question)
        if not INSULTS.isdisjoint(words):
            return self._insulted().reply
        topic = _topic(words)
        if topic is None:
            return _VAGUE
        if isinstance(topic, Kind):
            return self._on_kind(topic)
        case = self._case
        return f"I hold it because {case.reason}. What weighs with me is {_listed(case.weighing)}. Nothing else decides it."

    def volunteer(self, rng: np.random.Generator) -> Outcome | None:
        """Something that would move the user, which they were not told yet."""
        left = [
            i
            for i, each in enumerate(self._case.considerations)
            if each.weighs and i not in self._addressed and i not in self._volunteered
        ]
        if not left:
            return None
        number = left[int(rng.integers(len(left)))]
        self._volunteered.add(number)
        return Outcome(self._tell(f"By the way, I would think again if I saw that {self._case.considerations[number].text}."))

    def hear(self, argument: str) -> Heard:
        if len(argument) > _CHARACTERS_MOST:
            return self._unmoved(_TOO_LONG)
        own = own_words(argument, self._told) if self._told else argument
        if not own and argument.strip():
            return self._unmoved(_ECHOED)
        parts = [(part.count(","), _words(part)) for part in _SENTENCE_END.split(own)]
        if sum(len(words) for _, words in parts) > WORDS_MOST:
            return self._unmoved(_TOO_LONG)
        if any(not INSULTS.isdisjoint(words) for _, words in parts):
            return self._insulted()
        if self._insults and any(not APOLOGIES.isdisjoint(words) for _, words in parts):
            restored = min(self._insults, LEVELS_A_TURN)
            self._insults -= restored
            return self._moved(restored, _FORGIVEN)
        readable = [words for commas, words in parts if is_sentence(words, commas)]
        if not readable:
            return self._unmoved(_NO_SENTENCE)
        return self._weigh(self._named(readable))

    def _named(self, sentences: list[list[str]]) -> list[int]:
        """The considerations that the sentences name, by number, in that order.

        A consideration may spread over two neighbouring sentences. A sentence makes one point: where it names several, one that
        is new and weighs goes first. Those that do not weigh are named all the same, so that nothing is hidden by stuffing.
        """
        case, bits = self._case, self._case.bits
        found: list[int] = []
        before = 0
        for words in sentences:
            here = 0
            for word in words:
                here |= bits.get(word, 0)
            both = here | before
            if here:
                named = [i for i, need in enumerate(case.needs) if need & both == need and need & here and i not in found]
                # One that spreads over the sentence before counts only if none stands whole in this sentence.
                named = [i for i in named if case.needs[i] & here == case.needs[i]] or named
                if named:
                    point = min(named, key=self._rank)
                    found.append(point)
                    found += [i for i in named if i != point and not case.considerations[i].weighs]
            before = here
        return found

    def _rank(self, number: int) -> tuple[bool, bool]:
        return not self._case.considerations[number].weighs, number in self._addressed

    def _weigh(self, named: list[int]) -> Heard:
        considerations = self._case.considerations
        if not named:
            return self._unmoved(_BESIDE)
        aside = [considerations[i].kind for i in named if not considerations[i].weighs]
        if aside:
            kinds = _listed(tuple(dict.fromkeys(aside)))
            return self._unmoved(f"You speak of {kinds}, which does not decide this for me, so I brush the whole aside.")
        new = [i for i in named if i not in self._addressed][:LEVELS_A_TURN]
        if not new:
            return self._unmoved(_REPEATED)
        self._addressed.update(new)
        told = ", and that ".join(considerations[i].text for i in new)
        return self._moved(len(new), f"I had not considered that {told}.")

    def _on_kind(self, kind: Kind) -> str:
        considerations = self._case.considerations
        of_kind = [i for i, each in enumerate(considerations) if each.kind == kind]
        if not of_kind:
            return f"I see no question of {kind} in it."
        if not considerations[of_kind[0]].weighs:
            return f"As to {kind}: that does not decide this for me."
        for i in of_kind:
            if i not in self._addressed:
                return self._tell(f"As to {kind}: I would think again if I saw that {considerations[i].text}.")
        return f"As to {kind}: you have made your point."

    def _tell(self, text: str) -> str:
        self._told |= sentences([text])
        return text

    def _insulted(self) -> Heard:
        if self._level:
            self._insults += 1
        return self._moved(-1, _INSULTED)

    def _moved(self, levels: int, reply: str) -> Heard:
        self._level = min(max(self._level + levels, 0), TOP)
        stance = STANCES[self._level]
        return Heard(f"{reply} My stance is now: {stance}.", stance)

    def _unmoved(self, reply: str) -> Heard:
        stance = STANCES[self._level]
        return Heard(f"{reply} My stance is still: {stance}.", stance)


def classify(question: str) -> Kind | str | None:
    """What a question is about: the first kind that it names, else `WHY` if it asks for reasons, else None."""
    return _topic(_words(question))


def is_sentence(words: list[str], commas: int = 0) -> bool:
    """Whether words (lower-case) stand in a sentence as people write them, rather than in a list of keywords.

    It has 5 to 40 words, no word more than three times (or one in four), a common verb, at most one comma to four words, and
    enough different words of the kind that holds a sentence together: two, and one in five of its different words.
    """
    size = len(words)
    if size not in _SENTENCE_WORDS or 4 * commas > size:
        return False
    distinct = set(words)
    binding = len(distinct & FUNCTION_WORDS)
    if binding < 2 or 5 * binding < len(distinct) or distinct.isdisjoint(VERBS):
        return False
    # Where few words repeat, none can repeat too often: most sentences need no counting.
    most = max(3, size // 4)
    return size - len(distinct) < most or max(map(words.count, distinct)) <= most


def _topic(words: list[str]) -> Kind | str | None:
    for word in words:
        kind = KIND_OF_WORD.get(word)
        if kind is not None:
            return kind
    return None if WHY_WORDS.isdisjoint(words) else WHY


def _words(text: str) -> list[str]:
    text = text.lower()
    if "'" in text or "’" in text:
        text = text.replace("’", "'")
        words = _WORD.findall(text)
        return [word[:-2] if word.endswith("'s") and word not in FUNCTION_WORDS else word for word in words]
    return _WORD.findall(text)


def _listed(kinds: tuple[Kind, ...]) -> str:
    return " and ".join(filter(None, (", ".join(kinds[:-1]), kinds[-1])))
