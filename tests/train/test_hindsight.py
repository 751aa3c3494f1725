"""Values of situations and choices measured from plays, and the play of least regret at a price: worked numbers and luck."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bao.action import Action, ParseFault
from bao.gyms.travel import Travel
from bao.policies.prompt import PromptForm, percent, told_price
from bao.task import Split
from bao.train.demonstrations import Demonstration, gather, hindsight_demonstrations, price_chances, restated
from bao.train.hindsight import UNMEASURED, Play, Values, least_regret, measure, percents
from bao.train.situations import Situations, situations
from bao.trajectory import StopReason, Trajectory, Turn

USER_KINDS = ("action", "answer")


def play(*turns: tuple[str, str, float], slipped: Sequence[int] = (), stop: StopReason = StopReason.FINISH) -> Play:
    """An episode of turns (situation, kind, reward)."""
    made = tuple(Turn("", Action(kind, ""), "", reward, kind in USER_KINDS) for _, kind, reward in turns)
    episode = Trajectory("g", "t", "p", 0, "", made, stop, False, 16)
    return Play(episode, tuple(i in slipped for i in range(len(turns))), tuple(key for key, _, _ in turns))


def shop(right: int, wrong: int) -> list[Play]:
    """Plays in which asking and answering was right so often, guessing one time in four, and finishing earned .3."""
    asked = [play(("open", "action", 0), ("known", "answer", 1.0))] * right
    asked += [play(("open", "action", 0), ("known", "answer", 0.0))] * wrong
    guessed = [play(("open", "answer", 1.0))] * 5 + [play(("open", "answer", 0.0))] * 15
    return [*asked, *guessed, *([play(("open", "finish", 0.3))] * 10)]


def q(values: Values, situation: str, choice: str) -> list[float]:
    return [round(float(each), 9) for each in values.choice_values[values.pairs[situation, choice]]]


def test_values_are_the_means_of_what_followed() -> None:
    values = measure(shop(right=18, wrong=2), [0.0, 0.1, 0.4])
    assert q(values, "known", "answer") == [0.9, 0.8, 0.5]
    assert q(values, "open", "action") == [0.9, 0.7, 0.1]  # a question and an answer
    assert q(values, "open", "answer") == [0.25, 0.15, -0.15]
    assert q(values, "open", "finish") == [0.3, 0.3, 0.3]
    assert values.situation_values[values.rows["open"]].round(9).tolist() == [0.9, 0.7, 0.3]


def test_the_regret_of_a_play_is_what_its_choices_lose() -> None:
    values = measure(shop(right=18, wrong=2), [0.0, 0.4])
    guess, stop = play(("open", "answer", 1.0)), play(("open", "finish", 0.3))
    assert values.regrets(guess).round(9).tolist() == [[0.65, 0.45]]
    assert values.regrets(stop).round(9).tolist() == [[0.6, 0.0]]
    assert values.regrets(play(("open", "action", 0), ("known", "answer", 0))).round(9).tolist() == [[0.0, 0.2], [0.0, 0.0]]


def test_a_lucky_guess_is_not_imitated_though_it_earned_most() -> None:
    """At price .2 this task's guess earned .8 and asking .6; over all tasks asking earns .5 and guessing .05."""
    values = measure(shop(right=18, wrong=2), [0.2])
    lucky = [play(("open", "answer", 1.0)), play(("open", "action", 0), ("known", "answer", 1.0))]
    earned = [each.trajectory.task_return - 0.2 * each.trajectory.user_effort for each in lucky]
    assert earned[0] > earned[1]
    rng = np.random.default_rng(0)
    assert {least_regret([values.regrets(each) for each in lucky], 0, rng) for _ in range(20)} == {1}


def test_equals_are_drawn_from() -> None:
    values = measure(shop(right=18, wrong=2), [0.0])
    asked = play(("open", "action", 0), ("known", "answer", 1.0))
    rng = np.random.default_rng(0)
    assert {least_regret([values.regrets(asked)] * 3, 0, rng) for _ in range(60)} == {0, 1, 2}


def test_what_hardly_occurred_is_not_measured_and_not_imitated() -> None:
    values = measure([*shop(right=18, wrong=2), play(("open", "search", 1.0))], [0.0])
    assert ("open", "search") not in values.pairs
    assert values.regrets(play(("open", "search", 1.0))).tolist() == [[UNMEASURED]]


def test_slips_are_neither_measured_nor_regretted() -> None:
    slip = play(("open", "answer", 0.0), ("open", "action", 0), ("known", "answer", 1.0), slipped=[0])
    plain, slipped = measure(shop(18, 2), [0.0]), measure([*shop(18, 2), *([slip] * 40)], [0.0])
    assert q(slipped, "open", "answer") == q(plain, "open", "answer") == [0.25]
    assert values_of(slipped, slip) == [0.0, 0.0, 0.0]


def values_of(values: Values, each: Play) -> list[float]:
    return values.regrets(each)[:, 0].round(9).tolist()


def test_only_plays_that_ended_by_themselves_and_can_be_read_are_used() -> None:
    assert play(("open", "finish", 0.3)).usable
    assert not play(("open", "finish", 0.3), stop=StopReason.MAX_TURNS).usable
    assert not play(("open", "finish", 0.3), stop=StopReason.FAULT).usable
    unread = Turn("", Action("none", ""), "", 0.0, False, ParseFault.BAD_JSON)
    episode = Trajectory("g", "t", "p", 0, "", (unread,), StopReason.FINISH, False, 16)
    assert not Play(episode, (False,), ("open",)).usable
    assert Play(episode, (True,), ("open",)).usable


def test_prices_are_whole_percents_up_to_the_largest_that_pays() -> None:
    plays = [each for each in shop(right=18, wrong=2) if each.trajectory.turns[0].action.kind != "finish"]
    assert percents(plays)[-1] == 0.44  # asking earns .9 - 2 w, so .02 at .44 and nothing at .45
    assert percents(plays, top=0.1) == tuple(i / 100 for i in range(11))
    assert percents(plays, top=0.05, unseen=[0.02, 0.04]) == (0.0, 0.01, 0.03, 0.05)
    assert percents(plays, top=0.01, unseen=[0.0, 0.01]) == (0.0,)
    assert percents([play(("open", "finish", 0.0))] * 10) == (0.0,)


steps = st.tuples(st.sampled_from("abc"), st.sampled_from(["action", "search", "answer", "finish"]), st.floats(-1, 1))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(steps, min_size=1, max_size=5).map(lambda turns: play(*turns)), min_size=1, max_size=30))
def test_at_a_higher_price_less_is_earned_and_less_effort_made(plays: list[Play]) -> None:
    """A value is a maximum of functions that fall with the price in straight lines: convex, and never rising."""
    values = measure(plays, np.linspace(0, 1, 11), least=1, horizon=6).situation_values
    slopes = np.diff(values, axis=1)
    assert (slopes <= 1e-9).all()
    assert (np.diff(slopes, axis=1) >= -1e-9).all()


# Demonstrations.

GYM, TASKS = Travel(), Travel.task_set(Split.TRAIN, 150, (2,))


@pytest.fixture(scope="module")
def played() -> list[list[Play]]:
    rng = np.random.default_rng(0)
    rows = list(gather(GYM, Travel.scripted_policies()["teacher"], TASKS, 12, rng, "travel"))
    keys = [situations([each for each, _ in row], Situations.THINKING, GYM, []) for row in rows]
    return [
        [Play(each, tuple(slips), tuple(key)) for (each, slips), key in zip(row, found, strict=True)]
        for row, found in zip(rows, keys, strict=True)
    ]


def shown(played: list[list[Play]], count: int, seed: int = 0, skill: float = 0.0) -> list[Demonstration]:
    values = measure([each for row in played for each in row], percents([each for row in played for each in row], 0.3))
    rng = np.random.default_rng(seed)
    return list(hindsight_demonstrations(GYM, played, values, count, rng, skill=skill, form=PromptForm.BRIEF))


def test_every_decision_is_preceded_by_the_price_that_was_told(played: list[list[Play]]) -> None:
    for each in shown(played, 60):
        price = told_price(each.system)
        assert price is not None
        for text, _, _ in each.turns:
            assert f"at {percent(price, PromptForm.BRIEF)} | " in text


def test_the_skill_base_comes_first_and_is_told_no_price_or_that_it_is_nothing(played: list[list[Play]]) -> None:
    made = shown(played, 40, skill=0.25)
    assert [told_price(each.system) for each in made[:10]] == [None, 0.0] * 5
    assert None not in [told_price(each.system) for each in made[10:]]
    assert not any(" at " in text for each in made[:10:2] for text, _, _ in each.turns)
    assert all(" at 00+0 | " in text for each in made[1:10:2] for text, _, _ in each.turns)


def test_demonstrations_are_as_many_as_asked_and_those_of_their_seed(played: list[list[Play]]) -> None:
    assert len(shown(played, 333)) == 333
    assert shown(played, 50, seed=1) == shown(played, 50, seed=1) != shown(played, 50, seed=2)


def test_less_is_asked_where_a_turn_is_dearer(played: list[list[Play]]) -> None:
    asked: dict[bool, list[int]] = {True: [], False: []}
    for each in shown(played, 600):
        asked[(told_price(each.system) or 0) > 0.15].append(sum("[action]" in text for text, _, _ in each.turns))
    assert np.mean(asked[False]) > np.mean(asked[True]) + 0.5


def test_what_loses_at_the_told_price_carries_no_loss(played: list[list[Play]]) -> None:
    """Of plays that all guess, each guess is shown but not learned where asking earns more."""
    values = measure([each for row in played for each in row], (0.0,))
    guessing = [[each for each in row if (values.regrets(each)[:, 0] > 0.05).any() and each.usable][:1] for row in played]
    made = list(hindsight_demonstrations(GYM, [row for row in guessing if row], values, 40, np.random.default_rng(0)))
    assert all(any(not loss for _, _, loss in each.turns) for each in made)
    assert all(any(loss for _, _, loss in each.turns) for each in made if len(each.turns) > 2)


def test_without_a_usable_play_there_is_nothing_to_show() -> None:
    cut = play(("open", "search", 0.0), stop=StopReason.MAX_TURNS)
    with pytest.raises(ValueError, match="no play of the teacher on travel ended by itself"):
        next(hindsight_demonstrations(GYM, [[cut]], measure([cut], (0.0,)), 1, np.random.default_rng(0)))


def test_the_price_is_restated_before_the_decision() -> None:
    assert restated("know a open | 4 ways | ask a", 0.07) == "know a open | 4 ways | at 7 | ask a"
    assert restated("ask a", 0.0) == "at 0 | ask a"
    assert restated("", 0.24) == "at 24"


def test_prices_about_which_less_is_asked_are_told_more_often() -> None:
    def values(*start: float) -> Values:
        prices = tuple(np.arange(len(start)) / 100)
        return Values(prices, {}, np.zeros((0, len(start))), np.array([start]), {"s": 0})

    begun = [play(("s", "finish", 0.0))]
    # Two user turns pay below .1, none from there on: the value falls by .02 a percent, then not at all.
    chances = price_chances(values(*[0.2 - 0.02 * percent for percent in range(10)], *[0.0] * 11), begun)
    even = 0.5 / 21
    assert chances.sum() == pytest.approx(1.0)
    assert chances[8:13] == pytest.approx(np.full(5, even + 0.1))
    assert np.delete(chances, range(8, 13)) == pytest.approx(np.full(16, even))
    assert price_chances(values(0.5, 0.5, 0.5), begun) == pytest.approx(np.full(3, 1 / 3))
    assert price_chances(values(0.5), begun) == pytest.approx([1.0])
