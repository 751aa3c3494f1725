"""Hypervolume on convex hulls: what a coin between operating points reaches, whatever the number of points."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bao.pareto import Candidate, frontier, hull_hypervolumes, hypervolumes
from bao.pareto.hull import upper_hull

POINTS = arrays(float, st.tuples(st.integers(1, 7), st.just(2)), elements=st.integers(-2, 6).map(lambda value: value / 4))
"""Few values, so that ties, duplicates and points on a line are common; some beyond the reference (0) or the ideal (1)."""


def volume(points: object) -> float:
    return float(hull_hypervolumes(np.asarray(points, dtype=float)[None])[0])


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ([(0.5, 0.5)], 0.25),  # one point is its box
        ([(0.0, 1.0), (1.0, 0.0)], 0.5),  # the staircase of these ends is empty, their coin reaches the whole triangle
        ([(0.25, 0.75), (0.75, 0.25)], 0.4375),  # .25 x .75 + a trapezium of .5 by (.75 + .25) / 2
        ([(0.25, 0.75), (0.5, 0.25), (0.75, 0.25)], 0.4375),  # the middle one lies under the chord
        ([(0.25, 0.75), (0.6, 0.6), (0.75, 0.25)], 0.1875 + 0.35 * 0.675 + 0.15 * 0.425),  # and here above it
        ([(-0.5, 1.0), (0.5, 0.0)], 0.125),  # a point beyond the reference takes part in mixtures
        ([(1.0, 1.5), (1.5, 1.0)], 1.0),
        ([(-1.0, 1.0), (-0.5, 0.5)], 0.0),
        ([(0.0, 1.5), (1.0, 0.5)], 0.5 + 0.5 * 0.75),  # cut off at the ideal
    ],
)
def test_worked_volumes(points: list[tuple[float, float]], expected: float) -> None:
    assert volume(points) == pytest.approx(expected)


@given(points=POINTS, data=st.data())
@settings(deadline=None)
def test_the_hull_holds_the_staircase_grows_with_points_and_ignores_their_order(
    points: np.ndarray, data: st.DataObject
) -> None:
    whole = volume(points)
    assert float(hypervolumes(points[None])[0]) - 1e-12 <= whole <= 1 + 1e-12
    assert volume(points[: data.draw(st.integers(1, len(points)))]) <= whole + 1e-12
    assert volume(points[data.draw(st.permutations(range(len(points))))]) == pytest.approx(whole, abs=1e-12)


@given(points=POINTS, share=st.floats(0, 1), data=st.data())
@settings(deadline=None)
def test_a_point_on_a_chord_adds_nothing(points: np.ndarray, share: float, data: st.DataObject) -> None:
    one, other = (points[data.draw(st.integers(0, len(points) - 1))] for _ in range(2))
    more = np.vstack([points, share * one + (1 - share) * other])
    assert volume(more) == pytest.approx(volume(points), abs=1e-9)


@given(points=POINTS)
@settings(deadline=None)
def test_no_mixture_dominates_a_corner_and_slopes_fall(points: np.ndarray) -> None:
    corners = upper_hull(points)
    assert {tuple(corner) for corner in corners} <= {tuple(point) for point in points}
    slopes = np.diff(corners[:, 1]) / np.diff(corners[:, 0])
    assert (np.diff(corners[:, 0]) > 0).all()
    assert (slopes < 0).all()
    assert (np.diff(slopes) < 0).all()


def test_other_shapes_are_refused() -> None:
    for shape in ((3, 2), (1, 3, 3), (1, 0, 2)):
        with pytest.raises(ValueError, match="not \\[sets, points, 2\\]"):
            hull_hypervolumes(np.zeros(shape))


# On the frontier.


def candidate(label: str, series: str, score: float, effort: float, noise: float = 0.1, **more: float) -> Candidate:
    lift = np.linspace(-noise, noise, 40)
    values = {"score": score + lift, "user_effort": effort - lift, **{name: lift + value for name, value in more.items()}}
    return Candidate.of_arrays([f"t{i}" for i in range(40)], values, label=label, series=series, gym="g", horizon=10)


def test_many_points_on_a_chord_do_better_by_the_staircase_and_no_better_by_the_hull() -> None:
    ends = [candidate(f"e{share}", "ends", 0.2 + 0.6 * share, 2 + 5 * share) for share in (0, 1)]
    many = [candidate(f"m{share}", "many", 0.2 + 0.6 * share, 2 + 5 * share) for share in (0, 0.25, 0.5, 0.75, 1)]
    found = frontier([*ends, *many], unions=[("ends", "many")], resamples=200)
    assert found.hypervolume["many"].mean > found.hypervolume["ends"].mean + 0.05
    for series in ("ends", "many", "ends + many"):
        assert found.hull_hypervolume[series].mean == pytest.approx(0.2 * 0.8 + 0.6 * (0.8 + 0.3) / 2)
        assert found.hull_hypervolume[series].to_json() == pytest.approx(found.hull_hypervolume["ends"].to_json())
    first = found.hull_hypervolume_differences[0]
    assert (first.a, first.b) == ("ends", "many")
    assert (first.difference.low, first.difference.high) == pytest.approx((0, 0), abs=1e-9)


def test_more_than_two_objectives_have_no_hull() -> None:
    found = frontier([candidate("a", "s", 0.5, 3, turns=4.0)], ("score", "user_effort", "turns"), resamples=100)
    assert found.hull_hypervolume == {}
    assert found.hull_hypervolume_differences == ()
    assert found.to_json()["hull_hypervolume"] == {}
