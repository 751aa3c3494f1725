"""The turtle gym ("turtle soup"): the agent sees a title and a puzzling surface and reconstructs the hidden story behind it.

``action`` is a yes/no question to a user who knows the story, ``answer`` an account of it. An account is judged by weighted
criteria, each worth its whole weight, half of it or nothing; the return is the best account's score, and each turn pays what it
adds to the best so far. This is the reward of UserRL's turtle gym. What differs:

* Weights are added exactly. With a threshold of 1, floats such as .5 + .2 + .2 + .1 keep 138 of UserRL's 471 stories from ever
  ending in success.
* Accounts that are too long or list alternatives are refused by rule, and by the scripted user those that list keywords or
  contradict the story as well; UserRL's judge is a model and has no such rules.
* A model's judgement is a number for each criterion, each 0, 1/2 or 1; anything else is a fault and no score.
* ``info`` holds nothing of the story. In UserRL it holds the bottom.
* UserRL's own stories have no annotation for a scripted user: they are played with ``user="llm"``.
"""

from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from bao.action import ActionKind, Outcome
from bao.errors import ConfigError
from bao.gym import Gym
from bao.gyms.turtle import agents, files, tasks
from bao.gyms.turtle.llm import ModelUser
from bao.gyms.turtle.tasks import Story, exact, load
from bao.gyms.turtle.user import ACCOUNT_WORDS_MOST, QUESTION_WORDS_MOST, Reply, ScriptedUser, StoryUser, check
from bao.policy import Policy
from bao.task import Hidden, Split, Task, TaskSet


def score(weights: tuple[Fraction, ...], verdicts: tuple[Fraction, ...]) -> Fraction:
    """The exact sum of weight times verdict, from 0 to 1.

    Raises `ValueError` where a verdict is not 0, 1/2 or 1, or their number is not that of the weights.
    """
    for verdict in verdicts:
        if verdict not in (0, Fraction(1, 2), 1):
            raise ValueError(f"verdict={verdict} must be 0, 1/2 or 1")
    return sum((weight * verdict for weight, verdict in zip(weights, verdicts, strict=True)), Fraction(0))


_CLEAR = {"scripted": "", "llm": " and clear without those before it"}
_WORTHLESS = {
    "scripted": "an account that lists alternatives or keywords, or that contradicts the story, counts for nothing",
    "llm": "an account that lists alternatives or keywords counts for nothing, and so does what contradicts the story",
}
"""What the instructions say of questions and of accounts, by backend."""
_OPPOSITE = {str(Reply.YES): Outcome(str(Reply.NO)), str(Reply.NO): Outcome(str(Reply.YES))}


class Turtle(Gym):
    """Find the hidden story behind a puzzling one.

    ``user="scripted"`` knows annotated stories and goes by words; ``user="llm"`` has a model answer and judge.
    """

    name = "turtle"
    about = "find the hidden story behind a puzzling one by yes/no questions, and tell it"
    kinds = frozenset({ActionKind.ACTION, ActionKind.ANSWER, ActionKind.FINISH})
    conventions: ClassVar[Mapping[str, frozenset[ActionKind]]] = {
        "everyday": frozenset({ActionKind.ACTION, ActionKind.ANSWER}),
        "paper": frozenset({ActionKind.ANSWER}),
    }
    user_backends = ("scripted", "llm")
    judged_users = ("llm",)

    def __init__(self, *, success_threshold: float | str = 1, **settings: Any) -> None:
        """`success_threshold`: the score from which an account ends the episode as a success, above 0 and at most 1."""
        super().__init__(**settings)
        try:
            self._threshold = exact(success_threshold, "success_threshold")
        except ValueError as error:
            raise ConfigError(str(error)) from error
        if not 0 < self._threshold <= 1:
            raise ConfigError(f"success_threshold={success_threshold} must be above 0 and at most 1")
        self._best = Fraction(0)

    def instructions(self) -> str:
        return (
            "You are told the title and the surface of a story. The surface is true but puzzling; find the hidden story that "
            f"explains it.\nEvery turn you take one action, and you have {self.horizon} turns:\n"
            "[action] Had they met before? - a question to somebody who knows the story, about one thing, of at most "
            f"{QUESTION_WORDS_MOST} words{_CLEAR[self.user_backend]}. The reply is yes, no, that it does not matter, or that "
            "the user cannot say.\n"
            "[answer] They had met before, and so ... - your account of the hidden story, in whole sentences and at most "
            f"{ACCOUNT_WORDS_MOST} words. Tell one story: {_WORTHLESS[self.user_backend]}.\n"
            "[finish] - end here\n"
            "An account is judged by how far it covers the points that matter; the reply names those that it covers wholly. "
            "Only your best account counts, and one that covers all of them ends the episode. Questions and accounts take the "
            "user's time."
        )

    def begin(self, task: Task) -> str:
        story = load(task)
        self._user = self.make_user(story, task)
        self._weights = tuple(criterion.weight for criterion in story.criteria)
        self._statements = tuple(criterion.statement for criterion in story.criteria)
        self._best = Fraction(0)
        return f"Title: {story.title}\nSurface: {story.surface}"

    def make_user(self, story: Story, task: Task) -> StoryUser:
        """The user of an episode.

        Raises `ConfigError` where the scripted one does not know the story well enough.
        """
        if self.user_backend == "llm" and self.llm is not None and self.judge is not None:
            return ModelUser(story, self.llm, self.judge)
        if not story.annotated:
            raise ConfigError(
                f"user={self.user_backend!r} cannot play the task {task.id!r}: its criteria have no 'needs' and no facts "
                "answer questions; take the gym's own tasks, annotate it, or make the gym with user='llm'"
            )
        return ScriptedUser(story)

    def on_action(self, content: str) -> Outcome:
        return Outcome(str(self._user.reply(content)))

    def on_answer(self, content: str) -> Outcome:
        verdicts, refusal = self._user.judge(content)
        if refusal is not None:
            return Outcome(str(refusal))
        total = score(self._weights, verdicts)
        gain = max(total - self._best, Fraction(0))
        self._best += gain
        if total >= self._threshold:
            return Outcome("That is the hidden story.", float(gain), done=True, success=True)
        covered = [statement for statement, verdict in zip(self._statements, verdicts, strict=True) if verdict == 1]
        if not covered:
            return Outcome("No point is wholly covered yet.", float(gain))
        return Outcome(f"Covered: {' '.join(covered)} Something is still missing.", float(gain))

    def mistaken(self, content: str, rng: np.random.Generator) -> Outcome | None:
        """Yes for no, or no for yes. Accounts are judged by the true story as ever, so it can still be told."""
        return _OPPOSITE.get(str(self._user.reply(content)))

    @classmethod
    def task_set(cls, split: Split | str, size: int | None = None, levels: tuple[int, ...] | None = None) -> TaskSet:
        """The first `size` own stories of a split (default: all) with the given numbers of criteria. See `tasks.own_tasks`."""
        return tasks.own_tasks(Split(split), size, levels)

    @classmethod
    def read_tasks(cls, path: Path, split: Split | str = Split.TEST) -> TaskSet:
        """Tasks from our JSON lines, or from UserRL's ``stories.json`` and its parquet files. See `files.read`."""
        return files.read(Path(path), Split(split))

    @classmethod
    def check_task(cls, task: Task) -> None:
        check(task)

    @classmethod
    def components(cls, task: Task) -> frozenset[str]:
        return tasks.components(task)

    @classmethod
    def hidden(cls, task: Task) -> tuple[Hidden, ...]:
        return tasks.hidden(task)

    @classmethod
    def scripted_policies(cls) -> Mapping[str, Callable[[Gym, int], Policy]]:
        return agents.POLICIES
