"""Scripted travel agents: those that bound every plot, and the teacher of the warm start.

All but the oracle know what the observations told them and nothing else. One planner serves them all: it looks at the history
(or not), takes the aspects in the order of what is still open, and for each decides to *ask* for what it lacks, to *guess*, or
to *finish* the episode. What it thinks on the way shows the four behaviours in few words: what is established and what is still
open (memory, hypotheses), what remains to do, in how many turns and after how many questions (schedule), and last the decision.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from bao.action import Action, ActionKind, Parsed
from bao.gym import Gym
from bao.gyms.travel.catalogue import ASPECTS, VALUE_ATTRIBUTE, VALUES_PER_ATTRIBUTE
from bao.gyms.travel.tasks import load
from bao.policies.scripted import RandomPolicy, oracle, turn_prices
from bao.policies.teacher import draw, propensities
from bao.policy import Policy
from bao.task import Task

_MATTER = re.compile(r"For the (\w+) (\w+) and (\w+) matter((?:, \w+ should be \w+)*)\.")
_SHOULD = re.compile(r"(\w+) should be (\w+)")
_PAST = re.compile(r"(\w+) (\w+) (\w+)[,.]")
_FIRST_ID = re.compile(r"cheapest first: ([ACFHR]\d+)")
_COUNT = re.compile(r"^(\d+) match")
_WORD = re.compile(r"[a-z]+")
_DECIDED = re.compile(r"^([ACFHR])\d+ is (?:perfect|fine|not)")


class Choice(StrEnum):
    """What to do about an aspect of which something is still open."""

    ASK = "ask"
    GUESS = "guess"
    FINISH = "finish"


@dataclass(frozen=True)
class Habits:
    """What a scripted traveller's agent tends to do."""

    choice: Choice | None = Choice.ASK
    """What to do about every open wish; None: by chance, with a propensity of each episode's own."""
    history: bool = True
    """Look at the booking history first, where something is open."""
    rich: bool = False
    """Show the four behaviours in the thinking; otherwise act without a word of it."""
    slips: float = 0.0
    """Probability per turn of a slip (a vague question, a half-written search), from which the next turn recovers."""


@dataclass
class _Belief:
    """What the observations have told so far."""

    known: dict[str, dict[str, str | None]] = field(default_factory=dict)
    decided: set[str] = field(default_factory=set)
    history_read: bool = False
    candidate: dict[str, tuple[str, int]] = field(default_factory=dict)
    """Cheapest match and number of matches of the last catalogue search, by aspect."""

    def open(self, aspect: str) -> list[str]:
        return [name for name, value in self.known[aspect].items() if value is None]

    def todo(self) -> list[str]:
        """Undecided aspects, those with least open first."""
        return sorted((a for a in self.known if a not in self.decided), key=lambda a: len(self.open(a)))


class Planner:
    """A scripted agent with the given habits."""

    def __init__(self, name: str, habits: Habits, gym: Gym, seed: int) -> None:
        self.name = name
        self.habits = habits
        self._horizon = gym.horizon
        self._rng = np.random.default_rng(seed)
        self._propensity = propensities(self._rng, tuple(Choice))
        # Where nothing is open it stops in few episodes only: one such stop spoils a play for all prices but the highest.
        self._quits = bool(self._rng.random() < 0.2)
        self.slipped: list[bool] = []
        """For each turn of the episode, whether it was a slip."""

    def begin(self, system: str, opening: str) -> None:
        self._belief = _Belief()
        for aspect, first, second, told in _MATTER.findall(opening):
            self._belief.known[aspect] = {first: None, second: None, **dict(_SHOULD.findall(told))}
        self._last: Action | None = None
        self._turn = self._questions = 0
        self.slipped = []

    def act(self, observation: str) -> Parsed:
        if self._last is not None:
            self._learn(self._last, observation)
        left = self._horizon - self._turn
        self._turn += 1
        thinking, action = self._plan(left)
        slip = self._slip(action)
        self.slipped.append(slip is not None)
        self._last = slip or action
        self._questions += self._last.kind == ActionKind.ACTION
        return Parsed(thinking if self.habits.rich else "", self._last, None)

    def _learn(self, action: Action, reply: str) -> None:
        belief = self._belief
        if action.kind == ActionKind.SEARCH and action.content == "history":
            belief.history_read = True
            for aspect, attribute, value in _PAST.findall(reply.removeprefix("Past bookings: ")):
                if attribute in belief.known.get(aspect, {}):
                    belief.known[aspect][attribute] = value
        elif action.kind == ActionKind.SEARCH:
            found, count = _FIRST_ID.search(reply), _COUNT.match(reply)
            if found and count:
                belief.candidate[action.content.split()[0]] = (found.group(1), int(count.group(1)))
        elif action.kind == ActionKind.ACTION:
            for word in _WORD.findall(reply.lower()):
                if word in VALUE_ATTRIBUTE:
                    self._note(VALUE_ATTRIBUTE[word], word)
        elif action.kind == ActionKind.ANSWER and (decided := _DECIDED.match(reply)):
            belief.decided.update(a.name for a in ASPECTS.values() if a.letter == decided.group(1))

    def _note(self, attribute: str, value: str) -> None:
        for aspect, wishes in self._belief.known.items():
            if attribute in wishes:
                wishes[attribute] = value
                self._belief.candidate.pop(aspect, None)

    def _plan(self, left: int) -> tuple[str, Action]:
        belief = self._belief
        todo = belief.todo()
        if self.habits.history and not belief.history_read and any(belief.open(a) for a in todo):
            facts = " ".join(f"{a} {len(belief.open(a))} open" for a in todo)
            return f"know {facts} | {left} turns | history first", Action(ActionKind.SEARCH, "history")
        aspect = todo[0]
        wishes, missing = belief.known[aspect], belief.open(aspect)
        place = f"{len(belief.known) - len(todo) + 1} of {len(belief.known)}"
        schedule = f"{place} todo {' '.join(todo[1:]) or 'nothing'} | {left} turns asked {self._questions}"
        if aspect in belief.candidate:
            option, count = belief.candidate[aspect]
            return f"know {option} cheapest of {count} | {schedule} | answer", Action(ActionKind.ANSWER, option)
        facts = f"{aspect} " + " ".join(f"{name} {value or 'open'}" for name, value in wishes.items())
        thinking = f"know {facts} | {schedule} | {VALUES_PER_ATTRIBUTE ** len(missing)} ways"
        choice = self.choose(aspect, len(missing))
        if choice is Choice.FINISH:
            return f"{thinking} | stop", Action(ActionKind.FINISH)
        if choice is Choice.ASK and missing:
            return f"{thinking} | ask {missing[0]}", Action(ActionKind.ACTION, f"Which {missing[0]} for the {aspect}?")
        filters = " ".join(f"{name} {value}" for name, value in wishes.items() if value)
        verb = "guess" if missing else "search"
        return f"{thinking} | {verb}", Action(ActionKind.SEARCH, f"{aspect} {filters}".strip())

    def choose(self, aspect: str, missing: int) -> Choice:
        """What to do about an aspect of which `missing` wishes are open."""
        if self.habits.choice is not None:
            return self.habits.choice
        if missing:
            return draw(self._propensity, self._rng)
        return Choice.FINISH if self._quits and self._rng.random() < 0.5 else Choice.GUESS

    def _slip(self, action: Action) -> Action | None:
        if not self.habits.slips or self._rng.random() >= self.habits.slips:
            return None
        aspect = self._belief.todo()[0]
        if action.kind == ActionKind.ACTION:
            vague = (f"What do you like for the {aspect}?", "Anything else?", f"Which {aspect}?")
            return Action(ActionKind.ACTION, vague[int(self._rng.integers(len(vague)))])
        if action.kind == ActionKind.SEARCH and action.content != "history":
            words = action.content.split()
            return Action(ActionKind.SEARCH, " ".join(words[:-1] if len(words) > 1 else ["trip"]))
        if action.kind == ActionKind.ANSWER:
            letter = ASPECTS[aspect].letter
            return Action(ActionKind.ANSWER, f"{letter}{int(self._rng.integers(33, 100))}")
        return None


def _best(task: Task) -> list[Action]:
    return [Action(ActionKind.ANSWER, booking.acceptable[0].id) for booking in load(task)]


class Rational(Planner):
    """Knows the rules of the gym and the price of a user turn that it is told, and takes for each aspect what earns most.

    With value v of an aspect, m wishes open and price w: asking for all of them and recommending earns ``v - w (m + 1)``,
    guessing ``v / 4^m - w``, finishing 0. Where the convention leaves questions free, they cost nothing. It takes the user at
    their word: that they answer every question, and rightly.
    """

    def __init__(self, gym: Gym, seed: int) -> None:
        super().__init__("rational", Habits(), gym, seed)
        self._gym = gym

    def begin(self, system: str, opening: str) -> None:
        super().begin(system, opening)
        self._question, self._answer = turn_prices(system, self._gym)

    def choose(self, aspect: str, missing: int) -> Choice:
        value = 1.0 / len(self._belief.known)
        earned = {
            Choice.ASK: value - self._question * missing - self._answer,
            Choice.GUESS: value / VALUES_PER_ATTRIBUTE**missing - self._answer,
            Choice.FINISH: 0.0,
        }
        return max(earned, key=lambda choice: earned[choice])


TEACHER = Habits(choice=None, rich=True, slips=0.03)
"""The warm start's teacher: right in form, and told no price. What it does at a choice is left to chance, from never to always
as the episode's propensity will have it, so that what every choice leads to can be measured."""


def _planner(name: str, habits: Habits) -> Callable[[Gym, int], Policy]:
    return lambda gym, seed: Planner(name, habits, gym, seed)


def _random(gym: Gym, seed: int) -> Policy:
    contents = {
        ActionKind.SEARCH: ["history", *ASPECTS],
        ActionKind.ACTION: [f"Which {name} for the {a.name}?" for a in ASPECTS.values() for name in a.attributes],
        ActionKind.ANSWER: [f"{a.letter}{n}" for a in ASPECTS.values() for n in range(1, 33)],
        ActionKind.FINISH: [""],
    }
    return RandomPolicy(contents, seed)


POLICIES: Mapping[str, Callable[[Gym, int], Policy]] = {
    "oracle": oracle(_best),
    "ask_all": _planner("ask_all", Habits(history=False)),
    "ask_needed": _planner("ask_needed", Habits()),
    "never_ask": _planner("never_ask", Habits(choice=Choice.GUESS)),
    "rational": Rational,
    "random": _random,
    "teacher": _planner("teacher", TEACHER),
}
