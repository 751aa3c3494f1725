"""The persuade gym's teacher of the warm start.

It asks why first, then about each kind that weighs. It argues with what it heard, two points at a time, and in a quarter of
its episodes with general points too. Whether it asks on, argues or stops, its disposition says, and no price. A turn's thinking
is, for example, ``weighs safety freedom | 1 points 4 levels to go | 2 asked 1 argued | ask freedom``: what is established, what
it has to argue with and how far the user has still to move, how far it is, and the decision.
"""

from collections.abc import Sequence
from enum import StrEnum

import numpy as np

from bao.action import ActionKind, Parsed
from bao.gym import Gym
from bao.gyms.persuade.speech import ASK_WHY, CONCERN, GENERIC, KIND, STANCE, WEIGHS, sentence
from bao.gyms.persuade.stance import LEVEL, STANCES
from bao.gyms.persuade.user import LEVELS_A_TURN
from bao.gyms.persuade.words import Kind
from bao.policies.scripted import turn
from bao.policies.teacher import Disposition, thought


class Choice(StrEnum):
    """What to say to the user next."""

    ASK = "ask"
    ARGUE = "argue"
    STOP = "stop"


class Teacher:
    """Asks on, argues, or stops."""

    name = "teacher"

    def __init__(self, gym: Gym, seed: int) -> None:
        self._rng = np.random.default_rng(seed)

    def begin(self, system: str, opening: str) -> None:
        self._stock: list[str] = []
        """What the user would think again about, and was not told yet."""
        self._weighing: list[Kind] | None = None
        self._open: list[Kind] = []
        """Kinds that weigh and were not asked about yet."""
        self._general = list(GENERIC)
        self._level = self._asked = self._argued = 0
        self._why = False
        self._begins = Disposition(self._rng, (Choice.ASK, Choice.STOP), seldom=(Choice.STOP,))
        self._orderly = self._rng.random() < 0.75
        """Asks where it has nothing to say, and says what fills a turn before it asks on."""
        self._disposition = Disposition(self._rng, tuple(Choice), seldom=(Choice.STOP,))

    def act(self, observation: str) -> Parsed:
        self._learn(observation)
        asking = not self._why or bool(self._open)
        choices = [Choice.ASK] if asking and not (self._orderly and len(self._stock) >= LEVELS_A_TURN) else []
        choices += [Choice.ARGUE] if self._stock or (self._general and not self._orderly) else []
        if not self._why and not self._argued and self._begins.choose(None, tuple(Choice)) is Choice.STOP:
            choices = []
        choice = self._disposition.choose((self._level, min(len(self._stock), LEVELS_A_TURN)), [*choices, Choice.STOP])
        weighs = "unknown" if self._weighing is None else " ".join(self._weighing) or "nothing"
        points = f"{len(self._stock)} points {len(STANCES) - 1 - self._level} levels to go"
        known = f"weighs {weighs}", points, f"{self._asked} asked {self._argued} argued"
        if choice is Choice.STOP:
            return turn(ActionKind.FINISH, thinking=thought(*known, "stop"))
        if choice is Choice.ARGUE:
            self._argued += 1
            return self._say(known)
        self._asked += 1
        if not self._why:
            self._why = True
            return turn(ActionKind.ACTION, ASK_WHY, thought(*known, "ask why"))
        kind = self._open.pop(0)
        return turn(ActionKind.ACTION, f"What about {kind}?", thought(*known, f"ask {kind}"))

    def _say(self, known: Sequence[str]) -> Parsed:
        if not self._stock:
            return turn(ActionKind.ANSWER, self._general.pop(0), thought(*known, "argue in general"))
        said, self._stock = self._stock[:LEVELS_A_TURN], self._stock[LEVELS_A_TURN:]
        return turn(ActionKind.ANSWER, " ".join(map(sentence, said)), thought(*known, f"argue {len(said)}"))

    def _learn(self, observation: str) -> None:
        weighs = WEIGHS.search(observation)
        if weighs:
            self._weighing = [Kind(name) for name in KIND.findall(weighs[1])]
            self._open = list(self._weighing)
        stance = STANCE.search(observation)
        if stance:
            self._level = LEVEL[stance[1]]
        concern = CONCERN.search(observation)
        if concern:
            self._stock.append(concern[1])
