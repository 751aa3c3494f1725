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

from collections.abc import Mapping
from fractions import Fraction
from typing import Any, ClassVar

from bao.action import ActionKind, Outcome
from bao.errors import ConfigError
from bao.gym import Gym
from bao.gyms.turtle import agents, tasks
from bao.gyms.turtle.llm import ModelUser
from bao.gyms.turtle.tasks import Story, exact, load
from bao.gyms.turtle.user import (
    ACCOUNT_WORDS_MOST,
    CANNED,
    CHARACTERS_MOST,
    COVERED_NOTHING,
    MISSING,
    QUESTION_WORDS_MOST,
    Refusal,
    ScriptedUser,
    StoryUser,
    check,
)
from bao.task import Task
from bao.task_source import TaskSource
from bao.user import ASKED_ONLY, Trait
from bao.users.echo import own_words


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


class Turtle(Gym):
    """Find the hidden story behind a puzzling one.

    ``user="scripted"`` knows annotated stories and goes by words; ``user="llm"`` has a model answer and judge.
    """

    name = "turtle"
    version = 2
    about = "find the hidden story behind a puzzling one by yes/no questions, and tell it"
    kinds = frozenset({ActionKind.ACTION, ActionKind.ANSWER, ActionKind.FINISH})
    user_backends = ("scripted", "llm")
    judged_users = ("llm",)
    traits: ClassVar[Mapping[str, tuple[Trait, ...]]] = {"scripted": (*ASKED_ONLY, Trait.MISTAKES)}
    source = TaskSource(
        own=tasks.own_tasks,
        levels=tasks.LEVELS,
        data=tasks.Story,
        check=check,
        components=tasks.components,
        hidden=tasks.hidden,
        policies=agents.POLICIES,
        readers=tasks.READERS,
    )
    user: StoryUser

    def __init__(self, *, success_threshold: float | str = 1, **settings: Any) -> None:
        """`success_threshold`: the score from which an account ends the episode as a success, above 0 and at most 1."""
        super().__init__(**settings)
        try:
            self._threshold = exact(success_threshold)
        except ValueError as error:
            raise ConfigError(f"success_threshold={success_threshold!r} {error}") from error
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
        self.user = self.make_user(story, task)
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

    def on_answer(self, content: str) -> Outcome:
        account = own_words(content, CANNED) if len(content) <= CHARACTERS_MOST else content
        if content.strip() and not account:
            return Outcome(str(Refusal.ECHO))
        verdicts, refusal = self.user.judge(account)
        if refusal is not None:
            return Outcome(str(refusal))
        total = score(self._weights, verdicts)
        gain = max(total - self._best, Fraction(0))
        self._best += gain
        if total >= self._threshold:
            return Outcome("That is the hidden story.", float(gain), done=True, success=True)
        covered = [statement for statement, verdict in zip(self._statements, verdicts, strict=True) if verdict == 1]
        if not covered:
            return Outcome(COVERED_NOTHING, float(gain))
        return Outcome(f"Covered: {' '.join(covered)} {MISSING}", float(gain))
