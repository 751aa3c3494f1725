"""`bao.pareto.worth`: who is best at which price, by worked numbers, and how surely."""

import dataclasses

import numpy as np
import pytest

from bao.errors import DataError
from bao.measures.clusters import TaskRecord
from bao.pareto import Candidate
from bao.pareto.prices import SILENCE
from bao.pareto.worth import PRICES, told_prices, worth


def played(label, scores, efforts, weight=None, **fields):
    tasks = [f"t{i:02}" for i in range(len(scores))]
    values = {"score": scores, "user_effort": efforts}
    made = Candidate.of_arrays(tasks, values, label=label, series=label, gym="travel", horizon=10, effort_weight=weight)
    return dataclasses.replace(made, **fields)


def test_the_best_changes_with_the_price_and_the_lead_is_the_difference():
    asks, guesses = played("asks", [1.0, 0.8] * 10, [4, 4] * 10), played("guesses", [0.5, 0.3] * 10, [1, 1] * 10)
    found = worth([asks, guesses], [0.0, 0.1, 0.2, 0.5], {"asks", "guesses"})
    assert [each.best for each in found.answers] == ["asks", "asks", "guesses", SILENCE]
    # .9 - 4w against .4 - w: equal at w = 1/6.
    assert [each.worth.mean for each in found.answers] == pytest.approx([0.9, 0.5, 0.2, 0.0])
    assert [each.lead.mean for each in found.answers] == pytest.approx([0.5, 0.2, 0.1, 0.1])
    assert [each.runner_up for each in found.answers] == ["guesses", "guesses", "asks", "guesses"]
    assert all(each.sure == 1 for each in found.answers)
    assert found.rules == ("asks", "asks", "guesses", SILENCE)


def test_regret_is_to_the_best_scripted_rule_and_negative_where_it_is_beaten():
    script, learned = played("script", [0.5] * 12, [2] * 12), played("learned", [0.8] * 12, [3] * 12)
    found = worth([script, learned], [0.0, 0.4], {"script"})
    by_label = {each.label: each for each in found.standings}
    assert by_label["learned"].regret[0].mean == pytest.approx(-0.3)
    assert by_label["script"].regret[0].mean == 0
    assert found.rules == ("script", SILENCE)
    assert by_label["learned"].regret[1].mean == pytest.approx(0.4)  # 0 less .8 - 1.2


def test_what_knows_the_task_is_never_the_best():
    honest = played("honest", [0.5, 0.6] * 5, [2, 3] * 5)
    oracle = played("oracle", [1.0] * 10, [1] * 10, bound=True)
    found = worth([honest, oracle], [0.0])
    assert found.answers[0].best == "honest"
    assert [each.label for each in found.standings] == ["honest"]
    with pytest.raises(DataError, match="all of these know the tasks"):
        worth([oracle], [0.0])


def test_of_equal_policies_the_one_told_the_price_is_taken_and_the_other_is_named():
    a, b = (played(f"p w={w:g}", [0.7, 0.9] * 6, [2, 1] * 6, weight=w) for w in (0.0, 0.1))
    found = worth([a, b], told_prices([a, b]))
    assert [each.best for each in found.answers] == ["p w=0", "p w=0.1"]
    assert [each.not_told_apart for each in found.answers] == [("p w=0.1",), ("p w=0",)]


def test_it_is_less_sure_where_tasks_hang_together():
    rng = np.random.default_rng(0)
    shared = np.repeat(rng.normal(0.06, 0.2, 8), 10)
    better, worse = played("better", 0.5 + shared, [1] * 80), played("worse", [0.5] * 80, [1] * 80)
    by_task = worth([better, worse], [0.0]).answers[0]
    records = {f"t{i:02}": TaskRecord(str(i), (f"frame {i // 10}",)) for i in range(80)}
    clustered = worth([dataclasses.replace(each, records=records) for each in (better, worse)], [0.0])
    assert (clustered.tasks, clustered.clusters) == (80, 8)
    lead = clustered.answers[0].lead
    assert clustered.answers[0].sure <= by_task.sure
    assert lead.high - lead.low > 1.5 * (by_task.lead.high - by_task.lead.low)


def test_prices_are_those_that_were_told_and_0():
    assert told_prices([played("a", [1.0], [1], weight=0.2), played("b", [1.0], [1])]) == (0.0, 0.2)
    assert told_prices([played("b", [1.0], [1])]) == PRICES
