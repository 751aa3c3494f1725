"""What every gym owes its players, shown on a gym of a few lines: turns, horizon, involvement, errors, isolation."""

import random
from collections.abc import Callable, Mapping
from typing import ClassVar

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import bao
from bao.action import Action, ActionKind, Outcome
from bao.errors import ConfigError, DataError
from bao.gym import ActionSpace, Gym, TextSpace
from bao.policy import Policy
from bao.task import Split, Task, TaskSet
from bao.trajectory import StopReason


class Coin(Gym):
    """Guess a coin's side; looking at it is free, asking involves the user."""

    name = "coin"
    about = "guess a coin's side"
    kinds = frozenset({ActionKind.SEARCH, ActionKind.ACTION, ActionKind.ANSWER, ActionKind.FINISH})
    conventions: ClassVar[Mapping[str, frozenset[ActionKind]]] = {
        "all": frozenset({ActionKind.ACTION, ActionKind.ANSWER}),
        "answers": frozenset({ActionKind.ANSWER}),
    }
    horizon_default = 4

    def begin(self, task: Task) -> str:
        self._side = task.data["side"]
        return "Heads or tails?"

    def instructions(self) -> str:
        return "Guess the side."

    def on_search(self, content: str) -> Outcome:
        return Outcome(f"It spins {int(self.np_random.integers(1000))} times.")

    def on_action(self, content: str) -> Outcome:
        return Outcome(f"It is {self._side}.")

    def on_answer(self, content: str) -> Outcome:
        right = content == self._side
        return Outcome("Right." if right else "Wrong.", float(right), True, right)

    @classmethod
    def task_set(cls, split: Split | str, size: int | None = None, levels: tuple[int, ...] | None = None) -> TaskSet:
        return TaskSet.of(Task(f"coin-{i}", "coin", {"side": ("heads", "tails")[i % 2]}) for i in range(size or 8))

    @classmethod
    def check_task(cls, task: Task) -> None:
        if task.data["side"] not in ("heads", "tails"):
            raise ValueError("side must be heads or tails")

    @classmethod
    def scripted_policies(cls) -> Mapping[str, Callable[[Gym, int], Policy]]:
        return {}


HEADS = Task("h", "coin", {"side": "heads"})


def started(**settings: object) -> Coin:
    gym = Coin(**settings)
    gym.reset(seed=0, options={"task": HEADS})
    return gym


def test_gymnasium_accepts_a_gym_of_a_few_lines() -> None:
    check_env(Coin(), skip_render_check=True)


def test_the_opening_carries_no_more_than_the_task_id() -> None:
    opening, info = Coin().reset(seed=0, options={"task": HEADS})
    assert opening == "Heads or tails?"
    assert info == {"task_id": "h", "turn": 0}


def test_a_right_answer_ends_the_episode_as_a_success() -> None:
    reply, reward, terminated, truncated, info = started().step(Action("answer", "heads"))
    assert (reply, reward, terminated, truncated) == ("Right.", 1.0, True, False)
    assert info == {"turn": 1, "involves_user": True, "success": True, "stop": StopReason.SUCCESS}


def test_a_wrong_answer_that_ends_the_episode_is_a_failure() -> None:
    *_, terminated, truncated, info = started().step(Action("answer", "edge"))
    assert (terminated, truncated, info["success"], info["stop"]) == (True, False, False, StopReason.FAILURE)


def test_finishing_ends_without_success() -> None:
    *_, terminated, truncated, info = started().step(Action("finish"))
    assert (terminated, truncated, info["success"], info["stop"]) == (True, False, False, StopReason.FINISH)
    assert not info["involves_user"]


def test_the_horizon_truncates() -> None:
    gym = started(horizon=3)
    outcomes = [gym.step(Action("search")) for _ in range(3)]
    assert [truncated for *_, truncated, _ in outcomes] == [False, False, True]
    assert not any(terminated for _, _, terminated, _, _ in outcomes)
    assert [info["stop"] for *_, info in outcomes] == [None, None, StopReason.MAX_TURNS]
    assert [info["turn"] for *_, info in outcomes] == [1, 2, 3]


def test_solving_the_task_on_the_last_turn_is_a_success_and_no_truncation() -> None:
    gym = started(horizon=2)
    gym.step(Action("search"))
    *_, terminated, truncated, info = gym.step(Action("answer", "heads"))
    assert (terminated, truncated, info["stop"]) == (True, False, StopReason.SUCCESS)


def test_an_unreadable_action_costs_a_turn_and_is_answered() -> None:
    gym = started(horizon=2)
    reply, reward, terminated, truncated, info = gym.step(bao.parse("hm", gym.kinds).action)
    assert reply == "No action could be read (no_action). Begin with one of [action], [search], [answer], [finish]."
    assert (reward, terminated, truncated) == (0.0, False, False)
    assert (info["turn"], info["involves_user"]) == (1, False)
    *_, truncated, info = gym.step(Action(ActionKind.NONE, "empty"))
    assert truncated
    assert info["stop"] is StopReason.MAX_TURNS


@pytest.mark.parametrize(("convention", "asking"), [(None, True), ("all", True), ("answers", False)])
def test_the_convention_decides_what_involves_the_user(convention: str | None, asking: bool) -> None:
    gym = started(convention=convention)
    involved = {kind: gym.step(Action(kind, "heads"))[-1]["involves_user"] for kind in ("search", "action", "answer")}
    assert involved == {"search": False, "action": asking, "answer": True}
    assert gym.user_kinds == {kind for kind, user in involved.items() if user}


def test_no_step_is_taken_outside_an_episode() -> None:
    gym = Coin()
    with pytest.raises(RuntimeError, match="reset"):
        gym.step(Action("search"))
    gym.reset(seed=0, options={"task": HEADS})
    gym.step(Action("finish"))
    with pytest.raises(RuntimeError, match="reset"):
        gym.step(Action("search"))
    gym.reset()
    assert gym.step(Action("search"))[-1]["turn"] == 1


def test_an_unknown_kind_is_named_with_the_nearest_one() -> None:
    with pytest.raises(ValueError, match="coin offers no action kind 'serch': did you mean 'search'"):
        started().step(Action("serch"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"horizon": 0}, "horizon=0 must be at least 1"),
        ({"convention": "answer"}, "convention='answer' is unknown to coin: did you mean 'answers'"),
        ({"user": "human"}, "user='human' is unknown to coin: known: scripted"),
    ],
)
def test_a_wrong_setting_is_named_with_value_and_fix(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Coin(**settings)


def test_gyms_are_found_by_name() -> None:
    assert "travel" in bao.gym_names()
    assert bao.make("travel", horizon=7).horizon == 7
    with pytest.raises(ConfigError, match="gym='travle' is unknown: did you mean 'travel'"):
        bao.make("travle")
    with pytest.raises(ConfigError, match=r"horizont is no setting of the gym 'travel': did you mean 'horizon'"):
        bao.make("travel", horizont=7)


def test_a_seed_fixes_the_drawn_task_and_all_chance() -> None:
    def texts(gym: Coin) -> list[str]:
        opening, info = gym.reset(seed=11)
        return [opening, info["task_id"], *(gym.step(Action("search"))[0] for _ in range(3))]

    used = Coin()
    used.reset(seed=3)
    used.step(Action("search"))
    assert texts(Coin()) == texts(Coin()) == texts(used)


def test_a_reset_without_a_seed_goes_on_with_the_same_chance() -> None:
    def drawn(gym: Coin) -> list[str]:
        gym.reset(seed=5)
        return [gym.reset()[1]["task_id"] for _ in range(12)]

    assert drawn(Coin()) == drawn(Coin())
    assert len(set(drawn(Coin()))) > 1


def test_playing_leaves_the_global_generators_alone() -> None:
    before = random.getstate(), np.random.get_state()[1].tolist()
    gym = Coin()
    for seed in range(3):
        gym.reset(seed=seed)
        gym.step(Action("search"))
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before


def test_the_action_space_holds_what_it_samples_and_the_unreadable_action() -> None:
    space = ActionSpace(frozenset({ActionKind.SEARCH, ActionKind.FINISH}))
    space.seed(0)
    samples = [space.sample() for _ in range(40)]
    assert all(space.contains(action) for action in samples)
    assert {action.kind for action in samples} == {"search", "finish"}
    assert space.contains(Action("none", "empty"))
    assert not space.contains(Action("answer", "heads"))
    assert not space.contains(Action("search", 3))
    assert not space.contains("search")


def test_the_text_space_holds_texts_up_to_its_length() -> None:
    space = TextSpace(5)
    assert space.contains("12345")
    assert not space.contains("123456")
    assert not space.contains(b"123")


def test_a_task_of_another_gym_is_refused_by_name() -> None:
    other = Task("f-1", "function", {"rule": "a"})
    with pytest.raises(DataError, match="'f-1' is of the gym 'function', and this is 'coin'"):
        Coin().reset(seed=0, options={"task": other})
