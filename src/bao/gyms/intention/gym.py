"""The intention gym: uncover what a vague task leaves open, by asking the user.

``action`` is a question to the user and ``finish`` ends the episode; nothing else is on offer, as UserRL advertises it. A
question that uncovers details earns by `bao.gyms.intention.detail.points`, UserRL's reward, divided by the best that the task
allows, so that an episode earns at most 1; `raw_return` gives the reference's unnormalised sum. The episode ends when every
detail is uncovered, as a success where its questions have earned at least half of the best.

What differs from UserRL: the user is told only the details that were asked about (there the whole record stands in the user's
prompt); a detail that a judge names twice counts once; a user that breaks ends the episode as a fault, not as an answer; to
reach the horizon is no success; the user may have settled some details beforehand and have no wish about others; a question
has at most `MOST_CHARACTERS`, and one about more than `MOST_AT_ONCE` things is not answered.

There is one convention, ``everyday``: a question involves the user. UserRL's ``paper`` counts answers only, of which this gym
has none, so every turn would be free.
"""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from bao.action import ActionKind, Outcome
from bao.errors import ConfigError
from bao.gym import Gym
from bao.gyms.intention import agents, tasks
from bao.gyms.intention.detail import points
from bao.gyms.intention.llm import Judge, ModelUser
from bao.gyms.intention.user import MOST_AT_ONCE, MOST_CHARACTERS, Requester, ScriptedUser, Speaker
from bao.gyms.intention.words import is_question
from bao.task import Task
from bao.task_source import TaskSource
from bao.user import Trait
from bao.users.voice import Voice

_TOO_LONG = Outcome(f"That is too long for me. Ask one short question, of at most {MOST_CHARACTERS} characters.")


class Intention(Gym):
    name = "intention"
    version = 3
    about = "ask a user for the details that a vague task leaves open"
    kinds = frozenset({ActionKind.ACTION, ActionKind.FINISH})
    conventions: ClassVar[Mapping[str, frozenset[ActionKind]]] = {"everyday": frozenset({ActionKind.ACTION})}
    user_backends = ("scripted", "llm")
    judged_users = ("llm",)
    traits: ClassVar[Mapping[str, tuple[Trait, ...]]] = {"scripted": tuple(Trait), "llm": tuple(Trait)}
    source = TaskSource(
        own=tasks.own_tasks,
        sizes=tasks.SIZES,
        levels=tasks.LEVELS,
        data=tasks.VagueTask,
        components=tasks.components,
        hidden=tasks.hidden,
        policies=agents.POLICIES,
        readers=tasks.READERS,
    )
    user: Requester

    def __init__(self, *, volunteer_after: int | None = None, **settings: Any) -> None:
        """After `volunteer_after` questions in a row that uncovered nothing the user tells a detail, which earns nothing;
        None, as in UserRL: never."""
        super().__init__(**settings)
        if volunteer_after is not None and volunteer_after < 1:
            raise ConfigError(f"volunteer_after={volunteer_after} must be at least 1 question, or None")
        self.volunteer_after = volunteer_after

    def begin(self, task: Task) -> str:
        self._vague = tasks.load(task)
        self._fruitless = 0
        self.user = Requester(self._vague, self.np_random)
        self.user.speaker = self.make_user(self._vague.opening)
        self.user.read = self.make_reader(self._vague)
        return self._vague.opening

    def make_user(self, opening: str) -> Speaker:
        """Who words the replies of one episode, and learns the details only as they are asked about."""
        if self.user_backend == "scripted" or self.llm is None:
            return ScriptedUser(opening, self.np_random)
        return ModelUser(opening, Voice(self.llm, self.user.unsaid))

    def make_reader(self, task: tasks.VagueTask) -> Callable[[str], tuple[int, ...]]:
        """What says which details a question is about: indices of ``missing``, followed by ``others``."""
        if self.user_backend == "scripted" or self.judge is None:
            return lambda question: task.reader.read(question) if is_question(question) else ()
        return Judge(self.judge, task).read

    def instructions(self) -> str:
        return (
            "A user gives you a vague task. Do not do the task: find out by asking which details are missing. The user has "
            "some in mind and tells each when you ask about it.\n"
            f"Every turn you take one action, and you have {self.horizon} turns:\n"
            "[action] What should it be called? - a question to the user, in an English sentence, about one detail "
            f"({MOST_AT_ONCE} at most), of at most {MOST_CHARACTERS} characters\n"
            "[finish] - end here\n"
            "An important detail earns most. A question that uncovers several earns for the most important of them, and a "
            "little less for each of the others. What is settled already, or was told before, earns nothing. The episode ends "
            "when nothing is missing. Every question takes the user's time."
        )

    def on_action(self, content: str) -> Outcome:
        if len(content) > MOST_CHARACTERS:
            return _TOO_LONG
        reply, new = self.user.ask(content)
        if not new:
            return self._without_gain(reply)
        self._fruitless = 0
        return self.user.outcome(reply, points(self._vague.missing, new) / self._vague.best)

    def on_finish(self, content: str) -> Outcome:
        count = len(self._vague.missing)
        return Outcome(f"The episode is over. You know {count - len(self.user.left)} of {count} missing details.", done=True)

    def _without_gain(self, reply: str) -> Outcome:
        """The reply to a question that uncovered nothing, and perhaps a detail that the user tells unasked."""
        if self.volunteer_after is None or self._fruitless + 1 < self.volunteer_after:
            self._fruitless += 1
            return Outcome(reply)
        told = self.user.volunteer(self.np_random)
        self._fruitless = 0
        return told._replace(reply=f"{reply} {told.reply}")


def raw_return(normalised: float, task: Task) -> float:
    """An episode's return on UserRL's scale: the sum of 1.0, 0.7 and 0.4 by importance, less what was asked together.

    Raises `KeyError` or `ValueError` on a task that cannot be played.
    """
    return normalised * tasks.load(task).best / 10
