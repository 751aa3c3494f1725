"""The shop's teacher of the warm start: a clerk whose habits vary from episode to episode, and who thinks before each turn.

Whether it asks for several things at once, has a change confirmed, reads up and looks up rather than ask, and whether it gives
up, its dispositions say, and no price. A turn's thinking is, for example,
``customer known | cancel_pending_order lacks reason | 2 said 3 calls | ask``: what is established, what is to be done and what
that still lacks, how many messages and calls there were, and the decision.
"""

from enum import StrEnum

import numpy as np

from bao.action import Action, ActionKind, Parsed
from bao.gyms.tau.calls import read_call
from bao.gyms.tau.retail.clerk import NEEDS, QUESTIONS, Clerk, Habits
from bao.policies.teacher import Disposition, thought


class Choice(StrEnum):
    """What a habit comes to at one of its occasions, and whether the clerk goes on at all."""

    DO = "do"
    LEAVE = "leave"


class Teacher(Clerk):
    """A clerk who draws at each occasion whether it follows a habit."""

    def __init__(self, seed: int) -> None:
        super().__init__("teacher", Habits())
        self._rng = np.random.default_rng(seed)

    def begin(self, system: str, opening: str) -> None:
        super().begin(system, opening)
        self._habits = {name: Disposition(self._rng, tuple(Choice)) for name in ("together", "confirm", "look_up")}
        self._serving = Disposition(self._rng, tuple(Choice), seldom=(Choice.LEAVE,))
        self._said = self._called = 0

    def act(self, observation: str) -> Parsed:
        action = super().act(observation).action
        if self._serving.choose(self._said, tuple(Choice)) is Choice.LEAVE:
            action = Action(ActionKind.FINISH)
        customer = f"customer {'known' if self._user else 'unknown'}"
        thinking = thought(customer, self._wish(), f"{self._said} said {self._called} calls", _decision(action))
        self._said += action.kind == ActionKind.ACTION
        self._called += action.kind == ActionKind.ANSWER
        return Parsed(thinking, action, None)

    def _does(self, habit: str) -> bool:
        return self._habits[habit].choose(None, tuple(Choice)) is Choice.DO

    def _wish(self) -> str:
        if self._job is None:
            return "wish open"
        lacking = " ".join(name for name in NEEDS[self._job.operation] if name not in self._job.told)
        return f"{self._job.operation} lacks {lacking or 'nothing'}"


def _decision(action: Action) -> str:
    if action.kind == ActionKind.FINISH:
        return "stop"
    if action.kind == ActionKind.SEARCH:
        return f"read {action.content}"
    if action.kind == ActionKind.ANSWER:
        return f"call {read_call(action.content)[0]}"
    if action.content.startswith("This is the plan"):
        return "confirm"
    asked = [name for name, question in QUESTIONS.items() if question in action.content]
    if asked:
        return f"ask {' '.join(asked)}"
    return "ask who" if action.content.startswith("May I have your name") else "tell"
