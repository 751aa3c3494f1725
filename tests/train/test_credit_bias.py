"""What each estimator trains towards, by exact enumeration: every group of a toy, weighted by its probability."""

import itertools
from functools import cache

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bao.train.credit import Estimator, Mixing, Scale
from bao.train.groups import Group
from bao.train.running import Running, mean_square
from bao.train.settings import CreditSection
from benchmarks.toy import Enumeration, Toy, ask_often, ask_once, ask_once_logits

Array = npt.NDArray[np.float64]
ASK = 1
"""Index of the logit of asking."""
DEFAULT, NONE, GROUP = CreditSection(), CreditSection(scale=Scale.NONE), CreditSection(scale=Scale.GROUP)
LATE = CreditSection(mixing=Mixing.LATE)
PUBLISHED = [each for each in Estimator if each != Estimator.GROUP_REWARD_TO_GO]
PRICES = (0.05, 0.25, 0.45, 0.65)
CHANCES = (0.4, 0.55, 0.7, 0.88, 0.97)
CELLS = [(p, w) for p, w in itertools.product(CHANCES, PRICES) if abs(p - w - 0.3) > 1e-9]
LONGER = ((0.5, 1.0), (0.4, 0.4, 1.0), (0.3, 0.7, 0.9))
"""What right answers pay after one, two, three questions."""


@cache
def enumeration(weight: float, size: int, credit: CreditSection, pays: tuple[float, ...] = ()) -> Enumeration:
    return Enumeration(ask_often(weight, pays) if pays else ask_once(weight), size, credit)


def cosine(a: Array, b: Array) -> float:
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))


def asks(found: Enumeration, right: float, rate: float = 1.0, steps: int = 60) -> float:
    """How often the policy asks after training from one half."""
    logits = found.train(ask_once_logits(0.5, right), ASK, steps=steps, rate=rate)
    return float(found.toy.policy(logits)[ASK])


# The default.


@pytest.mark.parametrize("credit", [DEFAULT, NONE, CreditSection(baseline="pooled")])
@pytest.mark.parametrize("size", [2, 3, 4])
def test_the_default_s_expected_gradient_is_the_objective_s(size: int, credit: CreditSection) -> None:
    for (right, weight), asking in itertools.product(CELLS, (0.1, 0.5, 0.9)):
        found, logits = enumeration(weight, size, credit), ask_once_logits(asking, right)
        assert cosine(found.gradient(logits), found.toy.objective_gradient(logits)) == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize("pays", LONGER)
@pytest.mark.parametrize("size", [2, 3, 4])
def test_so_it_is_in_longer_episodes_with_answers_that_pay_differently(size: int, pays: tuple[float, ...]) -> None:
    rng = np.random.default_rng(size)
    for weight in (0.0, 0.1, 0.3):
        found = enumeration(weight, size, DEFAULT, pays)
        for _ in range(5):
            logits = rng.normal(size=sum(map(len, found.toy.states)))
            exact = found.toy.objective_gradient(logits)
            np.testing.assert_allclose(found.gradient(logits), exact, atol=1e-12)
            biased = enumeration(weight, size, GROUP, pays).gradient(logits)
            assert size == 2 or cosine(biased, exact) < 1 - 1e-6


@given(st.floats(0.05, 0.95), st.floats(0.05, 0.95), st.floats(0.0, 0.7), st.floats(0.01, 10))
@settings(max_examples=30, deadline=None)
def test_a_known_scale_changes_its_length_alone(asking: float, right: float, weight: float, scale: float) -> None:
    found, logits = Enumeration(ask_once(weight), 3, DEFAULT), ask_once_logits(asking, right)
    running = Running({"return": scale**2}, 1.0).scaled(found.groups)
    credits = np.array([found.credits(i, group.advantages) for i, group in enumerate(running)])
    gradient = np.einsum("c,cmt,mtk->k", found.chances(logits), credits, found.toy.score_functions(logits))
    np.testing.assert_allclose(gradient * scale, found.toy.objective_gradient(logits), atol=1e-12)


@pytest.mark.parametrize("size", [2, 3, 4])
def test_training_along_it_ends_on_the_right_side_everywhere(size: int) -> None:
    for right, weight in CELLS:
        assert (asks(enumeration(weight, size, DEFAULT), right) > 0.5) == (right - weight > 0.3), (right, weight)


def step_gradient(toys: tuple[Toy, Toy], logits: Array, *, own: bool) -> tuple[Array, Array]:
    """The expected gradients [choices] of the two groups of a first step: each scaled by the other one, or by both (`own`)."""
    first, second = (Enumeration(toy, 2, DEFAULT) for toy in toys)
    totals = np.zeros((2, len(logits)))
    pairs = itertools.product(range(len(first.groups)), range(len(second.groups)))
    chances = np.outer(first.chances(logits), second.chances(logits))
    for i, j in pairs:
        groups: list[Group] = [first.groups[i], second.groups[j]]
        both = mean_square("return", groups)
        running = Running({"return": both} if own and both is not None else {})
        for total, found, index, group in zip(totals, (first, second), (i, j), running.scaled(groups), strict=True):
            credits = found.credits(index, group.advantages)
            total += chances[i, j] * np.einsum("mt,mtk->k", credits, found.toy.score_functions(logits))
    return totals[0], totals[1]


def test_in_the_first_step_other_groups_give_the_scale_and_the_gradient_stays_true() -> None:
    toys, logits = (ask_once(0.45), ask_once(0.1)), ask_once_logits(0.4, 0.7)
    for toy, gradient in zip(toys, step_gradient(toys, logits, own=False), strict=True):
        assert cosine(gradient, toy.objective_gradient(logits)) == pytest.approx(1.0, abs=1e-9)


def test_a_scale_over_all_groups_of_the_step_would_bend_it() -> None:
    toys, logits = (ask_once(0.45), ask_once(0.1)), ask_once_logits(0.4, 0.7)
    gradient, exact = step_gradient(toys, logits, own=True)[0], toys[0].objective_gradient(logits)
    assert cosine(gradient, exact) < 0.995
    assert gradient[ASK] / exact[ASK] < gradient[2] / exact[2] / 10, (
        "asking is hardly held back any more, being right is learned"
    )


# The others, on the numbers that show it.


def test_the_group_s_scale_turns_the_sign_at_a_high_price() -> None:
    logits = ask_once_logits(1 / (1 + np.exp(2)), 1 / (1 + np.exp(-2)))  # asks .12, is right .88
    exact, group = (enumeration(0.6, 4, credit).gradient(logits)[ASK] for credit in (DEFAULT, GROUP))
    assert (exact, group) == (pytest.approx(-0.0020, abs=5e-5), pytest.approx(0.030, abs=5e-4))


@pytest.mark.parametrize(("weight", "truth", "group", "grpo"), [(0.45, 0.11, 0.96, 0.93), (0.65, 0.02, 0.93, 0.88)])
def test_worked_ends_of_training(weight: float, truth: float, group: float, grpo: float) -> None:
    """Unscaled advantages are about a quarter of scaled ones, hence the rate."""
    assert asks(enumeration(weight, 4, NONE), 0.7, rate=4.0) == pytest.approx(truth, abs=0.005)
    assert asks(enumeration(weight, 4, GROUP), 0.7) == pytest.approx(group, abs=0.005)
    assert asks(enumeration(weight, 4, CreditSection(estimator="trajectory")), 0.7) == pytest.approx(grpo, abs=0.006)
    assert asks(enumeration(weight, 4, DEFAULT), 0.7) < 0.2


@pytest.mark.parametrize("credit", [GROUP, *(CreditSection(estimator=each) for each in PUBLISHED)], ids=str)
def test_every_other_estimator_ends_on_the_wrong_side_somewhere(credit: CreditSection) -> None:
    wrong = [cell for cell in CELLS if (asks(enumeration(cell[1], 4, credit), cell[0]) > 0.5) != (cell[0] - cell[1] > 0.3)]
    assert wrong


# Several objectives.


def test_late_mixing_follows_the_objective_at_another_price() -> None:
    for (right, weight), asking in itertools.product(CELLS, (0.1, 0.5, 0.9)):
        found, logits = enumeration(weight, 3, LATE), ask_once_logits(asking, right)
        scales = {name: square**0.5 for name, square in found.mean_squares(logits).items()}
        assert scales.keys() == {"task_reward", "user_effort"}
        effective = weight * scales["task_reward"] / scales["user_effort"]
        exact = found.toy.objective_gradient(logits, effective)
        np.testing.assert_allclose(found.gradient(logits, scales) * scales["task_reward"], exact, atol=1e-12)


def test_late_mixing_rests_between_asking_and_not_near_the_border() -> None:
    found = enumeration(0.55, 4, LATE)
    assert (
        asks(found, 0.9, steps=400) == pytest.approx(asks(found, 0.9, steps=200), abs=0.005) == pytest.approx(0.88, abs=0.005)
    )


def test_with_one_scale_for_all_objectives_late_mixing_is_mixing_first() -> None:
    for late, first in zip(enumeration(0.45, 4, LATE).groups, enumeration(0.45, 4, DEFAULT).groups, strict=True):
        np.testing.assert_allclose(late.advantages, first.advantages, atol=1e-12)
