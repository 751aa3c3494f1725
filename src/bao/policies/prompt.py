"""What a policy is told at the start of an episode: the gym's rules and, for a conditioned policy, the effort weight.

Two forms: ``full`` for language models, and ``brief`` for the small embedded model, which has learned the rules from
demonstrations and is told only what differs between episodes.
"""

import re
from enum import StrEnum

from bao.gym import Gym

_TOLD = re.compile(r"a user turn costs (\d+) percent")


class PromptForm(StrEnum):
    FULL = "full"
    BRIEF = "brief"


def system_text(gym: Gym, form: PromptForm = PromptForm.FULL, effort_weight: float | None = None) -> str:
    """The system text for an episode in `gym`; `effort_weight` is the price of one user-involving turn, in units of R.

    The price is told in whole percent of what the task is worth: one token for a small model, where a fraction is three.
    """
    if form is PromptForm.BRIEF:
        return ", ".join(filter(None, (gym.name, f"{gym.horizon} turns", _price(effort_weight))))
    how = (
        "Think first, between <think> and </think>, then take exactly one action. You may also take it as a call of the tool "
        "interact(choice, content)."
    )
    return "\n".join(filter(None, (gym.instructions(), how, _told(gym, effort_weight))))


def rules_text(gym: Gym, effort_weight: float | None = None) -> str:
    """As `system_text`, without a word on how to act: for agents that are told so elsewhere, or know it."""
    return "\n".join(filter(None, (gym.instructions(), _told(gym, effort_weight))))


def _price(effort_weight: float | None) -> str:
    return "" if effort_weight is None else f"a user turn costs {100 * effort_weight:.0f} percent"


def _told(gym: Gym, effort_weight: float | None) -> str:
    if effort_weight is None:
        return ""
    kinds = " or ".join(f"[{kind}]" for kind in sorted(gym.user_kinds))
    return (
        f"Involving the user ({kinds}) has a price: {_price(effort_weight)} of what the whole task is worth. "
        "Involve the user only where it is worth that."
    )


def told_price(system: str) -> float | None:
    """The effort weight that a system text tells; None where it tells none."""
    found = _TOLD.search(system)
    return int(found[1]) / 100 if found else None
