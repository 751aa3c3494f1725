"""A gym that measures more than others do: the answers that it heard in vain, and the luck of an episode."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from bao.action import Action, ActionKind, Outcome
from bao.gym import Gym
from bao.measure import Direction, Measure
from bao.policies.scripted import RandomPolicy, oracle
from bao.policy import Policy
from bao.task import Split, Task, TaskSet


class Counting(Gym):
    """An answer is right if it is ``right``; luck is the task's, and unknown where it has none."""

    name = "counting"
    about = "counts"
    kinds = frozenset({ActionKind.ACTION, ActionKind.ANSWER, ActionKind.FINISH})
    conventions: ClassVar[Mapping[str, frozenset[ActionKind]]] = {"all": frozenset({ActionKind.ACTION, ActionKind.ANSWER})}
    horizon_default = 6

    @classmethod
    def measures(cls) -> tuple[Measure, ...]:
        return (
            Measure("in_vain", Direction.MIN, "answers that were wrong", unit="per episode"),
            Measure("luck", Direction.MAX, "share of luck", rate=True, read=lambda gym: gym.task.data.get("luck")),
        )

    def begin(self, task: Task) -> str:
        self.in_vain = 0
        return "Ask."

    def instructions(self) -> str:
        return "Ask."

    def on_action(self, content: str) -> Outcome:
        return Outcome("Well.")

    def on_answer(self, content: str) -> Outcome:
        right = content == "right"
        self.in_vain += not right
        return Outcome("Right." if right else "Wrong.", float(right), right, right)

    @classmethod
    def task_set(cls, split: Split | str, size: int | None = None, levels: tuple[int, ...] | None = None) -> TaskSet:
        return TaskSet.of(
            Task(f"c-{split}-{i}", cls.name, {"luck": 0.25 * (i % 4)} if i % 2 else {}, Split(split), 1 + i % 2)
            for i in range(size or 12)
        )

    @classmethod
    def check_task(cls, task: Task) -> None:
        pass

    @classmethod
    def scripted_policies(cls) -> Mapping[str, Callable[[Gym, int], Policy]]:
        wrong, right = Action(ActionKind.ANSWER, "wrong"), Action(ActionKind.ANSWER, "right")
        contents: Any = {ActionKind.ACTION: ["?"], ActionKind.ANSWER: ["wrong"], ActionKind.FINISH: [""]}
        return {
            "oracle": oracle(lambda task: [right]),
            "stubborn": oracle(lambda task: [wrong, wrong, right]),
            "random": lambda gym, seed: RandomPolicy(contents, seed),
        }
