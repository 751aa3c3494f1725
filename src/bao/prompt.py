"""What a policy is told at the start of an episode: the gym's rules and, for a conditioned policy, the effort weight.

Two forms: ``full`` for language models, and ``brief`` for the small embedded model, which has learned the rules from
demonstrations and is told only what differs between episodes.
"""

from enum import StrEnum

from bao.gym import Gym


class PromptForm(StrEnum):
    FULL = "full"
    BRIEF = "brief"


def system_text(gym: Gym, form: PromptForm = PromptForm.FULL, effort_weight: float | None = None) -> str:
    """The system text for an episode in `gym`; `effort_weight` is the price of one user-involving turn, in units of R.

    The price is told in whole percent of what the task is worth: one token for a small model, where a fraction is three.
    """
    price = "" if effort_weight is None else f"a user turn costs {100 * effort_weight:.0f} percent"
    if form is PromptForm.BRIEF:
        return ", ".join(filter(None, (gym.name, f"{gym.horizon} turns", price)))
    lines = [
        gym.instructions(),
        "Think first, between <think> and </think>, then take exactly one action. You may also take it as a call of the tool "
        "interact(choice, content).",
    ]
    if price:
        kinds = " or ".join(f"[{kind}]" for kind in sorted(gym.user_kinds))
        lines.append(
            f"Involving the user ({kinds}) has a price: {price} of what the whole task is worth. "
            "Involve the user only where it is worth that."
        )
    return "\n".join(lines)
