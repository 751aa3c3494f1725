"""Each way of failing in training is named, from the figures of trajectories that fail so, and nothing else is."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bao.action import Action, ParseFault
from bao.gyms.travel import Travel
from bao.rollout.request import Request
from bao.train.collapse import ADVICE, Collapse, Reference, collapses
from bao.train.groups import group_metrics, make_group
from bao.train.grpo import GRPOTrainer
from bao.train.settings import CreditSection, GRPOSection
from bao.train.shaping import Shaping
from bao.train.tracking.metrics_log import read_metrics
from bao.trajectory import StopReason, TokenTrace, Trajectory, Turn
from tests.train.fake_backend import FakeBackend

TASKS = Travel.task_set("train", 20, (2,))
HORIZON = 8
SCRIPTS = {0.0: Reference(1.0, 3.0), 0.1: Reference(1.0, 3.0), 0.2: Reference(1.0, 3.0), 0.4: Reference(0.0, 0.0)}
"""Asking three times is right at all prices but the last, at which silence is."""


class Behaving(FakeBackend):
    """Plays each request so: asks as often as its price says, then answers or not, in text of this `entropy`."""

    def __init__(
        self,
        asks: dict[float, int],
        *,
        earns: float = 1.0,
        varies: float = 0.0,
        stop: StopReason = StopReason.FINISH,
        entropy: float = 1.0,
        unreadable: ParseFault | None = None,
    ) -> None:
        super().__init__()
        self.asks, self.earns, self.varies, self.stop, self.entropy = asks, earns, varies, stop, entropy
        self.broken = unreadable

    def _play(self, request: Request) -> Trajectory:
        asks = self.asks[request.effort_weight or 0.0]
        # No answers: as in a gym whose user tells by itself when it has what it wanted.
        turns = [Turn("", Action("action", "Which?"), "So.", 0.0, True, self.broken, 2) for _ in range(asks)]
        earned = (self.earns if asks else 0.0) - self.varies * (request.seed % 2)
        turns.append(Turn("", Action("finish"), "", earned, False, self.broken, 2))
        ids = np.arange(2 * len(turns))
        trace = TokenTrace(np.zeros(3), ids, ids // 2, np.full(len(ids), -self.entropy), self.version)
        names = ("intention", request.task.id, "fake", request.seed, "go")
        return Trajectory(*names, tuple(turns), self.stop, False, HORIZON, effort_weight=request.effort_weight, trace=trace)


def metrics(backend: Behaving, step: int = 0) -> dict[str, float]:
    groups = [
        make_group(
            TASKS[i],
            price,
            backend.sample([Request(TASKS[i], 2 * step + each, price) for each in range(4)]),
            Shaping(),
            CreditSection(),
        )
        for i, price in enumerate(backend.asks)
    ]
    return group_metrics([group for group in groups if group is not None])


def rows(backend: Behaving, steps: int = 3) -> list[dict[str, float]]:
    return [metrics(backend, step) for step in range(steps)]


GOOD = {0.0: 3, 0.1: 3, 0.2: 3, 0.4: 0}


@pytest.mark.parametrize(
    ("backend", "expected"),
    [
        (Behaving(GOOD, varies=0.1), []),
        (Behaving(dict.fromkeys(SCRIPTS, 0), varies=0.1), [Collapse.SILENCE]),
        (Behaving({0.0: 3, 0.1: 3, 0.2: 0, 0.4: 0}), [Collapse.PRICED_OUT]),
        # Fewer turns for as much, or more, are no silence.
        (Behaving({0.0: 1, 0.1: 1, 0.2: 1, 0.4: 0}), []),
        (
            Behaving(dict.fromkeys(SCRIPTS, 20), earns=0.5, varies=0.1, stop=StopReason.MAX_TURNS),
            [Collapse.ASKING, Collapse.FLAT],
        ),
        (
            Behaving(dict.fromkeys(SCRIPTS, 20), earns=0.5, varies=0.1, stop=StopReason.USER_LEFT),
            [Collapse.ASKING, Collapse.FLAT],
        ),
        (Behaving(dict.fromkeys(SCRIPTS, 5), earns=0.5, varies=0.1), [Collapse.FLAT]),
        (Behaving(GOOD, varies=0.1, unreadable=ParseFault.NO_ACTION), [Collapse.BABBLE]),
        (Behaving(dict.fromkeys(SCRIPTS, 3), earns=0.7, entropy=0.001), [Collapse.FLAT, Collapse.NO_EXPLORATION]),
        (Behaving(dict.fromkeys(SCRIPTS, 3), earns=0.7, entropy=0.001, varies=0.2), [Collapse.FLAT]),
        (Behaving(dict.fromkeys(SCRIPTS, 3), earns=0.2), [Collapse.FLAT, Collapse.FROZEN]),
        # As good as the scripts, there is nothing left to explore.
        (Behaving(GOOD, entropy=0.001), []),
    ],
)
def test_a_policy_that_fails_so_is_named_so(backend: Behaving, expected: list[Collapse]) -> None:
    found = collapses(rows(backend), SCRIPTS)
    assert list(found) == expected
    assert all(ADVICE[kind] for kind in found)
    assert collapses(rows(backend, 2), SCRIPTS) == {}, "two steps are no proof"


def test_a_gym_in_which_every_turn_is_the_users_is_not_asking_too_much() -> None:
    talks = Behaving({0.0: 7}, stop=StopReason.MAX_TURNS, varies=0.1)
    assert collapses(rows(talks), {0.0: Reference(0.9, 7.0)}) == {}


def test_without_scripts_the_first_steps_are_what_a_silent_policy_is_held_against() -> None:
    begun, silent = rows(Behaving(GOOD, varies=0.1)), rows(Behaving(dict.fromkeys(SCRIPTS, 0), varies=0.1))
    assert list(collapses([*begun, *silent], begun=begun)) == [Collapse.SILENCE]
    assert collapses(silent, begun=silent) == {}
    assert collapses([*begun, *begun], begun=begun) == {}
    (kind, seen), *_ = collapses([*begun, *silent], begun=begun).items()
    assert kind is Collapse.SILENCE
    assert "3 at 0.1" in seen


def test_rows_of_an_earlier_release_are_read() -> None:
    old = {"unparsable": 0.0, "answered": 1.0, "zero_variance": 1.0, "score": 0.1}
    assert list(collapses([old] * 3)) == [Collapse.FROZEN]
    assert collapses([{**old, "score": 0.99}] * 3) == {}


class Falling(Behaving):
    """Acts for some steps, then has learned to be silent."""

    def sample(self, requests: Sequence[Request], *, unit: int = 1) -> list[Trajectory]:
        if len(self.sampled) == 3:
            self.asks = dict.fromkeys(self.asks, 0)
        return super().sample(requests, unit=unit)


@pytest.mark.parametrize("reference", [None, SCRIPTS])
def test_training_says_so_once_and_resumed_training_too(tmp_path: Path, reference: Any) -> None:
    settings = GRPOSection(steps=8, groups=4, group_size=4, tasks=20, effort_weights=tuple(SCRIPTS), checkpoint_every=4)
    backend, warnings = Falling(GOOD, varies=0.1), list[str]()

    def train(backend: Behaving, steps: int) -> None:
        changed = settings.model_copy(update={"steps": steps})
        how: Any = (backend, TASKS, changed, Shaping(), CreditSection())
        GRPOTrainer(*how, seed=0, out=tmp_path, reference=reference).train(warn=warnings.append)

    train(backend, 5)
    assert warnings == []
    train(Behaving(dict.fromkeys(SCRIPTS, 0), varies=0.1), 8)
    assert len(warnings) == 1
    assert warnings[0].startswith("step 6: the policy has collapsed into silence (hardly a user turn, where")
    assert "bao prices" in warnings[0]
    assert read_metrics(tmp_path / "metrics.jsonl")[0]["sampled_entropy"] == pytest.approx(1.0)
