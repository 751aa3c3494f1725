"""The system text tells a policy the rules and, if it is conditioned, the price of a user turn."""

import pytest

from bao.gyms.function import Function
from bao.gyms.travel import Travel
from bao.policies.prompt import PromptForm, system_text


@pytest.mark.parametrize("gym", [Travel(), Function(), Travel(horizon=9)])
def test_the_full_form_names_every_action_and_the_horizon(gym: Travel | Function) -> None:
    text = system_text(gym)
    assert text.startswith(gym.instructions())
    assert all(f"[{kind}]" in text for kind in gym.kinds)
    assert f"{gym.horizon} turns" in text
    assert "<think>" in text


def test_the_brief_form_holds_only_what_differs_between_episodes() -> None:
    assert system_text(Travel(horizon=12), PromptForm.BRIEF) == "travel, 12 turns"
    assert system_text(Travel(), PromptForm.BRIEF, 0.15) == "travel, 16 turns, a user turn costs 15 percent"
    assert system_text(Travel(), PromptForm.BRIEF, 0.0) == "travel, 16 turns, a user turn costs 0 percent"


def test_only_a_conditioned_policy_is_told_a_price() -> None:
    assert "costs" not in system_text(Travel())
    assert "a user turn costs 10 percent of what the whole task is worth" in system_text(Travel(), effort_weight=0.1)
    assert "costs 0 percent of" in system_text(Travel(), effort_weight=0.0)


@pytest.mark.parametrize(("convention", "kinds"), [("everyday", "([action] or [answer])"), ("paper", "([answer])")])
def test_the_price_is_put_on_the_kinds_that_involve_the_user(convention: str, kinds: str) -> None:
    assert f"Involving the user {kinds} has a price" in system_text(Travel(convention=convention), effort_weight=0.1)


def test_the_prompt_tells_nothing_of_the_task() -> None:
    gym = Travel()
    before = system_text(gym)
    gym.reset(seed=3)
    assert system_text(gym) == before
