"""Scripted policies of the intention gym: the bounds of every plot, and one that has learned from the training frames.

All but the oracle know what the observations told them and nothing else.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from itertools import islice

import numpy as np

from bao.action import Action, ActionKind, Parsed
from bao.gym import Gym
from bao.gyms.data import table
from bao.gyms.intention.detail import TENTHS, Detail
from bao.gyms.intention.frames import frames_of
from bao.gyms.intention.reader import Reader
from bao.gyms.intention.tasks import load
from bao.policies.scripted import RandomPolicy, oracle, turn
from bao.policies.teacher import propensities
from bao.policy import Policy
from bao.task import Split, Task

TEMPLATES = tuple(table(__package__, "vocabulary.toml")["templates"].splitlines())
"""Questions that fit nearly any task, the most useful first."""

_LEARNED_ALONE, _LEARNED_PAIRS = 8, 8
"""Turns of the learned questions: first those worth a turn of their own, then two at a time."""
_ELSEWHERE = 0.02
"""What a detail counts in a training frame of another category."""

_CATEGORY = re.compile(r"^Category: (.*)$", re.MULTILINE)
_TASK = re.compile(r"^Task: (.*)$", re.MULTILINE)
_TOLD = re.compile(r"^- (.+?): ", re.MULTILINE)
_NOTHING = re.compile(r"as I said|I have no wish|I am not sure what|I cannot say anything|too long for me")
"""Replies that tell nothing new."""


class Asker:
    """Asks the questions that `plan` gives for a category, in that order, without those that the opening has settled."""

    def __init__(self, name: str, plan: Callable[[str], tuple[str, ...]], *, skip_settled: bool) -> None:
        """`skip_settled` False asks about what is settled, too."""
        self.name = name
        self._plan = plan
        self._skip_settled = skip_settled

    def begin(self, system: str, opening: str) -> None:
        category, task = _CATEGORY.search(opening), _TASK.search(opening)
        questions = self._plan(category[1] if category else "")
        told = [Detail(description, 1, "", ()) for description in _TOLD.findall(opening)] if self._skip_settled else []
        reader = Reader(task[1] if task else "", told)
        self._left = [question for question in reversed(questions) if not reader.read(question)]

    def act(self, observation: str) -> Parsed:
        return turn(ActionKind.ACTION, self._left.pop()) if self._left else turn(ActionKind.FINISH)


class Curious:
    """Asks the `general_questions` of a category, one after another, and finishes when `goes_on` says so.

    What it thinks repeats the category, how many questions it has asked, how many of them told something new and whether the
    last one did: what there is left to find goes by that.
    """

    def __init__(self, name: str, goes_on: Callable[[int, int], bool], *, thinks: bool = False) -> None:
        """`goes_on`: whether to ask on, after so many questions of which so many told something."""
        self.name = name
        self._goes_on = goes_on
        self._thinks = thinks

    def begin(self, system: str, opening: str) -> None:
        category = _CATEGORY.search(opening)
        self._category = category[1] if category else ""
        self._questions = general_questions(self._category)
        self._asked = self._told = 0

    def act(self, observation: str) -> Parsed:
        new = self._asked > 0 and not _NOTHING.search(observation)
        self._told += new
        last = "" if not self._asked else " last new" if new else " last nothing"
        goes_on = self._asked < len(self._questions) and self._goes_on(self._asked, self._told)
        known = f"{self._category} | asked {self._asked} told {self._told}{last} | {'ask' if goes_on else 'stop'}"
        thinking = known if self._thinks else ""
        if not goes_on:
            return turn(ActionKind.FINISH, "", thinking)
        self._asked += 1
        return turn(ActionKind.ACTION, self._questions[self._asked - 1], thinking)


def _teacher(gym: Gym, seed: int) -> Policy:
    """Goes on with a propensity of the episode's own, from asking nothing to asking everything."""
    rng = np.random.default_rng(seed)
    propensity = propensities(rng, ("ask", "stop"))
    # Else four in five episodes would end within three questions, and what later ones tell were hardly measured.
    ever = propensity["ask"] ** 0.25
    most = gym.horizon - 1  # and one turn to finish in: an episode that its end cuts off shows no decision
    return Curious("teacher", lambda asked, told: asked < most and bool(rng.random() < ever), thinks=True)


def _plan(task: Task) -> list[Action]:
    """Each missing detail by its example question, and the end."""
    return [*(Action(ActionKind.ACTION, detail.inquiry) for detail in load(task).missing), Action(ActionKind.FINISH)]


@lru_cache(maxsize=64)
def learned_questions(category: str) -> tuple[str, ...]:
    """Questions worth asking in a category, by what they uncover in the training frames, those of the category above all.

    Candidates are the templates and the example questions of the training frames. Each next one is that which earns most from
    what those before it have left. The first are asked alone, the others two at a time, so that more of them fit into an
    episode.
    """
    most = _LEARNED_ALONE + 2 * _LEARNED_PAIRS
    chosen = list(islice(_most_useful_first(_uncovered(), category, _ELSEWHERE), most))
    pairs = zip(chosen[_LEARNED_ALONE::2], chosen[_LEARNED_ALONE + 1 :: 2], strict=True)
    return (*chosen[:_LEARNED_ALONE], *(f"{first} {second}" for first, second in pairs))


@lru_cache(maxsize=64)
def general_questions(category: str) -> tuple[str, ...]:
    """The templates, in the order in which they uncover most in the training frames, those of the category above all.

    What they are worth hardly differs on frames that were not studied: the first eight find .79 of the training tasks' points,
    .73 of the valid tasks' and .72 of the test tasks', where those of `learned_questions` find .89, .71 and .70.
    """
    uncovered = {question: places for question, places in _uncovered().items() if question in TEMPLATES}
    return tuple(_most_useful_first(uncovered, category, elsewhere=0.1))


def _most_useful_first(uncovered: Mapping[str, frozenset[tuple[int, int]]], category: str, elsewhere: float) -> Iterator[str]:
    """Candidates, each next one that which earns most from what those before it have left; a detail of another category's
    frame counts `elsewhere`."""
    left = {
        (f, d): TENTHS[detail.importance] * (1.0 if frame.category == category else elsewhere)
        for f, frame in enumerate(frames_of(Split.TRAIN))
        for d, detail in enumerate(frame.details)
    }
    found = dict(uncovered)
    while found:
        best = max(found, key=lambda question: sum(left.get(place, 0.0) for place in found[question]))
        yield best
        for place in found.pop(best):
            left.pop(place, None)


@lru_cache(maxsize=1)
def _uncovered() -> Mapping[str, frozenset[tuple[int, int]]]:
    """For each candidate the details (frame and detail number) that it uncovers in the training frames.

    The frame that a question was made for is left out: what it is worth there tells nothing about others.
    """
    frames = frames_of(Split.TRAIN)
    readers = [Reader(f"{frame.category} {frame.task}", frame.details) for frame in frames]
    origin = dict.fromkeys(TEMPLATES, -1) | {detail.inquiry: f for f, frame in enumerate(frames) for detail in frame.details}
    return {
        question: frozenset((f, d) for f, reader in enumerate(readers) if f != home for d in reader.read(question)[:1])
        for question, home in origin.items()
    }


def _random(gym: Gym, seed: int) -> Policy:
    """Questions about anything, drawn from those of all training frames. One kind of two ends it, so it asks little."""
    questions = [detail.inquiry for frame in frames_of(Split.TRAIN) for detail in frame.details]
    return RandomPolicy({ActionKind.ACTION: questions, ActionKind.FINISH: [""]}, seed, finish=0.5)


def _first(most: int) -> Callable[[Gym, int], Policy]:
    return lambda gym, seed: Curious(f"ask_{most}", lambda asked, told: asked < most)


POLICIES: Mapping[str, Callable[[Gym, int], Policy]] = {
    "oracle": oracle(_plan),
    "ask_all": lambda gym, seed: Asker("ask_all", lambda category: TEMPLATES, skip_settled=False),
    "ask_learned": lambda gym, seed: Asker("ask_learned", learned_questions, skip_settled=True),
    "never_ask": lambda gym, seed: Asker("never_ask", lambda category: (), skip_settled=False),
    "random": _random,
    **{f"ask_{most}": _first(most) for most in (1, 2, 4, 8)},
    "teacher": _teacher,
}
"""``ask_1`` to ``ask_8`` stop after so many of the general questions."""
