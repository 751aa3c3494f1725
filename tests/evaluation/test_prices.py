"""The prices of a gym are those of its scripted policies, over all tasks and level by level."""

from pathlib import Path

import pytest

from bao.action import ActionKind, Parsed
from bao.errors import ConfigError, DataError
from bao.evaluation.evaluate import evaluate
from bao.evaluation.prices import GymPrices, find_prices
from bao.evaluation.settings import EvaluationJob
from bao.gym import Gym
from bao.gyms.section import GymSection, task_set
from bao.gyms.travel import Travel
from bao.pareto.prices import SILENCE
from bao.policies.scripted import turn
from bao.policy import Policy
from bao.progress import Silent
from bao.storage.episodes import read_episodes
from bao.trajectory import Fault, FaultError
from tests.support.told_price import thrifty, with_policies

SECTION = GymSection(name="travel", levels=(2, 3))


def found(section: GymSection = SECTION, size: int = 40) -> GymPrices:
    return find_prices(section, task_set(section, "train", size).tasks, Silent())


class Mute:
    name = "mute"

    def begin(self, system: str, opening: str) -> None:
        pass

    def act(self, observation: str) -> Parsed:
        return turn(ActionKind.FINISH)


def test_travels_price_is_what_asking_earns_a_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    with_policies(monkeypatch, Travel, rational=None)
    prices = found()
    assert [each.name for each in prices.behaviours] == ["ask_all", "ask_needed", "never_ask"]
    asks = prices.behaviours[1]
    assert prices.overall.largest == pytest.approx(asks.task_return / asks.user_effort)
    assert set(prices.levels) == {2, 3}
    # Fewer wishes cost fewer turns: the easy tasks pay at prices where the hard ones do not.
    assert prices.levels[2].largest > prices.overall.largest > prices.levels[3].largest
    assert prices.largest == prices.levels[2].largest
    assert 0 in prices.suggested
    assert any(prices.levels[3].largest < price < prices.largest for price in prices.suggested)
    assert found(GymSection(name="travel", levels=(2,))).levels == {}


def test_a_policy_that_reads_the_price_is_played_at_several_and_stretches_the_range(monkeypatch: pytest.MonkeyPatch) -> None:
    with_policies(monkeypatch, Travel, rational=None)
    before = found()
    with_policies(monkeypatch, Travel, rational=thrifty, ask_needed=Travel.scripted_policies()["ask_needed"])
    prices = found()
    told = [each for each in prices.behaviours if each.name.startswith("rational")]
    assert told[0].name == "rational at 0%"
    assert told[2].task_return == before.behaviours[1].task_return
    assert told[4].user_effort == 0
    assert prices.overall.best(0.05).task_return == before.overall.best(0.05).task_return


def test_a_gym_whose_behaviours_never_need_the_user_has_no_price_but_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    with_policies(monkeypatch, Travel, rational=None)
    for name in ("ask_all", "ask_needed", "never_ask"):
        with_policies(monkeypatch, Travel, **{name: lambda gym, seed: Mute()})
    prices = found()
    assert (prices.largest, prices.suggested) == (0.0, (0.0,))
    assert prices.overall.best(0.0).name == SILENCE


def test_a_policy_whose_every_episode_breaks_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(Mute):
        def act(self, observation: str) -> Parsed:
            raise FaultError(Fault.USER_UNAVAILABLE, "nobody is there")

    def broken(gym: Gym, seed: int) -> Policy:
        return Broken()

    with_policies(monkeypatch, Travel, never_ask=broken)
    with pytest.raises(DataError, match=r"every episode of scripted:never_ask on travel ended in a fault .*nobody is there"):
        found()


def test_rational_is_evaluated_at_a_price_and_the_other_scripts_at_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with_policies(monkeypatch, Travel, rational=thrifty)
    job = EvaluationJob(SECTION, task_set(SECTION, "test", 6))
    cheap, dear = evaluate("scripted:rational", job, {0.1: tmp_path / "cheap", 0.2: tmp_path / "dear"}, Silent())
    assert (cheap.label, dear.label) == ("rational w=0.1", "rational w=0.2")
    assert cheap.summary["score"]["mean"] > 0.9
    assert dear.summary["user_effort"]["mean"] == 0
    told = read_episodes(tmp_path / "dear" / "episodes.parquet")[0]
    assert told.effort_weight == 0.2
    assert "a user turn costs 20 percent" in told.system
    with pytest.raises(ConfigError, match=r"effort_weight=0\.1: this scripted policy is told none"):
        evaluate("scripted:ask_all", job, {0.1: tmp_path / "other"}, Silent())
