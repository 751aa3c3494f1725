"""The scripts that do what pays at the price they are told, where a gym's rules say what that is."""

from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bao.action import ActionKind
from bao.gyms.registry import gym_class, gym_names
from bao.gyms.search import teacher as search
from bao.gyms.telepathy import teacher as telepathy
from bao.gyms.telepathy.tree import node
from bao.policies.prompt import PromptForm, system_text
from bao.rollout.episode import play
from bao.task import Split
from bao.trajectory import Trajectory

RATIONAL = [name for name in gym_names() if "rational" in gym_class(name).scripted_policies()]
PRICES = (0.0, 0.05, 0.12, 0.2, 0.4, 0.6, 0.8)

each_gym = pytest.mark.parametrize("name", RATIONAL)


@cache
def played(name: str, policy: str, price: float, split: Split = Split.TEST) -> tuple[Trajectory, ...]:
    gym = gym_class(name)()
    make, system = gym.scripted_policies()[policy], system_text(gym, PromptForm.BRIEF, price)
    tasks = gym.task_set(split, None, gym.source.levels[:1])
    return tuple(play(gym, make(gym, place), task, place, system=system) for place, task in enumerate(tasks))


def worth(episodes: tuple[Trajectory, ...], price: float) -> float:
    """The mean of R - wU."""
    return float(np.mean([episode.task_return - price * episode.user_effort for episode in episodes]))


def test_search_and_telepathy_have_one() -> None:
    assert {"search", "telepathy"} <= set(RATIONAL)


@each_gym
def test_it_is_worth_more_than_any_other_script_and_than_silence_at_each_price(name: str) -> None:
    others = set(gym_class(name).scripted_policies()) - {"oracle", "rational", "teacher", "random"}
    for price in PRICES:
        best = max(0.0, *(worth(played(name, other, 0.0), price) for other in others))
        assert worth(played(name, "rational", price), price) >= best - 0.02, price


@each_gym
def test_it_involves_the_user_less_the_more_that_costs_and_thinks_nothing(name: str) -> None:
    efforts = [np.mean([episode.user_effort for episode in played(name, "rational", price)]) for price in PRICES]
    assert all(more >= less for more, less in pairwise(efforts))
    assert len({round(float(effort), 2) for effort in efforts}) >= 3
    assert all(turn.thinking == "" for turn in played(name, "rational", 0.05)[0].turns)


def test_what_search_is_worth_in_numbers() -> None:
    """Of two, guessing on takes 1.5 turns in the mean and asking 2; of four 2.5 and 2."""
    ask, try_, stop = search.Choice.ASK, search.Choice.TRY, search.Choice.STOP
    for left, turns in ((1, 1.0), (2, 1.5), (3, 2.0)):
        found = search.values(left, 0.1, 0.1, True)
        assert found == pytest.approx({ask: 0.8, try_: 1 - 0.1 * turns, stop: 0.0})
    assert search.values(4, 0.1, 0.1, True) == pytest.approx({ask: 0.8, try_: 0.25 - 0.1 + 0.75 * 0.8, stop: 0.0})
    assert search.values(4, 0.1, 0.1, False)[try_] == pytest.approx(1 - 0.1 * 2.5)
    assert max(search.values(3, 0.55, 0.55, True).values()) == 0  # 1 / 3 - .55 + 2 / 3 (1 - 1.5 .55) < 0
    assert max(search.values(2, 0.55, 0.55, True).values()) == pytest.approx(1 - 1.5 * 0.55)
    assert search.values(2, 0.0, 0.3, True)[ask] == pytest.approx(0.7)


@given(st.integers(1, 30), st.floats(0, 1))
def test_guessing_in_telepathy_stops_where_it_pays_best(left: int, price: float) -> None:
    """By going through every number of guesses after which to stop."""
    plans = [(k - price * (k * left - k * (k - 1) / 2)) / left for k in range(1, left + 1)]
    assert telepathy.guessing(left, price) == pytest.approx(max(plans))


@pytest.mark.parametrize("price", [0.02, 0.1, 0.15])
def test_what_telepathy_is_worth_is_what_its_play_earns_over_all_things_of_a_kind(price: float) -> None:
    kinds: dict[str, list[float]] = {}
    for split in Split:
        for episode in played("telepathy", "rational", price, split):
            kind = episode.opening.removeprefix("I am thinking of ").partition(".")[0]
            kinds.setdefault(kind, []).append(episode.task_return - price * episode.user_effort)
    for kind, found in kinds.items():
        number = len(node(kind, ()).left)
        best = max(0.0, telepathy.guessing(number, price), telepathy.asking(kind, (), price, price))
        assert len(found) == number
        assert np.mean(found) == pytest.approx(best, abs=1e-4), kind


@each_gym
def test_a_convention_by_which_questions_are_free_makes_it_ask(name: str) -> None:
    gym = gym_class(name)(convention="paper")
    make, system = gym.scripted_policies()["rational"], system_text(gym, PromptForm.BRIEF, 0.4)
    tasks = gym.task_set(Split.TEST, 40, gym.source.levels[:1])
    episodes = [play(gym, make(gym, 0), task, 0, system=system) for task in tasks]
    known = [play(gym, gym.scripted_policies()["oracle"](gym, 0), task, 0) for task in tasks]
    assert any(turn.action.kind == ActionKind.ACTION for episode in episodes for turn in episode.turns)
    assert np.mean([episode.task_return for episode in episodes]) == pytest.approx(1)
    assert [episode.user_effort for episode in episodes] == [episode.user_effort for episode in known]
