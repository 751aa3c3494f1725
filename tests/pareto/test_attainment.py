"""The surface at level p bounds exactly what at least a share p of the sets attains."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from bao.pareto import Candidate, attainment_surfaces, frontier

SETS = np.array([[[0.2, 0.8], [0.6, 0.3]], [[0.3, 0.7], [0.6, 0.4]], [[0.2, 0.8], [0.5, 0.5]], [[0.1, 0.9], [0.7, 0.2]]])


def attained(corners: np.ndarray, goal: np.ndarray) -> bool:
    return bool((corners >= goal - 1e-9).all(axis=1).any())


def test_worked_surfaces_of_four_sets() -> None:
    best, half, all_of_them = attainment_surfaces(SETS, [0.25, 0.5, 1.0])
    assert best.tolist() == pytest.approx(np.array([[0.1, 0.9], [0.2, 0.8], [0.3, 0.7], [0.5, 0.5], [0.6, 0.4], [0.7, 0.2]]))
    assert half.tolist() == pytest.approx(np.array([[0.2, 0.8], [0.3, 0.5], [0.5, 0.4], [0.6, 0.3]]))
    assert all_of_them.tolist() == pytest.approx(np.array([[0.1, 0.7], [0.5, 0.2]]))


@given(
    st.tuples(st.integers(1, 7), st.integers(1, 4)).flatmap(
        lambda shape: arrays.arrays(np.int64, (*shape, 2), elements=st.integers(0, 10))
    ),
    st.sampled_from([0.2, 0.5, 0.9, 1.0]),
    st.tuples(st.integers(0, 10), st.integers(0, 10)),
)
def test_a_goal_lies_under_the_surface_if_and_only_if_enough_sets_attain_it(points, level, goal) -> None:
    """Counted set by set, on a grid that the rounding leaves alone."""
    (surface,) = attainment_surfaces(points / 10, [level], steps=10)
    aim = np.array(goal) / 10
    share = np.mean([attained(members / 10, aim) for members in points])
    assert attained(surface, aim) == (share >= level - 1e-9)


def test_rounding_never_promises_more_and_less_by_under_one_step() -> None:
    points = np.random.default_rng(0).random((50, 3, 2))
    (coarse,), (fine,) = (attainment_surfaces(points, [0.5], steps=steps) for steps in (20, 100_000))
    assert all(attained(fine, corner) for corner in coarse)
    assert all(attained(coarse, corner - 1 / 20) for corner in fine)


@pytest.mark.parametrize("shape", [(0, 3, 2), (4, 3, 3), (4, 2)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="are not"):
        attainment_surfaces(np.zeros(shape))


def made(label: str, series: str, score: float, effort: float, rng: np.random.Generator) -> Candidate:
    noise = rng.normal(0, 1, (2, 80))
    return Candidate.of_arrays(
        [f"t{i}" for i in range(80)],
        {"score": score + 0.1 * noise[0], "user_effort": effort + 0.5 * noise[1], "turns": np.full(80, 9.0)},
        label=label,
        series=series,
        gym="travel",
        horizon=12,
    )


def test_a_frontier_gives_its_surfaces_in_its_objectives_units() -> None:
    rng = np.random.default_rng(0)
    found = frontier([made("a", "s", 0.5, 2.0, rng), made("b", "s", 0.8, 5.0, rng)], resamples=300).to_json()["attainment"]
    assert found["levels"] == [0.025, 0.5, 0.975]
    optimistic, median, pessimistic = found["surfaces"]["s"]
    assert max(score for score, _ in median) == pytest.approx(0.8, abs=0.03)
    assert min(effort for _, effort in median) == pytest.approx(2.0, abs=0.2)
    assert max(score for score, _ in pessimistic) < max(score for score, _ in median) < max(score for score, _ in optimistic)
    assert min(effort for _, effort in pessimistic) > min(effort for _, effort in optimistic)


def test_three_objectives_have_no_surfaces() -> None:
    rng = np.random.default_rng(0)
    found = frontier([made("a", "s", 0.5, 2.0, rng)], ("score", "user_effort", "turns"), resamples=20)
    assert found.to_json()["attainment"]["surfaces"] == {}
