"""Scripted policies of the persuade gym: the bounds of every plot, and pairs that show what asking first is worth.

Their scores are of the scripted persona and no measure of persuasion.

``ask_needed`` and ``ask_all`` know what they are told and nothing else: they ask what would move the user and argue with it.
The first asks why the user holds the claim and then about what weighs only, the second about everything on the list.
``debater`` and ``ask_then_debate`` stand for a well-read agent: they know all considerations of the claim, but not which of
them weigh. The first finds out by being brushed aside, the second asks why first. ``oracle`` knows both.
"""

import re
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from bao.action import Action, ActionKind, Parsed
from bao.errors import ConfigError
from bao.gym import Gym
from bao.gyms.persuade.speech import ASK_WHY, BRUSHED, CONCERN, GENERIC, KIND, WEIGHS, sentence
from bao.gyms.persuade.tasks import Case, Consideration, is_userrl, load
from bao.gyms.persuade.teacher import Teacher
from bao.gyms.persuade.user import LEVELS_A_TURN
from bao.gyms.persuade.words import Kind
from bao.policies.scripted import RandomPolicy, oracle, turn
from bao.policy import Policy
from bao.task import Task

_CLAIM = re.compile(r"holds this claim: (.+?)\. Their stance")


class _Agent:
    """Holds a stock of concerns to argue with, two in a turn."""

    name = ""

    def __init__(self, gym: Gym, seed: int) -> None:
        self._gym = gym
        self._rng = np.random.default_rng(seed)
        self._stock: list[str] = []

    def begin(self, system: str, opening: str) -> None:
        self._stock = []

    def _argue(self) -> Parsed:
        """The next two concerns of the stock as an argument; `finish` if there are none."""
        if not self._stock:
            return turn(ActionKind.FINISH)
        said, self._stock = self._stock[:LEVELS_A_TURN], self._stock[LEVELS_A_TURN:]
        return turn(ActionKind.ANSWER, " ".join(map(sentence, said)))


def _case(task: Task | None, name: str) -> Case:
    """Raises `ConfigError` on a task of UserRL's, which lists no considerations to know."""
    assert task is not None, "it plays in the gym that it was made from"
    if is_userrl(task):
        raise ConfigError(
            f"policy=scripted:{name} cannot play the task {task.id!r}: UserRL's tasks hold no considerations that it "
            "could know; take never_ask or random, or the gym's own tasks"
        )
    return load(task)


def _plan(task: Task) -> list[Action]:
    """What weighs, two points in a turn, and the end."""
    points = [sentence(each.text) for each in _case(task, "oracle").considerations if each.weighs]
    turns = [points[i : i + LEVELS_A_TURN] for i in range(0, len(points), LEVELS_A_TURN)]
    return [*(Action(ActionKind.ANSWER, " ".join(each)) for each in turns), Action(ActionKind.FINISH)]


class AskAll(_Agent):
    """Asks about every kind in turn, and argues with what it heard."""

    name = "ask_all"

    def begin(self, system: str, opening: str) -> None:
        super().begin(system, opening)
        self._kinds: list[Kind] = list(Kind)

    def act(self, observation: str) -> Parsed:
        self._learn(observation)
        if self._kinds:
            return turn(ActionKind.ACTION, f"What about {self._kinds.pop(0)}?")
        return self._argue()

    def _learn(self, observation: str) -> None:
        concern = CONCERN.search(observation)
        if concern:
            self._stock.append(concern[1])


class AskNeeded(AskAll):
    """Asks why first, then about the kinds that weigh; argues as soon as it has two points."""

    name = "ask_needed"

    def begin(self, system: str, opening: str) -> None:
        super().begin(system, opening)
        self._kinds = []
        self._asked = False

    def act(self, observation: str) -> Parsed:
        if not self._asked:
            self._asked = True
            return turn(ActionKind.ACTION, ASK_WHY)
        self._learn(observation)
        if len(self._stock) >= LEVELS_A_TURN or not self._kinds:
            return self._argue()
        return turn(ActionKind.ACTION, f"What about {self._kinds.pop(0)}?")

    def _learn(self, observation: str) -> None:
        super()._learn(observation)
        weighs = WEIGHS.search(observation)
        if weighs:
            self._kinds = [Kind(name) for name in KIND.findall(weighs[1])]


class NeverAsk(_Agent):
    """Says what can be said against any claim, one point a turn, and finishes."""

    name = "never_ask"

    def begin(self, system: str, opening: str) -> None:
        self._stock = list(GENERIC)

    def act(self, observation: str) -> Parsed:
        return turn(ActionKind.ANSWER, self._stock.pop(0)) if self._stock else turn(ActionKind.FINISH)


class Debater(_Agent):
    """Knows the considerations, in an order of its own, and drops a kind once it is brushed aside."""

    name = "debater"

    def begin(self, system: str, opening: str) -> None:
        known = _case(self._gym.task, self.name).considerations
        self._open: list[Consideration] = [known[i] for i in self._rng.permutation(len(known))]
        self._said: Sequence[Consideration] = ()

    def act(self, observation: str) -> Parsed:
        brushed = BRUSHED.search(observation)
        if brushed:
            kinds = KIND.findall(brushed[1])
            self._open = [each for each in (*self._said, *self._open) if each.kind not in kinds]
        self._said, self._open = self._open[:LEVELS_A_TURN], self._open[LEVELS_A_TURN:]
        self._stock = [each.text for each in self._said]
        return self._argue()


class AskThenDebate(Debater):
    """Asks why first, and leaves out what does not weigh."""

    name = "ask_then_debate"

    def begin(self, system: str, opening: str) -> None:
        super().begin(system, opening)
        self._asked = False

    def act(self, observation: str) -> Parsed:
        if not self._asked:
            self._asked = True
            return turn(ActionKind.ACTION, ASK_WHY)
        weighs = WEIGHS.search(observation)
        if weighs:
            kinds = KIND.findall(weighs[1])
            self._open = [each for each in self._open if each.kind in kinds]
        return super().act(observation)


class RandomAgent(RandomPolicy):
    """A question or a general argument at random, now and then with the claim turned around."""

    def begin(self, system: str, opening: str) -> None:
        claim = _CLAIM.search(opening)
        self._contents[ActionKind.ANSWER] = [
            *GENERIC,
            f"I do not think that it is right to say this: {claim[1] if claim else ''}.",
        ]


def _random(gym: Gym, seed: int) -> Policy:
    questions = [ASK_WHY, "Really?", *(f"What about {kind}?" for kind in Kind)]
    return RandomAgent({ActionKind.ACTION: questions, ActionKind.ANSWER: GENERIC, ActionKind.FINISH: [""]}, seed)


POLICIES: Mapping[str, Callable[[Gym, int], Policy]] = {
    "oracle": oracle(_plan),
    "ask_all": AskAll,
    "ask_needed": AskNeeded,
    "never_ask": NeverAsk,
    "random": _random,
    "debater": Debater,
    "ask_then_debate": AskThenDebate,
    "teacher": Teacher,
}
"""By name, each made from the gym that it will play in and a seed."""
