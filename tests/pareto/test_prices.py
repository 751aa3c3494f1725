"""The best behaviour at each price is found, the range of prices is finite, and prices are spread where behaviours differ."""

import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bao.pareto.prices import CEILING, NEGLIGIBLE, SILENCE, PriceRange, price_range, same_interval, spread

SHOP = {"ask_all": (1.0, 2.5), "never_ask": (0.48, 1.0)}
"""A shop where asking pays .52 for 1.5 turns, and guessing .48 for one."""

points = st.dictionaries(
    st.sampled_from("abcdef"), st.tuples(st.floats(-0.5, 1, width=32), st.floats(0, 12, width=32)), max_size=6
)


def names(found: PriceRange) -> list[str]:
    return [reign.name for reign in found.reigns]


def test_behaviours_change_hands_where_their_lines_cross() -> None:
    found = price_range(SHOP)
    assert names(found) == ["ask_all", "never_ask", SILENCE]
    assert found.breakpoints == pytest.approx((0.52 / 1.5, 0.48))
    assert found.largest == pytest.approx(0.48)
    assert found.value(0.2) == pytest.approx(1 - 0.2 * 2.5)
    assert found.value(0.4) == pytest.approx(0.48 - 0.4)
    assert found.value(0.7) == 0


def test_a_behaviour_below_the_others_never_reigns() -> None:
    # Travel: guessing is worth less than asking wherever either pays.
    assert names(price_range({"ask_needed": (1.0, 5.99), "never_ask": (0.494, 3.5)})) == ["ask_needed", SILENCE]


@pytest.mark.parametrize(
    ("given", "best", "largest"),
    [
        ({}, SILENCE, 0.0),
        ({"mute": (0.0, 0.0)}, SILENCE, 0.0),
        ({"wastes": (0.0, 3.0)}, SILENCE, 0.0),
        ({"harms": (-0.5, 0.0), "harms and asks": (-0.1, 2.0)}, SILENCE, 0.0),
        ({"free": (0.7, 0.0)}, "free", 0.0),
        ({"free": (0.7, 0.0), "asks for nothing": (0.7, 2.0)}, "free", 0.0),
        ({"asks": (1.0, 4.0)}, "asks", 0.25),
        ({"asks": (1.0, 4.0), "free": (0.6, 0.0)}, "asks", 0.1),
        ({"asks of few": (0.9, 0.2)}, "asks of few", CEILING),
        ({"asks of few": (0.9, 0.2), "asks": (1.0, 1.2), "free": (0.1, 0.0)}, "asks", CEILING),
    ],
)
def test_the_range_is_finite_in_every_case(given: dict[str, tuple[float, float]], best: str, largest: float) -> None:
    found = price_range(given)
    assert found.best(0.0).name == best
    assert found.largest == pytest.approx(largest)
    assert found.reigns[-1].user_effort == 0
    assert found.best(1e6).name == found.reigns[-1].name


@given(points)
def test_the_envelope_is_the_greatest_of_all_lines_up_to_the_ceiling(given: dict[str, tuple[float, float]]) -> None:
    found = price_range(given)
    lines = [*given.values(), (0.0, 0.0)]
    for price in (0.0, 0.013, 0.1, 0.25, 0.5, 0.99, *found.breakpoints):
        if price < CEILING:
            assert found.value(price) == pytest.approx(max(r - price * u for r, u in lines), abs=1e-6)
    assert 0 <= found.largest <= CEILING
    efforts = [reign.user_effort for reign in found.reigns]
    assert efforts == sorted(efforts, reverse=True)
    assert efforts[-1] == 0
    assert all(a.high == b.low for a, b in pairwise(found.reigns))
    assert found.reigns[-1].high == math.inf


@given(points, st.integers(1, 12))
def test_every_wide_interval_holds_a_whole_percent_below_the_largest_price(
    given: dict[str, tuple[float, float]], count: int
) -> None:
    found = price_range(given)
    prices = found.spread(count)
    assert prices[0] == 0
    assert list(prices) == sorted(set(prices))
    assert all(price == round(100 * price) / 100 for price in prices)
    assert all(price < found.largest for price in prices[1:])
    for low, high in pairwise((0.0, *found.breakpoints)):
        whole = [each for each in range(101) if low + 1e-9 < each / 100 < high - 1e-9]
        if whole and high - low >= NEGLIGIBLE * found.largest:
            assert any(low <= price < high for price in prices)
    if len(prices) < count:
        whole = [each for each in range(1, 101) if each / 100 < found.largest - 1e-9]
        inside = [each for each in whole if all(abs(each / 100 - point) > 1e-9 for point in found.breakpoints)]
        assert len(prices) == 1 + len(inside)


def test_prices_are_spread_over_the_intervals_by_their_width() -> None:
    assert price_range(SHOP).spread(5) == (0.0, 0.08, 0.17, 0.26, 0.41)
    assert spread((0.5,), 0.5, 5) == (0.0, 0.1, 0.2, 0.3, 0.4)
    assert spread((0.1, 0.11, 0.5), 0.5, 2) == (0.0, 0.31)
    assert spread((), 0.0, 5) == (0.0,)
    # Three intervals want three prices, whatever was asked for; a range of two percents has but two.
    assert len(spread((0.1, 0.3, 0.5), 0.5, 1)) == 3
    assert spread((0.02,), 0.02, 5) == (0.0, 0.01)
    with pytest.raises(ValueError, match="count=0"):
        spread((), 0.5, 0)


def test_prices_between_which_nothing_changes_hands_are_told() -> None:
    found = price_range(SHOP)
    assert same_interval((0.0, 0.1, 0.2), found.breakpoints)
    assert not same_interval((0.0, 0.4), found.breakpoints)
    assert same_interval((0.36, 0.47), found.breakpoints)
    assert same_interval((0.5, 0.9), found.breakpoints)
    assert not same_interval((0.4, 0.48), found.breakpoints)


@pytest.mark.parametrize("point", [(math.nan, 1.0), (1.0, math.inf), (1.0, -1.0)])
def test_what_is_no_point_is_refused(point: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="odd"):
        price_range({"odd": point})


def test_many_behaviours_are_spread_by_their_effort() -> None:
    """Effort falls from 5 to 1 within a third of the range: evenly spread prices would see only its two ends."""
    steps = {f"b{u}": (0.05 + 0.2 * u - 0.01 * u * u, float(u)) for u in range(1, 6)}
    found = price_range(steps)
    prices = found.spread_by_effort(5)
    assert prices[0] == 0.0
    assert len(prices) == 5
    efforts = [found.best(price).user_effort for price in prices]
    assert efforts == sorted(efforts, reverse=True)
    assert max(found.spread_by_effort(5, most=0.12)) == 0.12
    assert len(set(efforts)) >= 4 > len({found.best(price).user_effort for price in found.spread(5)})


@settings(max_examples=80, deadline=None)
@given(st.dictionaries(st.text(min_size=1, max_size=3), st.tuples(st.floats(0, 1), st.floats(0, 16))), st.integers(1, 8))
def test_spread_by_effort_keeps_to_the_range(points: dict[str, tuple[float, float]], count: int) -> None:
    found = price_range(points)
    prices = found.spread_by_effort(count)
    assert prices[0] == 0.0
    assert len(prices) <= count
    assert list(prices) == sorted(set(prices))
    assert all(price == 0 or price < found.largest for price in prices)
    assert all(abs(100 * price - round(100 * price)) < 1e-9 for price in prices)


def test_small_steps_are_marked_where_they_add_up() -> None:
    found = price_range({"all": (1.0, 4.0), "most": (0.97, 3.7), "half": (0.6, 2.0), "least": (0.4, 1.0)})
    assert found.marked(0.0) == found.breakpoints
    assert len(found.marked(0.2)) == len(found.breakpoints) - 1
    assert found.marked(0.2)[-1] == found.breakpoints[-1]
