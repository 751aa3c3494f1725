"""`bao prices`: where a gym's behaviours change hands."""

import json

from bao.evaluation.prices import find_prices
from bao.gyms.section import GymSection, task_set
from bao.gyms.travel import Travel
from bao.pareto.prices import SILENCE
from bao.progress import Silent
from tests.cli.support import Bao, refused
from tests.support.gyms import episodes


def test_the_command_prints_who_is_best_from_which_price_on(bao: Bao) -> None:
    done = bao("prices", "--gym", "travel", "--levels", "2", "3", "--tasks", "40")
    assert done.status == 0, done.error
    assert "level 3" in done.out
    assert "ask_needed" in done.out
    assert "grpo.effort_weights = [0, " in done.out
    told = json.loads(bao("prices", "--gym", "travel", "--levels", "2", "3", "--tasks", "40", "--json").out)
    section = GymSection(name="travel", levels=(2, 3))
    prices = find_prices(section, task_set(section, "train", 40).tasks, Silent())
    assert told == json.loads(json.dumps(prices.to_json()))
    assert told["overall"]["reigns"][-1] == {
        "name": SILENCE,
        "low": prices.overall.largest,
        "high": None,
        "task_return": 0.0,
        "user_effort": 0.0,
    }
    # A gym with fewer tasks than are asked for plays all it has.
    assert json.loads(bao("prices", "--gym", "travel", "--tasks", "100000000", "--split", "test", "--json").out)[
        "tasks"
    ] == len(episodes(Travel, "never_ask"))


def test_the_command_names_what_it_cannot_do(bao: Bao) -> None:
    refused(bao("prices", "--gym", "travle"), "did you mean 'travel'")
    refused(bao("prices", "--tasks", "0"), "--tasks 0 must be at least 1")
    refused(bao("prices", "--set", "grpo.steps=3"), "grpo.. is no setting of a gym")
    refused(bao("prices", "--set", "gym.nme=3"), "nme is no setting: did you mean 'name'")
