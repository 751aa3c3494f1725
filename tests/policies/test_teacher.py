"""What teachers draw: propensities, and a choice by them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bao.gyms.registry import make
from bao.policies.prompt import PromptForm, system_text, told_price
from bao.policies.teacher import SELDOM, Disposition, propensities, thought

CHOICES = ("ask", "guess", "stop")


def drawn(count: int = 4000, **how: tuple[str, ...]) -> list[dict[str, float]]:
    return [propensities(np.random.default_rng(seed), CHOICES, **how) for seed in range(count)]


@given(st.integers(0, 2**32), st.integers(1, 6))
def test_propensities_are_probabilities_of_each_choice_in_order(seed: int, number: int) -> None:
    choices = [f"c{place}" for place in range(number)]
    found = propensities(np.random.default_rng(seed), choices)
    assert list(found) == choices
    assert sum(found.values()) == pytest.approx(1)
    assert all(share >= 0 for share in found.values())
    assert found == propensities(np.random.default_rng(seed), choices)


def test_each_choice_is_always_taken_in_some_episodes_never_in_others_and_at_any_rate_between() -> None:
    """With three choices an episode is open to one, two or three of them, a third of the episodes each."""
    for choice in CHOICES:
        shares = np.array([found[choice] for found in drawn()])
        assert (shares == 1).mean() == pytest.approx(1 / 9, abs=0.02)
        assert (shares == 0).mean() == pytest.approx(1 / 3, abs=0.03)  # of those open to one, 2 / 3; to two, 1 / 3
        between = shares[(shares > 0) & (shares < 1)]
        assert np.histogram(between, 5, (0, 1))[0].min() > 0.02 * len(shares)
        assert shares.mean() == pytest.approx(1 / 3, abs=0.02)


def test_what_is_to_be_seldom_is_open_to_few_episodes_and_still_always_taken_in_some() -> None:
    found = drawn(seldom=("stop",))
    open_ = [each["stop"] > 0 for each in found]
    assert 0 < np.mean(open_) < SELDOM
    assert any(each["stop"] == 1 for each in found)
    assert propensities(np.random.default_rng(0), ("stop",), seldom=("stop",)) == {"stop": 1.0}


def test_nothing_to_choose_from_is_an_error() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="name at least one"):
        propensities(rng, ())
    with pytest.raises(ValueError, match="holds none of the choices"):
        Disposition(rng, ("ask",)).choose("here", ["stop"])


def rates(seed: int, situations: int = 6, times: int = 200) -> list[dict[str, float]]:
    """How often an episode makes each choice, situation by situation."""
    disposition = Disposition(np.random.default_rng(seed), CHOICES)
    chosen = [[disposition.choose(place, CHOICES) for _ in range(times)] for place in range(situations)]
    return [{choice: row.count(choice) / times for choice in CHOICES} for row in chosen]


def test_half_of_the_episodes_are_of_one_mind_and_half_of_another_in_each_situation() -> None:
    spread = np.array([np.ptp([rate["ask"] for rate in rates(seed)]) for seed in range(200)])
    assert (spread < 0.25).mean() == pytest.approx(0.5, abs=0.1)
    assert (spread > 0.5).mean() > 0.35


def test_only_what_there_is_is_chosen_and_by_the_same_chances() -> None:
    for seed in range(40):
        disposition = Disposition(np.random.default_rng(seed), CHOICES)
        free = [disposition.choose("here", CHOICES) for _ in range(2000)]
        some = [disposition.choose("here", ("ask", "stop")) for _ in range(2000)]
        assert "guess" not in some
        asks, stops = free.count("ask"), free.count("stop")
        if asks + stops > 400:
            assert some.count("ask") / 2000 == pytest.approx(asks / (asks + stops), abs=0.1)
        elif asks + stops == 0:  # apt to guess alone
            assert some.count("ask") / 2000 == pytest.approx(0.5, abs=0.06)


@pytest.mark.parametrize("form", list(PromptForm))
def test_the_price_is_read_as_it_is_told(form: PromptForm) -> None:
    gym = make("search")
    assert told_price(system_text(gym, form, 0.15)) == 0.15
    assert told_price(system_text(gym, form, None)) is None


def test_clauses_are_joined_with_the_decision_last() -> None:
    assert thought("know a", "2 left", "ask") == "know a | 2 left | ask"
