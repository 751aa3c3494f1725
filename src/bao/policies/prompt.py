"""What a policy is told at the start of an episode: the gym's rules and, for a conditioned policy, the effort weight, a budget
of user turns, or both.

Two forms: ``full`` for language models, and ``brief`` for the small embedded model, which has learned the rules from
demonstrations and is told only what differs between episodes.
"""

import re
from enum import StrEnum

from bao.gym import Gym

_TOLD = re.compile(r"a user turn costs (\d+)(?:\+(\d))? percent")
_BUDGET = re.compile(r"at most (\d+) user turns?\b")


class PromptForm(StrEnum):
    FULL = "full"
    BRIEF = "brief"


def system_text(
    gym: Gym, form: PromptForm = PromptForm.FULL, effort_weight: float | None = None, budget: int | None = None
) -> str:
    """The system text for an episode in `gym`; `effort_weight` is the price of one user-involving turn, in units of R, and
    `budget` the most of them that are wanted in the episode.

    The price is told in whole percent of what the task is worth (`percent`).
    """
    if form is PromptForm.BRIEF:
        return ", ".join(filter(None, (gym.name, f"{gym.horizon} turns", _price(effort_weight, form), _budget(budget))))
    how = (
        "Think first, between <think> and </think>, then take exactly one action. You may also take it as a call of the tool "
        "interact(choice, content)."
    )
    return "\n".join(filter(None, (gym.instructions(), how, *_told(gym, effort_weight, budget))))


def rules_text(gym: Gym, effort_weight: float | None = None, budget: int | None = None) -> str:
    """As `system_text`, without a word on how to act: for agents that are told so elsewhere, or know it."""
    return "\n".join(filter(None, (gym.instructions(), *_told(gym, effort_weight, budget))))


def percent(effort_weight: float, form: PromptForm = PromptForm.FULL) -> str:
    """A price in whole percent: ``21``, and in the brief form by tens and ones: ``20+1``, ``00+7``.

    A small model learns numbers from the demonstrations alone. Of a price that none told it knows the tens and the ones; one
    word for the whole number it would never have seen, and restates another. Two digits with no sign between it restates in
    either order.
    """
    whole = round(100 * effort_weight)
    return str(whole) if form is PromptForm.FULL else f"{whole - whole % 10:02}+{whole % 10}"


def _price(effort_weight: float | None, form: PromptForm = PromptForm.FULL) -> str:
    return "" if effort_weight is None else f"a user turn costs {percent(effort_weight, form)} percent"


def _budget(budget: int | None) -> str:
    return "" if budget is None else f"at most {budget} user turn{'' if budget == 1 else 's'}"


def _told(gym: Gym, effort_weight: float | None, budget: int | None) -> tuple[str, str]:
    """A sentence or two each on the price and on the budget; empty where none is told."""
    kinds = " or ".join(f"[{kind}]" for kind in sorted(gym.user_kinds))
    price = (
        f"Involving the user ({kinds}) has a price: {_price(effort_weight)} of what the whole task is worth. "
        "Involve the user only where it is worth that."
    )
    limit = (
        f"Involving the user ({kinds}) has a limit: {_budget(budget)} in the whole episode. "
        "Use them where they help most, and never take more."
    )
    return "" if effort_weight is None else price, "" if budget is None else limit


def told_price(system: str) -> float | None:
    """The effort weight that a system text tells; None where it tells none."""
    found = _TOLD.search(system)
    return sum(map(int, filter(None, found.groups()))) / 100 if found else None


def told_budget(system: str) -> int | None:
    """The budget of user turns that a system text tells; None where it tells none."""
    found = _BUDGET.search(system)
    return int(found[1]) if found else None
