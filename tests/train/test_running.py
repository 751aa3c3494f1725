"""What updates are divided by comes from earlier steps, survives interruption, and stays sound where nothing differs."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from bao.action import Action
from bao.errors import ConfigError
from bao.recipes.recipe import check_recipe
from bao.task import Task
from bao.train.credit import Estimator, Mixing, Scale
from bao.train.groups import Group, make_group
from bao.train.running import MEMORY, Running
from bao.train.settings import CreditSection
from bao.train.shaping import Part, Shaping
from bao.train.tracking.metrics_log import read_metrics
from bao.trajectory import StopReason, TokenTrace, Trajectory, Turn
from tests.train.fake_backend import FakeBackend
from tests.train.test_grpo import comparable, trainer

TASK = Task("one", "toy", {})
LATE = CreditSection(mixing=Mixing.LATE)


def trajectory(*rewards: float, asks: int = 0, tokens: int = 2) -> Trajectory:
    """Turns that pay `rewards`, the first `asks` of which involve the user; `tokens` loss positions each."""
    turns = tuple(Turn("", Action("search"), "", reward, t < asks, None, tokens) for t, reward in enumerate(rewards))
    ids = np.zeros(tokens * len(rewards))
    trace = TokenTrace(np.zeros(3), ids, np.repeat(np.arange(len(rewards)), tokens), ids)
    return Trajectory("toy", "one", "fake", 0, "", turns, StopReason.FINISH, False, 9, trace=trace)


def group(*trajectories: Trajectory, weight: float = 0.1, credit: CreditSection | None = None) -> Group:
    made = make_group(TASK, weight, trajectories, Shaping(), CreditSection() if credit is None else credit)
    assert made is not None
    return made


WIDE = group(trajectory(1.0), trajectory(0.0))  # differences 1 and -1
NARROW = group(trajectory(0.5), trajectory(0.3))  # .2 and -.2
FLAT = group(trajectory(0.4, 0.1, 0.0), trajectory(0.4, 0.1, 0.0))


def test_one_number_known_before_the_step_divides_all_groups() -> None:
    running = Running({"return": 0.25}, 1.0)
    wide, narrow, flat = running.scaled([WIDE, NARROW, FLAT])
    np.testing.assert_allclose(wide.advantages, [[2], [-2]])
    np.testing.assert_allclose(narrow.advantages, [[0.4], [-0.4]])
    assert not flat.advantages.any()


def test_at_first_each_group_is_divided_by_the_others_that_differ() -> None:
    wide, narrow, _ = Running().scaled([WIDE, NARROW, FLAT])
    np.testing.assert_allclose(wide.advantages, [[5], [-5]])
    np.testing.assert_allclose(narrow.advantages, [[0.2], [-0.2]])
    (alone,) = Running().scaled([WIDE])
    np.testing.assert_allclose(alone.advantages, [[1], [-1]])


def test_the_mean_moves_by_what_a_step_shows_and_not_where_it_shows_nothing() -> None:
    running = Running().after([WIDE, FLAT])
    assert running.mean_squares == {"return": pytest.approx(1.0)}
    moved = running.after([NARROW])
    assert moved.mean_squares == {"return": pytest.approx(MEMORY + (1 - MEMORY) * 0.04)}
    assert moved.after([FLAT]).mean_squares == moved.mean_squares


def test_an_update_is_divided_by_positions_that_are_not_its_own() -> None:
    long, short = group(trajectory(1.0, 0.0, tokens=10), trajectory(0.0, tokens=10)), group(trajectory(1.0), trajectory(0.0))
    assert Running(positions=7.0).count([long], [short]) == 14
    assert Running().count([long], [short]) == 4
    assert Running().count([long], []) == 30
    assert Running().after([long, short]).positions == pytest.approx(34 / 4)


def test_returns_that_agree_still_count_where_their_turns_differ() -> None:
    same = group(trajectory(0.3), trajectory(-0.7, 1.0))
    assert same.zero_variance
    np.testing.assert_allclose(same.advantages, [[0, 0], [0, 0.7]])
    assert not group(trajectory(0.3), trajectory(-0.7, 1.0), credit=CreditSection(scale=Scale.GROUP)).advantages.any()


def test_late_mixing_credits_each_priced_part_in_its_own_unit() -> None:
    one = group(trajectory(0.0, 0.9, asks=1), trajectory(0.3, 0.0), weight=0.2, credit=LATE)
    assert set(one.terms) == {Part.TASK_REWARD, Part.USER_EFFORT, Part.UNPARSABLE, Part.INFORMATION_SEEKING, Part.OVER_THINKING}
    np.testing.assert_allclose(one.terms[Part.TASK_REWARD].differences, [[0.6, 0.9], [-0.6, -0.9]])
    np.testing.assert_allclose(one.terms[Part.USER_EFFORT].differences, [[-1, 0], [1, 0]])
    assert one.terms[Part.USER_EFFORT].price == 0.2
    (scaled,) = Running({Part.TASK_REWARD: 0.09, Part.USER_EFFORT: 0.25}).scaled([one])
    np.testing.assert_allclose(scaled.advantages, [[2 - 0.4, 3], [-2 + 0.4, -3]])
    assert Part.USER_EFFORT not in group(trajectory(1.0), trajectory(0.0), weight=0.0, credit=LATE).terms


def test_other_scales_have_nothing_left_to_divide() -> None:
    for credit in (CreditSection(scale=Scale.NONE), CreditSection(scale=Scale.GROUP), CreditSection(estimator=Estimator.PAPER)):
        made = group(trajectory(1.0), trajectory(0.0), credit=credit)
        (scaled,) = Running({"return": 0.01}).scaled([made])
        assert scaled is made


def test_a_settings_section_says_what_it_trains_with() -> None:
    assert (CreditSection().scale, CreditSection().mixing) == (Scale.BATCH, Mixing.FIRST)
    published = CreditSection(estimator=Estimator.PAPER)
    assert (published.scale, published.mixing) == (None, None)
    assert CreditSection(**{**CreditSection().model_dump(), "estimator": "paper"}) == published
    for section in (CreditSection(), published, LATE):
        assert CreditSection.model_validate(section.model_dump(mode="json")) == section


@pytest.mark.parametrize(
    ("credit", "reason"),
    [
        ({"estimator": "paper", "scale": "none"}, "scale='none' serves estimator='group_reward_to_go' only, not 'paper'"),
        ({"estimator": "trajectory", "mixing": "late"}, "mixing='late' serves"),
        ({"mixing": "late", "scale": "group"}, "mixing='late' divides .* scale='group' was chosen"),
        ({"scale": "batsch"}, "credit.scale='batsch'"),
    ],
)
def test_choices_that_do_not_go_together_are_refused(credit: dict[str, str], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        check_recipe({"credit": credit})
    with pytest.raises(ValidationError):
        CreditSection(**credit)


def test_the_means_are_in_the_checkpoint_and_older_ones_without_them_go_on(tmp_path: Path) -> None:
    trainer(tmp_path / "whole", FakeBackend(), steps=4, minibatches=1).train()

    def stop(done: int, total: int, metrics: object) -> None:
        if done == 3:
            raise KeyboardInterrupt

    for name in ("half", "old"):
        with pytest.raises(KeyboardInterrupt):
            trainer(tmp_path / name, FakeBackend(), steps=4, minibatches=1).train(stop)
    path = tmp_path / "old" / "checkpoints" / "step-000002" / "state.json"
    state = json.loads(path.read_text())
    assert state.pop("mean_squares")["return"] > 0
    assert state.pop("positions") == 2
    path.write_text(json.dumps(state))
    for name in ("half", "old"):
        trainer(tmp_path / name, FakeBackend(), steps=4, minibatches=1).train()
    whole, half, old = (comparable(tmp_path / name / "metrics.jsonl") for name in ("whole", "half", "old"))
    assert half == whole
    assert len(old) == 4
    assert old[-1]["scale/return"] != whole[-1]["scale/return"]


def test_steps_without_any_difference_train_nothing_and_leave_no_trace(tmp_path: Path) -> None:
    backend = FakeBackend(reward=0.5)
    trainer(tmp_path, backend).train()
    assert backend.learned == []
    assert not [name for row in read_metrics(tmp_path / "metrics.jsonl") for name in row if name.startswith("scale/")]


def test_advantages_are_of_order_one_whatever_a_gym_pays() -> None:
    rng = np.random.default_rng(0)
    for unit in (0.01, 1.0, 30.0):
        drawn = [group(*(trajectory(*(unit * rng.random(2))) for _ in range(8)), weight=0.0) for _ in range(40)]
        running = Running().after(drawn[:20])
        advantages = np.concatenate([each.advantages.ravel() for each in running.scaled(drawn[20:])])
        assert np.sqrt(np.square(advantages).mean()) == pytest.approx(1.0, abs=0.15)


def test_groups_without_terms_are_handed_on_unchanged() -> None:
    bare = replace(WIDE, terms={})
    assert Running({"return": 4.0}).scaled([bare]) == [bare]
