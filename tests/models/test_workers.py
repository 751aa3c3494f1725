"""The processes of a local model: what they do is what one would do, and what breaks in them is raised as what it is."""

from functools import partial

import numpy as np
import pytest
import torch

from bao.errors import ConfigError
from bao.gyms.registry import make
from bao.models.workers import Rollouts, Workers
from bao.rollout.request import Limits, Request
from bao.train.examples import Example
from bao.train.objective import PolicyGradient
from tests.support.small_model import small_local
from tests.train.test_grpo import GRPO, ROLLOUTS, TASKS


@pytest.mark.slow
def test_what_is_played_and_learned_does_not_depend_on_the_number_of_workers() -> None:
    gradients, turns = [], []
    for count in (1, 2):
        local = small_local()
        with Workers(local.model, local.template, ROLLOUTS, count=count) as workers:
            played = workers.rollout([Request(TASKS[i // 3], i, 0.1) for i in range(9)], unit=3)
            turns.append([trajectory.turns for trajectory in played])
            rng = np.random.default_rng(0)
            examples = [Example(each.trace, rng.normal(size=6)) for each in played if each.trace is not None]
            workers.accumulate(PolicyGradient(GRPO), [examples[i : i + 3] for i in range(0, 9, 3)], 100)
            gradients.append(torch.cat([parameter.grad.flatten() for parameter in local.model.parameters()]))
    assert turns[0] == turns[1]
    assert gradients[0].norm() > 0
    assert (gradients[0] - gradients[1]).norm() <= 1e-4 * gradients[0].norm()


@pytest.mark.slow
def test_an_error_in_a_worker_is_raised_as_what_it_is() -> None:
    local = small_local()
    broken = Rollouts(partial(make, "travel", horizon=0), Limits(20, 150))
    with (
        Workers(local.model, local.template, broken, count=2) as workers,
        pytest.raises(ConfigError, match="horizon=0 must be at least 1 turn"),
    ):
        workers.rollout([Request(TASKS[0], 1), Request(TASKS[1], 2)])
