"""The scripted user: thinks of one entity, answers questions about it and judges guesses.

What is not in the table, the user does not know, and says so; nothing is guessed. It is deterministic.

How far it understands free questions: of 150 written by hand before the words of the table were chosen
(``readings.toml``), all of the 72 with which they were then chosen are read rightly. Of the 78 that were set aside,
72 (92 %) were, when they were scored once at the end: two of the others were misread, four were answered with "I cannot say"
though a person could have said. Five of these six faults have been fixed since, so that the 78 are no longer unseen. All 150
were written by the table's author; a model's questions will be stranger. What the table says is not measured against anything:
it is one author's common sense, coarse in places (sizes, "dangerous", "expensive").
"""

import re
from collections.abc import Callable
from enum import StrEnum

import numpy as np

from bao.action import Outcome
from bao.gyms.telepathy.reading import Clause, Literal, Reading, Sort, read
from bao.gyms.telepathy.table import DEPENDS, NO, YES, Entity, Feature, compare_size, table
from bao.gyms.telepathy.words import name_key
from bao.user import User

YES_TEXT, NO_TEXT, DEPENDS_TEXT = "Yes.", "No.", "It depends."
UNKNOWN_TEXT = "I cannot say."
GUESS_TEXT = "That sounds like a guess. Submit it as your answer."
NO_QUESTION_TEXT = "Please ask one question that I can answer with yes or no."
SEVERAL_TEXT = "Please ask one thing at a time."
_TEXT = {YES: YES_TEXT, NO: NO_TEXT, DEPENDS: DEPENDS_TEXT}
_TEXT_OF_SORT = {
    Sort.UNKNOWN: UNKNOWN_TEXT,
    Sort.GUESS: GUESS_TEXT,
    Sort.NO_QUESTION: NO_QUESTION_TEXT,
    Sort.SEVERAL: SEVERAL_TEXT,
}

ANSWER_CHARACTERS_MOST = 200
"""What is longer is no name."""
_LEAD = re.compile(
    r"^\s*(?:(?:is it|it is|it's|i think|i guess|i believe|i would say|my (?:final )?(?:guess|answer) is|the answer is|answer|"
    r"guess|final answer|maybe|perhaps|could it be|are you thinking of|you are thinking of|you're thinking of|the entity is|"
    r"this is|that is)\b[\s:,-]*)+",
    re.IGNORECASE,
)
_BETWEEN = re.compile(r"[,;/\n|]|\bor\b", re.IGNORECASE)


class Verdict(StrEnum):
    """What came of an answer."""

    RIGHT = "right"
    WRONG = "wrong"
    UNREADABLE = "unreadable"
    """No name, or a text too long for one."""
    SEVERAL = "several"
    """More than one name."""


class Judge:
    """Judges answers by name: exact or alias, whatever the articles, case, plurals and punctuation."""

    def __init__(self, names: frozenset[str]) -> None:
        """`names` in the form in which they are compared (`name_key`)."""
        self._names = names

    def judge(self, answer: str) -> Verdict:
        """Whether `answer` names the entity. An answer with several names is refused whether or not one of them is right."""
        if len(answer) > ANSWER_CHARACTERS_MOST:
            return Verdict.UNREADABLE
        key = name_key(answer)
        if not key:
            return Verdict.UNREADABLE
        if key in self._names:
            return Verdict.RIGHT
        bare = _LEAD.sub("", answer)
        if name_key(bare) in self._names:
            return Verdict.RIGHT
        return Verdict.SEVERAL if sum(bool(name_key(part)) for part in _BETWEEN.split(bare)) > 1 else Verdict.WRONG


class ScriptedUser(User):
    """Answers yes/no questions about one entity, from its row of the table."""

    def __init__(self, entity: Entity, reading: Callable[[str, str], Reading] = read) -> None:
        self._entity = entity
        self._read = reading
        self._frame = "is"
        self._told: set[int] = set()

    def answer(self, question: str) -> str:
        """The answer to one question, in the light of the one before."""
        reading = self._read(question, self._frame)
        if reading.sort is not Sort.FEATURES:
            return _TEXT_OF_SORT[reading.sort]
        self._frame = reading.frame
        value = self.value(reading)
        return self._whole_sentence(reading, value) if reading.negative else _TEXT[value]

    def mistaken(self, content: str, rng: np.random.Generator) -> Outcome | None:
        """Yes for no, or no for yes. Guesses are judged as ever, so the task stays solvable, but answers may contradict."""
        reading = self._read(content, self._frame)
        if reading.sort is not Sort.FEATURES or reading.negative:
            return None
        value = self.value(reading)
        if value == DEPENDS:
            return None
        self._frame = reading.frame
        return Outcome(_TEXT[YES - value])

    def volunteer(self, rng: np.random.Generator) -> Outcome | None:
        """Something that is true of the entity; None where all of it was told in this way."""
        features = table().features
        left = [
            place
            for place, value in enumerate(self._entity.values)
            if value == YES and features[place].ask and place not in self._told
        ]
        if not left:
            return None
        place = left[int(rng.integers(len(left)))]
        self._told.add(place)
        return Outcome(f"By the way, {features[place].holds}.")

    def value(self, reading: Reading) -> int:
        """What is asked, as `YES`, `NO` or `DEPENDS`."""
        clauses = reading.clauses
        value = self._clause(clauses[0]) if len(clauses) == 1 else (min if reading.every else max)(map(self._clause, clauses))
        return YES - value if reading.denied else value

    def _clause(self, clause: Clause) -> int:
        return self._literal(clause[0]) if len(clause) == 1 else max(map(self._literal, clause))

    def _literal(self, literal: Literal) -> int:
        entity = self._entity
        value = (
            entity.values[literal.feature] if literal.feature >= 0 else compare_size(entity.least, entity.most, *literal.than)
        )
        if not literal.denied:
            return value
        return YES - value if literal.within < 0 else min(YES - value, entity.values[literal.within])

    def _whole_sentence(self, reading: Reading, value: int) -> str:
        """A bare yes to "Is it not alive?" could mean either, so the answer says what is so."""
        if value == DEPENDS:
            return DEPENDS_TEXT
        word = "Yes" if value == YES else "No"
        if len(reading.clauses) > 1 or len(reading.clauses[0]) > 1:
            return f"{word}, that is {'so' if value == YES else 'not so'}."
        literal = reading.clauses[0][0]
        if literal.feature < 0:
            bigger = self._literal(literal) == (NO if literal.denied else YES)
            return f"{word}, it is {'' if bigger else 'not '}bigger than that."
        feature: Feature = table().features[literal.feature]
        return f"{word}, {feature.holds if self._entity.values[literal.feature] == YES else feature.fails}."
