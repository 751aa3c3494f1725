"""The next price goes where the frontier has room: worked numbers, laws, and searches of frontiers that are known."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bao.pareto import hull_hypervolumes
from bao.pareto.search import NextPrice, expected_gains, next_price

Curve = Callable[[float], tuple[float, float]]
"""The true (R, U) of the best policy at a price."""


def sure(*points: tuple[float, float]) -> np.ndarray:
    """Points that are known exactly."""
    return np.array(points)[None]


def decided(prices: Sequence[float], cloud: np.ndarray) -> NextPrice:
    found = next_price(prices, cloud)
    assert found is not None
    return found


# Worked numbers.


def test_the_first_price_between_two_ends_is_the_slope_of_their_chord() -> None:
    # The chord from (R, U) = (1, 5) to (.2, 1) has the slope .2. The tangents R = 1 (of w = 0) and R = .2 + .4 (U - 1) meet at
    # U = 3, where the chord is at .6: a triangle 4 wide and 1 - .6 = .4 high.
    found = decided((0.0, 0.4), sure((1.0, 5.0), (0.2, 1.0)))
    assert found.price == pytest.approx(0.2)
    assert found.gains[0.2] == pytest.approx(4 * 0.4 / 2)
    # J is 1 at w = 0 and -.2 at .4: at .1 their chord is .7, and E is max(1 - .5, .2 - .1) = .5.
    assert found.gains[0.1] == pytest.approx(4 * 0.2 / 2)
    assert not found.by_width
    assert len(found.gains) == 39


def test_the_gain_is_the_triangle_that_the_hull_would_gain_with_the_apex() -> None:
    ends = [(1.0, 5.0), (0.2, 1.0)]

    def area(*points: tuple[float, float]) -> float:
        return float(hull_hypervolumes(np.array([[(r, 1 - u / 10) for r, u in points]]))[0])

    gain = decided((0.0, 0.4), sure(*ends)).gains[0.2]
    assert 10 * (area(*ends, (1.0, 3.0)) - area(*ends)) == pytest.approx(gain)


def test_the_wider_of_two_rooms_is_chosen_and_its_nearest_neighbour_named() -> None:
    found = decided((0.0, 0.1, 0.5), sure((1.0, 6.0), (0.95, 5.0), (0.1, 1.0)))
    assert 0.1 < found.price < 0.5
    assert found.nearest == 0.1
    assert decided((0.0, 0.4), sure((1.0, 5.0), (0.2, 1.0))).nearest == 0.0  # equally near: the lower


def test_a_policy_that_is_no_better_at_its_own_price_leaves_room_by_width_alone() -> None:
    # The sparing end earns less at its own price than the generous one: what is known there is the generous point.
    found = decided((0.0, 0.1, 0.4), sure((1.0, 2.0), (1.0, 2.0), (0.0, 1.0)))
    assert set(found.gains.values()) == {0.0}
    assert found.by_width
    assert found.price == 0.25


def test_nothing_is_left_where_every_percent_between_is_taken() -> None:
    assert next_price((0.0, 0.01, 0.02), sure((1, 3), (0.9, 2), (0.5, 1))) is None
    assert decided((0.0, 0.02), sure((1, 3), (0.9, 2))).price == 0.01


def test_uncertain_points_share_their_doubt_among_prices() -> None:
    """Half of the resamples put the knee at one place, half at another; what is chosen is good in the mean."""
    prices, one, other = (0.0, 0.4), [(1.0, 5.0), (0.2, 1.0)], [(1.0, 5.0), (0.8, 1.0)]
    cloud = np.array([one, other])
    at = [0.05, 0.2]
    halves = [expected_gains(prices, sure(*each), at) for each in (one, other)]
    assert expected_gains(prices, cloud, at) == pytest.approx(np.mean(halves, axis=0))


def test_wrong_shapes_are_refused() -> None:
    for prices, cloud in [((0.1,), sure((1, 1))), ((0.0, 0.1), sure((1, 1))), ((0.0, 0.1), np.zeros((0, 2, 2)))]:
        with pytest.raises(ValueError, match="two prices at least"):
            next_price(prices, cloud)


@given(
    points=st.lists(st.tuples(st.floats(0, 1), st.floats(0, 8)), min_size=2, max_size=5),
    order=st.randoms(use_true_random=False),
)
def test_gains_are_none_below_zero_and_do_not_depend_on_the_order(points: list[tuple[float, float]], order: object) -> None:
    prices = [round(0.1 * place, 2) for place in range(len(points))]
    found = decided(prices, sure(*points))
    mixed = list(zip(prices, points, strict=True))
    order.shuffle(mixed)  # type: ignore[attr-defined]
    again = decided([price for price, _ in mixed], sure(*(point for _, point in mixed)))
    assert min(found.gains.values()) >= 0
    assert found.price not in prices
    assert min(prices) < found.price < max(prices)
    assert again.gains == pytest.approx(found.gains)


# Whole searches.


def exponential(price: float) -> tuple[float, float]:
    """R = 1 - exp(-U / 2), U at most 10."""
    effort = min(10.0, -2 * math.log(2 * price)) if price > 0 else 10.0
    effort = max(0.0, effort)
    return 1 - math.exp(-effort / 2), effort


def parabola(price: float) -> tuple[float, float]:
    """R = U / 5 (2 - U / 10) / 2: effort falls evenly with the price, so even steps in price are the best there are."""
    effort = max(0.0, 10 - 50 * price)
    return effort / 5 * (2 - effort / 10) / 2, effort


def knee(price: float) -> tuple[float, float]:
    """Between .016 and .096 a behaviour is best that earns nearly all at a third of the effort."""
    return max(((1.0, 8.0), (0.92, 3.0), (0.65, 0.2)), key=lambda point: point[0] - price * point[1])


def corner(price: float) -> tuple[float, float]:
    """Behaviours change hands at .02, .12, and at 1.2, beyond the prices searched."""
    return max(((1.0, 8.0), (0.9, 3.0), (0.6, 0.5), (0.0, 0.0)), key=lambda point: point[0] - price * point[1])


def search(curve: Curve, ends: tuple[float, float], count: int, rng: np.random.Generator, noise: float) -> list[float]:
    """The prices that a search tries, each point being seen with a noise in R and U."""
    prices, seen = list(ends), [np.array(curve(price)) + noise * rng.normal(size=2) * (1, 5) for price in ends]
    while len(prices) < count:
        cloud = np.array(seen) + noise * rng.normal(size=(200, len(seen), 2)) * (1, 5)
        prices.append(decided(prices, cloud).price)
        seen.append(np.array(curve(prices[-1])) + noise * rng.normal(size=2) * (1, 5))
    return prices


def reached(curve: Curve, prices: Sequence[float]) -> float:
    """The true hull's hypervolume, with U up to 10."""
    points = np.array([curve(price) for price in prices])
    return float(hull_hypervolumes(np.column_stack([points[:, 0], 1 - points[:, 1] / 10])[None])[0])


def compared(curve: Curve, ends: tuple[float, float], count: int, noise: float, seeds: int = 20) -> tuple[float, float]:
    """The mean over seeds of what a search reaches, and what as many prices evenly apart do."""
    found = [reached(curve, search(curve, ends, count, np.random.default_rng(seed), noise)) for seed in range(seeds)]
    return float(np.mean(found)), reached(curve, np.linspace(*ends, count).tolist())


@pytest.mark.parametrize("noise", [0.0, 0.01])
@pytest.mark.parametrize("count", [4, 5, 7])
def test_a_search_reaches_what_a_grid_of_as_many_prices_does_on_a_smooth_frontier(count: int, noise: float) -> None:
    adaptive, grid = compared(exponential, (0.0, 0.5), count, noise)
    assert adaptive >= grid


@pytest.mark.parametrize("noise", [0.0, 0.01])
@pytest.mark.parametrize("curve", [knee, corner])
def test_a_search_finds_a_sharp_knee_that_a_grid_steps_over(curve: Curve, noise: float) -> None:
    adaptive, grid = compared(curve, (0.0, 0.5), 4, noise)
    assert adaptive > grid + 0.01


def test_where_even_steps_are_best_a_search_halves_into_them() -> None:
    prices = search(parabola, (0.0, 0.2), 5, np.random.default_rng(0), 0.0)
    assert sorted(prices) == pytest.approx([0.0, 0.05, 0.1, 0.15, 0.2])
