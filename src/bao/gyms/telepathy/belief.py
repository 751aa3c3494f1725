"""Which entities fit what an agent has been told: those of the table, each as likely as the others."""

import numpy as np

from bao.action import Action, ActionKind
from bao.gyms.telepathy.reading import Sort, read
from bao.gyms.telepathy.table import Entity, table
from bao.gyms.telepathy.tasks import Puzzle
from bao.gyms.telepathy.user import Judge, ScriptedUser, Verdict


class EntityBelief:
    """The entities that fit the opening and every reply.

    A question tells ``log2(before / after)`` bits; one that the user did not understand or cannot answer tells nothing. An
    entity that the table does not hold leaves none, and what is told from then on is not known.
    """

    def __init__(self, puzzle: Puzzle, entity: Entity) -> None:
        said = puzzle.opening
        self._left = [e for e in table().entities if f" {e.kind}." in said or f" {e.realm}." in said]
        self._user = ScriptedUser(entity)
        self._frame = "is"

    def observe(self, action: Action, reply: str) -> float | None:
        if action.kind == ActionKind.ACTION:
            return self._question(action.content)
        if action.kind == ActionKind.ANSWER:
            self._left = [e for e in self._left if Judge(e.names).judge(action.content) is not Verdict.RIGHT]
        return None

    def _question(self, question: str) -> float | None:
        reading = read(question, self._frame)
        if reading.sort is not Sort.FEATURES:
            return 0.0
        self._frame = reading.frame
        value = self._user.value(reading)
        before = len(self._left)
        self._left = [e for e in self._left if ScriptedUser(e).value(reading) == value]
        return float(np.log2(before / len(self._left))) if self._left else None
