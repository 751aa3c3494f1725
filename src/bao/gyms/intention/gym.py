"""The intention gym: uncover what a vague task leaves open, by asking the user.

``action`` is a question to the user and ``finish`` ends the episode; nothing else is on offer, as UserRL advertises it. A
question that uncovers details earns by `bao.gyms.intention.detail.points`, UserRL's reward, divided by the best that the task
allows, so that an episode earns at most 1; `raw_return` gives the reference's unnormalised sum. The episode is a success when
every detail is uncovered.

What differs from UserRL: the user is told only the details that were asked about (there the whole record stands in the user's
prompt); a detail that a judge names twice counts once; a user that breaks ends the episode as a fault, not as an answer; to
reach the horizon is no success; the user may have settled some details beforehand and have no wish about others; a question
has at most `MOST_CHARACTERS`.

There is one convention, ``everyday``: a question involves the user. UserRL's ``paper`` counts answers only, of which this gym
has none, so every turn would be free.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from bao.action import ActionKind, Outcome
from bao.errors import ConfigError
from bao.gym import Gym
from bao.gyms.intention import agents, files, tasks
from bao.gyms.intention.detail import points
from bao.gyms.intention.llm import Judge, ModelUser
from bao.gyms.intention.user import Asked, ScriptedUser, User
from bao.gyms.intention.words import marks, words
from bao.policy import Policy
from bao.task import Hidden, Split, Task, TaskSet
from bao.users.voice import Voice, says, spelled

MOST_CHARACTERS = 500
"""Longest question that the user reads."""

_SAID_OF_ANYTHING = frozenset({"none", "nothing", "never", "neither", "nobody", "both", "little"})
"""Words that a reply may hold whatever it is about, besides those that say nothing."""

_TOO_LONG = Outcome(f"That is too long for me. Ask one short question, of at most {MOST_CHARACTERS} characters.")
_ALL_KNOWN = " Now you know all that you need."


class Intention(Gym):
    name = "intention"
    version = 1
    about = "ask a user for the details that a vague task leaves open"
    kinds = frozenset({ActionKind.ACTION, ActionKind.FINISH})
    conventions: ClassVar[Mapping[str, frozenset[ActionKind]]] = {"everyday": frozenset({ActionKind.ACTION})}
    user_backends = ("scripted", "llm")
    judged_users = ("llm",)
    persona_users = ("scripted", "llm")

    def __init__(self, *, volunteer_after: int | None = None, **settings: Any) -> None:
        """After `volunteer_after` questions in a row that uncovered nothing the user tells a detail, which earns nothing;
        None, as in UserRL: never."""
        super().__init__(**settings)
        if volunteer_after is not None and volunteer_after < 1:
            raise ConfigError(f"volunteer_after={volunteer_after} must be at least 1 question, or None")
        self.volunteer_after = volunteer_after

    def begin(self, task: Task) -> str:
        self._request = request = tasks.load(task)
        draws = self.np_random.random(len(request.missing)).tolist()
        self._choices = [d.options[int(draw * len(d.options))] for d, draw in zip(request.missing, draws, strict=True)]
        self._uncovered = set(range(len(request.missing)))
        self._fruitless = 0
        self._user = self.make_user(request.opening)
        self._read = self.make_reader(request)
        return request.opening

    def make_user(self, opening: str) -> User:
        """The user of one episode, who learns the details only as they are asked about."""
        if self.user_backend == "scripted" or self.llm is None:
            return ScriptedUser(opening, self.np_random)
        return ModelUser(opening, Voice(self.llm, self._unsaid))

    def make_reader(self, request: tasks.Request) -> Callable[[str], tuple[int, ...]]:
        """What says which details a question is about: indices of ``missing``, followed by ``others``."""
        if self.user_backend == "scripted" or self.judge is None:
            return request.reader.read
        return Judge(self.judge, request).read

    def instructions(self) -> str:
        return (
            "A user gives you a vague task. Do not do the task: find out by asking which details are missing. The user has "
            "some in mind and tells each when you ask about it.\n"
            f"Every turn you take one action, and you have {self.horizon} turns:\n"
            "[action] What should it be called? - a question to the user, in English, about one detail, "
            f"of at most {MOST_CHARACTERS} characters\n"
            "[finish] - end here\n"
            "An important detail earns most. A question that uncovers several earns for the most important of them, and a "
            "little less for each of the others. What is settled already, or was told before, earns nothing. The episode ends "
            "when nothing is missing. Every question takes the user's time."
        )

    def on_action(self, content: str) -> Outcome:
        if len(content) > MOST_CHARACTERS:
            return _TOO_LONG
        found = self._read(content)
        if not found:
            return self._without_gain(self._user.unsure(content))
        new = [index for index in found if index in self._uncovered]
        reply = self._user.answer(content, tuple(self._asked(index) for index in found))
        if not new:
            return self._without_gain(reply)
        self._fruitless = 0
        self._uncovered.difference_update(new)
        return self._outcome(reply, points(self._request.missing, new) / self._request.best)

    def on_finish(self, content: str) -> Outcome:
        count = len(self._request.missing)
        return Outcome(f"The episode is over. You know {count - len(self._uncovered)} of {count} missing details.", done=True)

    def _asked(self, index: int) -> Asked:
        request = self._request
        if index < len(request.missing):
            return Asked(request.missing[index].description, self._choices[index], index not in self._uncovered)
        detail, told = request.others[index - len(request.missing)]
        return Asked(detail.description, told, told is not None)

    def _unsaid(self) -> list[str]:
        """Every option of the details that the user has said nothing about, the chosen and the others.

        Without those that are said of anything (``yes``, ``none``), and those that were said of another detail.
        """
        request = self._request
        hidden = [detail for index, detail in enumerate(request.missing) if index in self._uncovered]
        hidden += [detail for detail, told in request.others if told is None]
        told = [spelled(choice) for index, choice in enumerate(self._choices) if index not in self._uncovered]
        options = (option for detail in hidden for option in detail.options)
        return [
            option
            for option in options
            if any(marks(word) and word not in _SAID_OF_ANYTHING for word in words(option))
            and not any(says(each, option) for each in told)
        ]

    def _without_gain(self, reply: str) -> Outcome:
        """The reply to a question that uncovered nothing, and perhaps a detail that the user tells unasked."""
        if self.volunteer_after is None or self._fruitless + 1 < self.volunteer_after:
            self._fruitless += 1
            return Outcome(reply)
        told = self.volunteer(self.np_random)
        self._fruitless = 0
        return told._replace(reply=f"{reply} {told.reply}")

    def volunteer(self, rng: np.random.Generator) -> Outcome:
        """A detail told unasked. It counts as uncovered and earns nothing; the last one ends the episode as a success."""
        left = sorted(self._uncovered)
        index = left[int(rng.integers(len(left)))]
        told = self._user.volunteer(self._asked(index))
        self._uncovered.remove(index)
        return self._outcome(told, 0.0)

    def mistaken(self, content: str, rng: np.random.Generator) -> Outcome | None:
        """Another option than the chosen one, for each new detail that the question is about.

        The details stay covered up and the question earns nothing: what the agent was told is not what the user wants. So the
        episode does not end until they have been asked about once more.
        """
        if len(content) > MOST_CHARACTERS:
            return None
        new = [index for index in self._request.reader.read(content) if index in self._uncovered]
        wrong = []
        for index in new:
            others = [option for option in self._request.missing[index].options if option != self._choices[index]]
            if others:
                wrong.append(Asked(self._request.missing[index].description, others[int(rng.integers(len(others)))]))
        if not wrong:
            return None
        # The scripted user words its replies by chance: here by the persona's, so that the gym's stream is left alone.
        scripted = isinstance(self._user, ScriptedUser)
        user = ScriptedUser(self._request.opening, rng) if scripted else self._user
        return Outcome(user.answer(content, tuple(wrong)))

    def _outcome(self, reply: str, reward: float) -> Outcome:
        if self._uncovered:
            return Outcome(reply, reward)
        return Outcome(reply + _ALL_KNOWN, reward, done=True, success=True)

    @classmethod
    def task_set(cls, split: Split | str, size: int | None = None, levels: tuple[int, ...] | None = None) -> TaskSet:
        """The gym's own tasks (default: 600 train, 100 valid, 200 test); a level is the number of hidden details."""
        return tasks.own_tasks(Split(split), size, levels)

    @classmethod
    def read_tasks(cls, path: Path, split: Split | str = Split.TEST) -> TaskSet:
        """Tasks from our JSON lines, or from UserRL's parquet files and its ``all_intentions_*.json``. See `files.read`."""
        return files.read(Path(path), Split(split))

    @classmethod
    def check_task(cls, task: Task) -> None:
        tasks.load(task)

    @classmethod
    def components(cls, task: Task) -> frozenset[str]:
        return tasks.components(task)

    @classmethod
    def hidden(cls, task: Task) -> tuple[Hidden, ...]:
        return tasks.hidden(task)

    @classmethod
    def scripted_policies(cls) -> Mapping[str, Callable[[Gym, int], Policy]]:
        return agents.POLICIES


def raw_return(normalised: float, task: Task) -> float:
    """An episode's return on UserRL's scale: the sum of 1.0, 0.7 and 0.4 by importance, less what was asked together.

    Raises `KeyError` or `ValueError` on a task that cannot be played.
    """
    return normalised * tasks.load(task).best / 10
