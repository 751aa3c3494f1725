"""The telepathy gym: find out by yes/no questions what the user is thinking of.

It keeps UserRL's action kinds and reward: ``action`` asks, ``answer`` guesses as often as one likes, a right guess earns 1 and
ends the episode. What differs: the scripted user answers from a table by rules, so that an answer never contradicts an earlier
one and what the table does not hold is not guessed, and a user who is a model is told its earlier answers; a question that
merely names an entity is sent back to be submitted; guesses are judged by name before any model is asked; nothing the agent
sees holds the title, the end of an episode included; and text without a readable kind is an error that is named, not a question
with its beginning cut off.
"""

from collections.abc import Mapping
from typing import ClassVar

from bao.action import ActionKind, Outcome
from bao.errors import ConfigError
from bao.gym import Belief, Gym
from bao.gyms.telepathy import agents, tasks
from bao.gyms.telepathy.belief import EntityBelief
from bao.gyms.telepathy.llm import QUESTION_CHARACTERS_MOST, ModelJudge, ModelUser
from bao.gyms.telepathy.user import Judge, ScriptedUser, Verdict
from bao.task import Task
from bao.task_source import TaskSource
from bao.user import Nobody, Trait

_VERDICTS = {
    Verdict.RIGHT: Outcome("Right, that is it.", reward=1.0, done=True, success=True),
    Verdict.WRONG: Outcome("No, that is not it."),
    Verdict.UNREADABLE: Outcome("Submit the name of one thing, in a few words."),
    Verdict.SEVERAL: Outcome("Submit one name at a time."),
}
_UNDERSTOOD = {
    "scripted": "Plain questions are understood: what it is, what it is made of, where it is found, what it has or does, what "
    "it is used for, how its size compares. ",
    "llm": f"Any yes/no question of at most {QUESTION_CHARACTERS_MOST} characters is understood. Each should ask one thing and "
    "be clear without those before it. ",
    "judge": "",
}
"""Which questions the user understands, by backend."""


class Telepathy(Gym):
    """``user="scripted"`` answers questions from the table; ``user="llm"`` has a model answer them and judge the guesses that
    no rule finds right, whether or not the task has a row of the table; ``user="judge"`` answers none and judges by rules only.
    """

    name = "telepathy"
    about = "Find out by yes/no questions what the user is thinking of."
    kinds = frozenset({ActionKind.ACTION, ActionKind.ANSWER, ActionKind.FINISH})
    user_backends = ("scripted", "llm", "judge")
    judged_users = ("llm",)
    traits: ClassVar[Mapping[str, tuple[Trait, ...]]] = {"scripted": tuple(Trait), "judge": ()}
    source = TaskSource(
        own=tasks.own_tasks,
        levels=tasks.LEVELS,
        data=tasks.Puzzle,
        components=tasks.components,
        hidden=tasks.hidden,
        policies=agents.POLICIES,
        readers=tasks.READERS,
    )

    def begin(self, task: Task) -> str:
        """Raises `ConfigError` where the scripted user is to play a task that has no row of the table."""
        puzzle = tasks.load(task)
        self._judge: Judge | ModelJudge = Judge(puzzle.names)
        self.user = Nobody()
        if self.user_backend == "llm" and self.llm is not None and self.judge is not None:
            self.user = ModelUser(puzzle, self.llm)
            self._judge = ModelJudge(puzzle, self.judge)
        elif self.user_backend == "scripted":
            if puzzle.entity is None:
                raise ConfigError(
                    f"user='scripted' cannot answer questions about task {task.id!r}, which has no class and facts: play the "
                    "gym's own tasks, add both fields to its data, or make the gym with user='llm', or with user='judge' to "
                    "judge answers only"
                )
            self.user = ScriptedUser(puzzle.entity)
        return puzzle.opening

    def instructions(self) -> str:
        asked = (
            "[action] Is it alive? - one question to the user, who replies yes, no, that it depends, or that they cannot say"
        )
        if self.user_backend == "judge":
            asked = "[action] - nobody replies to questions in this episode"
        return (
            "A user is thinking of something and tells you what kind of thing it is. Find out what it is.\n"
            f"You have {self.horizon} turns, with one action each:\n"
            f"{asked}\n"
            "[answer] abacus - submit the name of what you believe it is; if that is right, the episode ends and the task is "
            "solved, otherwise you may go on\n"
            "[finish] - stop here\n"
            f"{_UNDERSTOOD[self.user_backend]}Each submission should name one thing."
        )

    def on_answer(self, content: str) -> Outcome:
        return _VERDICTS[self._judge.judge(content)]

    def belief(self, task: Task) -> Belief | None:
        puzzle = tasks.load(task)
        if puzzle.entity is None or self.user_backend != "scripted" or self.persona is not None:
            return None
        return EntityBelief(puzzle, puzzle.entity)
