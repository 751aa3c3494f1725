"""A gym whose user echoes, for tests of what a persona does to any user."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np

from bao.action import Action, ActionKind, Outcome
from bao.gym import Gym
from bao.policy import Policy
from bao.task import Split, Task, TaskSet
from bao.trajectory import Fault, FaultError


class Echo(Gym):
    """Answers every question with its number and a draw of its own; an answer is right if it is ``right``."""

    name = "echo"
    about = "echoes"
    kinds = frozenset({ActionKind.ACTION, ActionKind.SEARCH, ActionKind.ANSWER, ActionKind.FINISH})
    conventions: ClassVar[Mapping[str, frozenset[ActionKind]]] = {"all": frozenset({ActionKind.ACTION, ActionKind.ANSWER})}

    def begin(self, task: Task) -> str:
        self.heard: list[str] = []
        self._told = 0
        return "Ask."

    def instructions(self) -> str:
        return "Ask."

    def on_search(self, content: str) -> Outcome:
        return Outcome("Found.")

    def on_action(self, content: str) -> Outcome:
        if content == "break":
            raise FaultError(Fault.USER_TIMEOUT)
        self.heard.append(content)
        return Outcome(f"{len(self.heard)}: {self.np_random.integers(1_000_000)}")

    def on_answer(self, content: str) -> Outcome:
        right = content == "right"
        return Outcome("Right." if right else "Wrong.", float(right), right, right)

    def volunteer(self, rng: np.random.Generator) -> Outcome | None:
        self._told += 1
        return Outcome(f"Told {self._told}.", done=self._told == 2, success=self._told == 2) if self._told <= 2 else None

    def mistaken(self, content: str, rng: np.random.Generator) -> Outcome | None:
        return None if "true" in content else Outcome(f"Nonsense {rng.integers(1_000_000)}.")

    @classmethod
    def task_set(cls, split: Split | str, size: int | None = None, levels: tuple[int, ...] | None = None) -> TaskSet:
        return TaskSet.of(Task(f"e-{i}", "echo", {}) for i in range(size or 4))

    @classmethod
    def check_task(cls, task: Task) -> None:
        pass

    @classmethod
    def scripted_policies(cls) -> Mapping[str, Callable[[Gym, int], Policy]]:
        return {}


def started(persona: Any, seed: int = 0, **settings: Any) -> Echo:
    gym = Echo(persona=persona, horizon=200, **settings)
    gym.reset(seed=seed, options={"task": Task("e", "echo", {})})
    return gym


def replies(gym: Gym, *contents: str, kind: str = "action") -> list[str]:
    return [gym.step(Action(kind, content))[0] for content in contents]


def questions(count: int) -> list[str]:
    return [f"Question number{i}?" for i in range(count)]
