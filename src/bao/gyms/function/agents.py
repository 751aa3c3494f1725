"""Scripted policies of the function gym: the bounds of every plot, and a solver that needs no model.

All but the oracle go by observations alone.
"""

import re
from collections.abc import Callable, Mapping
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from bao.action import Action, ActionKind, Parsed
from bao.gym import Gym
from bao.gyms.function.candidates import library, probe_values
from bao.gyms.function.content import Inputs
from bao.gyms.function.rules import Undefinedness, Value, compile_rule, parse_rule
from bao.policies.scripted import oracle, turn
from bao.policies.teacher import Disposition, thought
from bao.policy import Policy
from bao.task import Task

PROBES: tuple[Inputs, ...] = (
    (2, 3, 5, 4), (3, 1, 2, 5), (5, 4, 2, 3), (1, 2, 3, 2),
    (4, 2, 1, 3), (3, 5, 4, 1), (2, 1, 3, 7), (7, 3, 2, 2),
)  # fmt: skip
"""What the policies below probe, in this order."""

TEST_INPUTS = re.compile(r"The test inputs are a=(-?\d+), b=(-?\d+), c=(-?\d+), d=(-?\d+)\.")
VALUE = re.compile(r"rule\((-?\d+), (-?\d+), (-?\d+), (-?\d+)\) = (-?\d+(?:\.\d+)?)( \(rounded\))?")


def _plan(task: Task) -> list[Action]:
    value = compile_rule(task.data["rule"]).value(*task.data["test_case"])
    return [Action(ActionKind.ANSWER, str(value))]


class RandomPolicy:
    """Any action of the right format; finishes rarely."""

    name = "random"

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)

    def begin(self, system: str, opening: str) -> None:
        """Goes on with its generator, so that episodes differ."""

    def act(self, observation: str) -> Parsed:
        draw = self._rng.random()
        if draw < 0.5:
            return turn(ActionKind.ACTION, " ".join(map(str, self._rng.integers(1, 11, size=4))))
        if draw < 0.7:
            return turn(ActionKind.SEARCH, "test")
        if draw < 0.95:
            return turn(ActionKind.ANSWER, str(self._rng.integers(-20, 101)))
        return turn(ActionKind.FINISH)


class Prober:
    """Looks up the test inputs, probes the rule at `PROBES` and finishes without ever submitting an answer."""

    name = "never_ask"

    def begin(self, system: str, opening: str) -> None:
        self._test: Inputs | None = None
        self._probes = list(PROBES)

    def act(self, observation: str) -> Parsed:
        self._observe(observation)
        if self._test is None:
            return turn(ActionKind.SEARCH, "test")
        return self._decide()

    def _observe(self, observation: str) -> None:
        found = TEST_INPUTS.search(observation)
        if found:
            a, b, c, d = (int(entry) for entry in found.groups())
            self._test = (a, b, c, d)
            self._probes = [probe for probe in PROBES if probe != self._test]

    def _decide(self) -> Parsed:
        return self._probe() if self._probes else turn(ActionKind.FINISH)

    def _probe(self, thinking: str = "") -> Parsed:
        return turn(ActionKind.ACTION, " ".join(map(str, self._probes.pop(0))), thinking)


class Solver(Prober):
    """Keeps the candidate rules that fit every probe; answers once they agree on the test inputs or the probes run out."""

    name = "solver"

    def begin(self, system: str, opening: str) -> None:
        super().begin(system, opening)
        self._fitting: npt.NDArray[np.intp] = np.arange(len(library()))
        self._used = 0
        self._submitted: Value | None = None

    def _observe(self, observation: str) -> None:
        known = self._test
        super()._observe(observation)
        if known is None and self._test is not None:
            self._on_test = library().values(self._test)
            self._keep(np.isfinite(self._on_test))
        found = VALUE.fullmatch(observation)
        if found:
            a, b, c, d = (int(entry) for entry in found.groups()[:4])
            self._used += 1
            self._keep(near(probe_values((a, b, c, d)), float(found[5]), slack=5e-5 if found[6] else 0.0))
        elif self._submitted is not None:  # the episode goes on, so it was wrong
            self._keep(~near(self._on_test, float(self._submitted)))
        self._submitted = None

    def _keep(self, mask: npt.NDArray[np.bool_]) -> None:
        self._fitting = self._fitting[mask[self._fitting]]

    def _decide(self) -> Parsed:
        thinking = f"{len(self._fitting)} rules fit the {self._used} values seen."
        if self._probes and not self._ready():
            return self._probe(thinking)
        value = self._guess()
        if value is None:
            return self._probe(thinking) if self._probes else turn(ActionKind.FINISH, thinking=thinking)
        self._submitted = value
        return turn(ActionKind.ANSWER, str(value), thinking)

    def _ready(self) -> bool:
        results = self._on_test[self._fitting]
        return self._used > 1 and len(results) > 0 and bool(near(results, float(results[0])).all())

    def _guess(self) -> Value | None:
        """The value on the test inputs of the simplest candidate that has one."""
        assert self._test is not None
        for index in self._fitting[np.argsort(library().cost[self._fitting], kind="stable")][:20]:
            value = parse_rule(library().text(int(index))).value(*self._test)
            if not isinstance(value, Undefinedness):
                return value
        return None


class EagerSolver(Solver):
    """Submits the simplest fitting candidate after every probe, whether or not others fit as well."""

    name = "ask_all"

    def begin(self, system: str, opening: str) -> None:
        super().begin(system, opening)
        self._guessed_at = 0

    def _ready(self) -> bool:
        ready = self._used > self._guessed_at and len(self._fitting) > 0
        self._guessed_at = self._used
        return ready


class Choice(StrEnum):
    """What to do next about a rule that is not told."""

    PROBE = "probe"
    ANSWER = "answer"
    STOP = "stop"


class Teacher(Solver):
    """The teacher of the warm start: probes on, answers by the simplest candidate, or stops, as its disposition says.

    A turn's thinking is, for example, ``test seen | 2 probes 16 rules 4 values | 0 tried | answer``: what is established, how
    many candidates fit and how many values they give on the test inputs (powers of two), how many answers were wrong, and the
    decision. It reads no price.
    """

    name = "teacher"

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)

    def begin(self, system: str, opening: str) -> None:
        super().begin(system, opening)
        self._tried = 0
        self._start = Disposition(self._rng, (Choice.PROBE, Choice.STOP), seldom=(Choice.STOP,))
        self._orderly = self._rng.random() < 0.5
        """Probes until the candidates agree, and no longer."""
        self._later = Disposition(self._rng, tuple(Choice), seldom=(Choice.STOP,))

    def act(self, observation: str) -> Parsed:
        self._observe(observation)
        if self._test is not None:
            return self._decide()
        if self._start.choose(None, tuple(Choice)) is Choice.STOP:
            return turn(ActionKind.FINISH, thinking=thought("test open", "stop"))
        return turn(ActionKind.SEARCH, "test", thought("test open", "search"))

    def _decide(self) -> Parsed:
        results = self._on_test[self._fitting]
        with np.errstate(over="ignore"):
            number = len(np.unique(results.astype(np.float32)))
        value = self._guess()
        sure = self._ready()
        choices = [Choice.PROBE] if self._probes and not (self._orderly and sure) else []
        choices += [Choice.ANSWER] if value is not None and (sure or not self._orderly or not self._probes) else []
        choice = self._later.choose((_rounded(number), self._used), [*choices, Choice.STOP])
        fitting = f"{self._used} probes {_rounded(len(results))} rules {_rounded(number)} values"
        thinking = thought("test seen", fitting, f"{self._tried} tried", choice)
        if choice is Choice.PROBE:
            return self._probe(thinking)
        if choice is Choice.STOP:
            return turn(ActionKind.FINISH, thinking=thinking)
        self._submitted = value
        self._tried += 1
        return turn(ActionKind.ANSWER, str(value), thinking)


def _rounded(number: int) -> int:
    """The power of two that is nearest by ratio; 0 for 0."""
    return int(2 ** round(np.log2(number))) if number else 0


def near(values: npt.NDArray[np.float64], target: float, slack: float = 0.0) -> npt.NDArray[np.bool_]:
    return np.abs(values - target) <= slack + 1e-6 * max(1.0, abs(target))


POLICIES: Mapping[str, Callable[[Gym, int], Policy]] = {
    "oracle": oracle(_plan, "The rule is known."),
    "ask_all": lambda gym, seed: EagerSolver(),
    "never_ask": lambda gym, seed: Prober(),
    "random": lambda gym, seed: RandomPolicy(seed),
    "solver": lambda gym, seed: Solver(),
    "teacher": lambda gym, seed: Teacher(seed),
}
"""By name, each made from the gym that it will play in and a seed."""
