"""The user who has the details in mind, and a scripted one (a model's is in `bao.gyms.intention.llm`).

`Requester` keeps the books. Its speaker is never given the list of the details: it is made from the opening, which the agent
sees as well, and with every question it is handed only those details that the question is about (`Asked`). So a speaker that
is a language model cannot give away what was not asked.

What a question is about is found by `bao.gyms.intention.reader`, which reads words, not sentences: it sees no negation. A key
word, or a list of them, is no question (`bao.gyms.intention.words.is_question`). How well it reads, where exactly the right
details count as right:

* Of 80 questions written by hand (``readings.toml``) it reads 84 % rightly: 39 of the 40 with which the words were
  chosen, 28 of the 40 that were set aside. Of the other 12 it understood six not at all, two by half, and took two for another
  detail and two for another one besides.
* Of the 350 example questions in UserRL's test records, on which nothing was tuned (six of the 95 records were seen before),
  99.7 % uncover their own detail and none another. Where the example questions are hidden from the reader, 94.6 % do, 94.0 %
  as the first one, and 3.1 % another as well.
* About one in eight of the example questions of other UserRL tasks uncovers something, often rightly so ("What is your
  budget?").
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from bao.action import Outcome
from bao.gyms.intention.tasks import VagueTask
from bao.gyms.intention.words import is_question, marks, words
from bao.user import User
from bao.users.voice import says, spelled

MOST_CHARACTERS = 500
"""Longest question that the user reads."""
MOST_AT_ONCE = 2
"""Things that a message may ask about, and questions that it may hold; one with more is not answered. Else a single message,
the same for every task, would uncover everything."""

SUCCESS_LEAST = 0.5
"""Of what could be earned, that must be for an episode to be a success: nobody solves a task by being told, or in few turns."""

_SAID_OF_ANYTHING = frozenset({"none", "nothing", "never", "neither", "nobody", "both", "little"})
"""Words that a reply may hold whatever it is about, besides those that say nothing."""
_SEVERAL = f"That is too much at once. Ask me about one thing, please, {MOST_AT_ONCE} at most."
_ALL_KNOWN = " Now you know all that you need."


@dataclass(frozen=True, slots=True)
class Asked:
    """A detail that a question is about, as the user knows it."""

    description: str
    choice: str | None
    """What the user has in mind; None where the user has no wish."""
    known: bool = False
    """Whether the agent was told before."""


def asked_at_once(message: str) -> int:
    """How many different questions a message holds, by its question marks."""
    return len({spelled(part) for part in message.split("?")[:-1]})


class Speaker(Protocol):
    """Words what the user says. Raises `bao.trajectory.FaultError` where it cannot: an outage is never taken for an answer."""

    @property
    def repaired(self) -> int:
        """As `bao.user.User.repaired`."""
        return 0

    def answer(self, question: str, asked: Sequence[Asked]) -> str:
        """The reply to a question that is about these details (at least one)."""

    def unsure(self, question: str) -> str:
        """The reply to a question that is about no detail."""

    def volunteer(self, asked: Asked) -> str:
        """A sentence that tells a detail without being asked."""

    def mistaken(self, question: str, asked: Sequence[Asked], rng: np.random.Generator) -> str:
        """As `answer`, for choices that are wrong; what is left to chance is drawn from `rng`."""
        return self.answer(question, asked)


_FORMS = ("I would say: {choice}.", "That would be: {choice}.", "Let us say {choice}.", "{label}: {choice}.")
_UNSURE = (
    "I am not sure what you would like to know. Ask me about one concrete thing, please.",
    "I cannot say anything to that. Please ask about one concrete thing.",
)


class ScriptedUser(Speaker):
    """Replies in short sentences, worded by chance."""

    def __init__(self, opening: str, rng: np.random.Generator) -> None:
        self._rng = rng

    def answer(self, question: str, asked: Sequence[Asked]) -> str:
        if len(asked) == 1 and asked[0].choice is not None and not asked[0].known:
            form = _FORMS[int(self._rng.integers(len(_FORMS)))]
            return form.format(choice=asked[0].choice, label=_label(asked[0]))
        return " ".join(sentence(each) for each in asked)

    def unsure(self, question: str) -> str:
        return _UNSURE[int(self._rng.integers(len(_UNSURE)))]

    def volunteer(self, asked: Asked) -> str:
        return by_the_way(asked)

    def mistaken(self, question: str, asked: Sequence[Asked], rng: np.random.Generator) -> str:
        return ScriptedUser("", rng).answer(question, asked)


def by_the_way(asked: Asked) -> str:
    """A sentence that tells a detail unasked."""
    return f"By the way, {sentence(asked)}"


def sentence(asked: Asked) -> str:
    """A sentence that tells a detail, or that the user has no wish there."""
    if asked.choice is None:
        return f"{_label(asked)}: I have no wish there."
    return f"{_label(asked)}: {'as I said, ' if asked.known else ''}{asked.choice}."


def _label(asked: Asked) -> str:
    return asked.description[0].upper() + asked.description[1:]


class Requester(User):
    """The user of one episode, who has one option of each missing detail in mind.

    `speaker` words the replies; `read` says which details a question is about: indices of ``missing``, followed by ``others``.
    """

    speaker: Speaker
    read: Callable[[str], tuple[int, ...]]

    def __init__(self, task: VagueTask, rng: np.random.Generator) -> None:
        self._task = task
        draws = rng.random(len(task.missing)).tolist()
        self.choices = [d.options[int(draw * len(d.options))] for d, draw in zip(task.missing, draws, strict=True)]
        self.left = set(range(len(task.missing)))
        """The details that are not uncovered yet."""
        self.earned = 0.0

    def ask(self, question: str) -> tuple[str, list[int]]:
        """The reply, and the details that the question has uncovered."""
        found = self.read(question) if asked_at_once(question) <= MOST_AT_ONCE else ()
        if len(found) > MOST_AT_ONCE or asked_at_once(question) > MOST_AT_ONCE:
            return _SEVERAL, []
        if not found:
            return self.speaker.unsure(question), []
        new = [index for index in found if index in self.left]
        reply = self.speaker.answer(question, tuple(self._asked(index) for index in found))
        self.left.difference_update(new)
        return reply, new

    def answer(self, question: str) -> str:
        return self.ask(question)[0]

    @property
    def repaired(self) -> int:
        return self.speaker.repaired

    def outcome(self, reply: str, reward: float) -> Outcome:
        """The episode ends when no detail is left, as a success where the questions have earned enough (`SUCCESS_LEAST`)."""
        self.earned += reward
        if self.left:
            return Outcome(reply, reward)
        return Outcome(reply + _ALL_KNOWN, reward, done=True, success=self.earned > SUCCESS_LEAST - 1e-9)

    def volunteer(self, rng: np.random.Generator) -> Outcome:
        """A detail told unasked. It counts as uncovered and earns nothing; the last one ends the episode."""
        left = sorted(self.left)
        index = left[int(rng.integers(len(left)))]
        told = self.speaker.volunteer(self._asked(index))
        self.left.remove(index)
        return self.outcome(told, 0.0)

    def mistaken(self, content: str, rng: np.random.Generator) -> Outcome | None:
        """Another option than the chosen one, for each new detail that the question is about.

        The details stay covered up and the question earns nothing: what the agent was told is not what the user wants. So the
        episode does not end until they have been asked about once more.
        """
        if len(content) > MOST_CHARACTERS or asked_at_once(content) > MOST_AT_ONCE or not is_question(content):
            return None
        found = self._task.reader.read(content)
        if len(found) > MOST_AT_ONCE:
            return None
        wrong = []
        for index in found:
            if index in self.left:
                detail = self._task.missing[index]
                others = [option for option in detail.options if option != self.choices[index]]
                if others:
                    wrong.append(Asked(detail.description, others[int(rng.integers(len(others)))]))
        return Outcome(self.speaker.mistaken(content, tuple(wrong), rng)) if wrong else None

    def unsaid(self) -> list[str]:
        """Every option of the details that the user has said nothing about, the chosen and the others.

        Without those that are said of anything (``yes``, ``none``), and those that were said of another detail.
        """
        hidden = [detail for index, detail in enumerate(self._task.missing) if index in self.left]
        hidden += [detail for detail, told in self._task.others if told is None]
        told = [spelled(choice) for index, choice in enumerate(self.choices) if index not in self.left]
        options = (option for detail in hidden for option in detail.options)
        return [
            option
            for option in options
            if any(marks(word) and word not in _SAID_OF_ANYTHING for word in words(option))
            and not any(says(each, option) for each in told)
        ]

    def _asked(self, index: int) -> Asked:
        task = self._task
        if index < len(task.missing):
            return Asked(task.missing[index].description, self.choices[index], index not in self.left)
        detail, told = task.others[index - len(task.missing)]
        return Asked(detail.description, told, told is not None)
