"""The system text tells a policy the rules and, if it is conditioned, the price of a user turn."""

import pytest

from bao.gyms.function import Function
from bao.gyms.travel import Travel
from bao.policies.prompt import PromptForm, percent, rules_text, system_text, told_budget, told_price


@pytest.mark.parametrize("gym", [Travel(), Function(), Travel(horizon=9)])
def test_the_full_form_names_every_action_and_the_horizon(gym: Travel | Function) -> None:
    text = system_text(gym)
    assert text.startswith(gym.instructions())
    assert all(f"[{kind}]" in text for kind in gym.kinds)
    assert f"{gym.horizon} turns" in text
    assert "<think>" in text


def test_the_brief_form_holds_only_what_differs_between_episodes() -> None:
    assert system_text(Travel(horizon=12), PromptForm.BRIEF) == "travel, 12 turns"
    assert system_text(Travel(), PromptForm.BRIEF, 0.15) == "travel, 16 turns, a user turn costs 10+5 percent"
    assert system_text(Travel(), PromptForm.BRIEF, 0.0) == "travel, 16 turns, a user turn costs 00+0 percent"


@pytest.mark.parametrize("form", PromptForm)
def test_every_price_in_whole_percent_is_read_back_from_either_form(form: PromptForm) -> None:
    for whole in (*range(101), 120):
        assert told_price(system_text(Travel(), form, whole / 100)) == whole / 100
        assert told_price(system_text(Travel(), form, whole / 100, 3)) == whole / 100


def test_the_brief_form_tells_a_price_by_tens_and_ones() -> None:
    assert [percent(price, PromptForm.BRIEF) for price in (0.0, 0.07, 0.3, 1.2)] == ["00+0", "00+7", "30+0", "120+0"]
    assert [percent(price) for price in (0.0, 0.07, 0.3, 1.2)] == ["0", "7", "30", "120"]


def test_only_a_conditioned_policy_is_told_a_price() -> None:
    assert "costs" not in system_text(Travel())
    assert "a user turn costs 10 percent of what the whole task is worth" in system_text(Travel(), effort_weight=0.1)
    assert "costs 0 percent of" in system_text(Travel(), effort_weight=0.0)


@pytest.mark.parametrize(("convention", "kinds"), [("everyday", "([action] or [answer])"), ("paper", "([answer])")])
def test_the_price_is_put_on_the_kinds_that_involve_the_user(convention: str, kinds: str) -> None:
    assert f"Involving the user {kinds} has a price" in system_text(Travel(convention=convention), effort_weight=0.1)


def test_a_budget_is_told_beside_a_price_or_in_place_of_one() -> None:
    assert system_text(Travel(), PromptForm.BRIEF, budget=2) == "travel, 16 turns, at most 2 user turns"
    both = system_text(Travel(), PromptForm.BRIEF, 0.07, 1)
    assert both == "travel, 16 turns, a user turn costs 00+7 percent, at most 1 user turn"
    assert (told_price(both), told_budget(both)) == (0.07, 1)
    assert "user turn" not in system_text(Travel())
    assert "Involving the user ([answer]) has a limit: at most 0 user turns" in system_text(
        Travel(convention="paper"), budget=0
    )


@pytest.mark.parametrize("gym", [Travel(), Function(), Travel(horizon=9, convention="paper")])
@pytest.mark.parametrize("price", [None, 0.0, 0.15])
@pytest.mark.parametrize("budget", [None, 0, 1, 12])
def test_what_is_told_can_be_read_back(gym: Travel | Function, price: float | None, budget: int | None) -> None:
    texts = [system_text(gym, form, price, budget) for form in PromptForm] + [rules_text(gym, price, budget)]
    for text in texts:
        assert (told_price(text), told_budget(text)) == (price, budget)


def test_the_prompt_tells_nothing_of_the_task() -> None:
    gym = Travel()
    before = system_text(gym)
    gym.reset(seed=3)
    assert system_text(gym) == before
