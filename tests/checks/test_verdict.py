"""The verdict on a model: worked numbers, and each limit with what is on either side of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bao.checks.verdict import Outcome, judge_outcomes, wilson


def answers(label: str, right: int, wrong: int, yes: bool | None = None, **more: object) -> list[Outcome]:
    """So many right and wrong ones; where `yes` is right, or not, the wrong ones said the contrary."""
    found = [(True, yes)] * right + [(False, None if yes is None else not yes)] * wrong
    return [Outcome(f"{label} {i}", label, "", ok, wanted_yes=yes, yes=said, **more) for i, (ok, said) in enumerate(found)]  # type: ignore[arg-type]


def test_wilsons_interval_worked() -> None:
    assert wilson(8, 10) == (pytest.approx(0.4902, abs=1e-4), pytest.approx(0.9433, abs=1e-4))
    assert wilson(0, 10) == (0, pytest.approx(0.2775, abs=1e-4))


@given(st.integers(0, 50), st.integers(1, 50))
def test_the_interval_holds_the_share_and_mirrors(right: int, count: int) -> None:
    right = min(right, count)
    low, high = wilson(right, count)
    assert 0 <= low <= right / count + 1e-12
    assert right / count - 1e-12 <= high <= 1
    assert wilson(count - right, count) == (pytest.approx(1 - high), pytest.approx(1 - low))


def test_accuracy_is_the_mean_over_classes_that_are_not_tiny() -> None:
    found = judge_outcomes([*answers("common", 90, 0), *answers("rare", 5, 5), *answers("tiny", 0, 1)])
    assert found.accuracy == pytest.approx((1 + 0.5) / 2)
    assert found.classes["tiny"]["right"] == 0
    assert found.fit


def test_yes_bias_worked() -> None:
    found = judge_outcomes([*answers("yes", 18, 2, True), *answers("no", 14, 6, False)])
    assert found.yes == {
        "said": pytest.approx(24 / 40),
        "right": 0.5,
        "bias": pytest.approx(0.1),
        "of_wrong": pytest.approx(6 / 8),
    }
    assert found.fit


@pytest.mark.parametrize(
    ("fits", "does_not", "why"),
    [
        (answers("a", 75, 25), answers("a", 74, 26), "accuracy 0.74 is below 0.75"),
        (answers("a", 50, 50, worded=True), answers("a", 49, 51, worded=True), "only 49%"),
        (
            [*answers("yes", 50, 0, True), *answers("no", 35, 15, False)],
            [*answers("yes", 50, 0, True), *answers("no", 34, 16, False)],
            "says yes in 66%, oftener than is right",
        ),
        (
            [*answers("a", 95, 0), *answers("a", 0, 5, fault="user_malformed")],
            [*answers("a", 94, 0), *answers("a", 0, 6, fault="user_malformed")],
            "6% of the questions end in a fault",
        ),
        (
            [*answers("a", 90, 0), *answers("a", 10, 0, leaks=1)],
            [*answers("a", 89, 0), *answers("a", 11, 0, leaks=1)],
            "leaks at 11%",
        ),
    ],
)
def test_each_limit(fits: list[Outcome], does_not: list[Outcome], why: str) -> None:
    assert judge_outcomes(fits).reasons == ()
    (reason,) = judge_outcomes(does_not).reasons
    assert why in reason


def test_what_broke_is_counted_and_said_neither_yes_nor_no() -> None:
    broken = answers("yes", 0, 2, True, fault="user_malformed", malformed=2, replies=2, seconds=3.0)
    found = judge_outcomes([*answers("yes", 1, 0, True, seconds=0.5), *broken])
    assert (found.faults, found.malformed, found.replies) == ({"user_malformed": 2}, 4, 5)
    assert found.yes is not None
    assert (found.yes["said"], found.yes["right"]) == (1, 1)
    assert found.seconds == {"median": 1.5, "most": 1.5}
    assert found.to_json()["fit"] is False


def test_nothing_gives_no_verdict() -> None:
    with pytest.raises(ValueError, match="no outcome"):
        judge_outcomes([])
