"""Scripted policies of the search gym: the bounds of every plot, and a researcher that needs no model.

All but the oracle go by what they are told. They read questions and passages by the forms in `bao.gyms.search.relations`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bao.action import Action, ActionKind, Parsed
from bao.gym import Gym
from bao.gyms.search import names
from bao.gyms.search.relations import Asked, read_passage, read_question
from bao.gyms.search.teacher import MEANT, PASSAGE, Rational, Teacher, described
from bao.policies.scripted import RandomPolicy, oracle, turn
from bao.policy import Policy


@dataclass(frozen=True)
class Habits:
    asks_from: int | None = None
    """How many things must fit for it to ask the user which is meant; 1 is always, None is never."""
    guesses: int = 4
    """Candidates that are tried in turn, where several are left."""


class Researcher:
    """Searches for what the question starts from, follows it relation by relation, and answers."""

    def __init__(self, name: str, habits: Habits) -> None:
        self.name = name
        self.habits = habits

    def begin(self, system: str, opening: str) -> None:
        self._asked = read_question(opening)
        self._known: dict[str, dict[str, str]] = {}
        self._candidates: list[str] | None = None
        self._settled = False
        self._query = ""
        self._tried = 0
        if self._asked is not None and self._asked.name:
            self._candidates = [self._asked.name]

    def act(self, observation: str) -> Parsed:
        if self._asked is None:
            return turn(ActionKind.FINISH, thinking="The question is of no form that I know.")
        for title, text in PASSAGE.findall(observation):
            self._known[title] = read_passage(text)
        if self._candidates is None:
            if not self._query:
                return self._search(described(self._asked), "First see what fits the description.")
            self._candidates = sorted(name for name, facts in self._known.items() if self._fits(facts))
        meant = MEANT.fullmatch(observation)
        if meant:
            self._candidates = [meant[1]]
        return self._ask() or self._follow(self._asked)

    def _fits(self, facts: Mapping[str, str]) -> bool:
        assert self._asked is not None
        return facts.items() >= self._asked.described.items()

    def _ask(self) -> Parsed | None:
        assert self._candidates is not None
        least = self.habits.asks_from
        if self._settled or least is None or len(self._candidates) < least:
            return None
        self._settled = True
        thinking = f"{len(self._candidates)} fit: ask which is meant."
        return turn(ActionKind.ACTION, f"Do you mean {' or '.join(self._candidates)}?", thinking)

    def _follow(self, asked: Asked) -> Parsed:
        """The next step along the path from the first candidate that is not tried yet."""
        assert self._candidates is not None
        if self._tried == min(len(self._candidates), self.habits.guesses):
            return turn(ActionKind.FINISH, thinking="Nothing is left to try.")
        here = self._candidates[self._tried]
        for name in asked.path:
            if here not in self._known:
                if self._query == here:
                    return turn(ActionKind.FINISH, thinking=f"There is nothing on {here}.")
                return self._search(here, f"Next: the {name} of {here}.")
            if name not in self._known[here]:
                return turn(ActionKind.FINISH, thinking=f"The {name} of {here} is not told.")
            here = self._known[here][name]
        self._tried += 1
        return turn(ActionKind.ANSWER, here, f"That is the {name}.")

    def _search(self, query: str, thinking: str) -> Parsed:
        self._query = query
        return turn(ActionKind.SEARCH, query, thinking)


def _researcher(name: str, habits: Habits) -> Callable[[Gym, int], Policy]:
    return lambda gym, seed: Researcher(name, habits)


def _random(gym: Gym, seed: int) -> Policy:
    contents = {
        ActionKind.SEARCH: [f"{what} {where}" for what in names.PRODUCTS for where in names.SPORTS],
        ActionKind.ACTION: ["Which one do you mean?", "In which year was it founded?", "Who was it?"],
        ActionKind.ANSWER: [*names.MATERIALS, *names.EMBLEMS, *names.PROFESSIONS, *map(str, range(1800, 1960))],
        ActionKind.FINISH: [""],
    }
    return RandomPolicy(contents, seed)


POLICIES: Mapping[str, Callable[[Gym, int], Policy]] = {
    "oracle": oracle(lambda task: [Action(ActionKind.ANSWER, task.data["answers"][0])], "The answer is known."),
    "ask_all": _researcher("ask_all", Habits(asks_from=1)),
    "ask_needed": _researcher("ask_needed", Habits(asks_from=2)),
    "ask_many": _researcher("ask_many", Habits(asks_from=3)),
    "guess_on": _researcher("guess_on", Habits()),
    "never_ask": _researcher("never_ask", Habits(guesses=1)),
    "random": _random,
    "teacher": Teacher,
    "rational": Rational,
}
"""``guess_on`` answers for one candidate after another, ``ask_many`` does so between two and asks where more fit."""
