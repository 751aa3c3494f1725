"""Name a training collapse when it happens, so that nobody has to read it off a curve afterwards.

What a policy does at a price is held against a `Reference`: what the gym's scripted policies reach there, or where they are not
known what the policy itself reached in its first steps. A policy that is worth as much as its reference is never blamed: at a
high price silence may be right, and in some gyms every turn is the user's. Effort is counted in turns that involve the user,
since some gyms have no answers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

Row = Mapping[str, float]
"""The metrics of a step (`bao.train.groups.group_metrics`)."""


class Collapse(StrEnum):
    SILENCE = "silence"
    """The policy hardly ever involves the user, at no price: doing nothing has become its best policy."""
    PRICED_OUT = "a price that silences"
    """It acts at low prices and hardly at a higher one, at which acting still pays."""
    ASKING = "asking"
    """It involves the user turn after turn until its turns run out or the user leaves."""
    BABBLE = "babble"
    """Most turns hold no readable action."""
    NO_EXPLORATION = "no exploration"
    """It samples the same again and again, so that no group differs within itself."""
    FLAT = "the same at every price"
    """It involves the user as much at the greatest price as at the least, where much less would be worth more."""
    FROZEN = "frozen"
    """No group differs within itself, so nothing can be learned from them, while the score is poor."""


ADVICE: Mapping[Collapse, str] = {
    Collapse.SILENCE: "lower grpo.effort_weights (`bao prices` shows up to which price acting pays) or grpo.learning_rate",
    Collapse.PRICED_OUT: "strengthen the warm start at that price (sft.demonstrations), or lower grpo.learning_rate",
    Collapse.ASKING: "raise the greatest of grpo.effort_weights, or lower grpo.learning_rate",
    Collapse.BABBLE: "lower grpo.learning_rate, or strengthen the warm start (sft.demonstrations)",
    Collapse.NO_EXPLORATION: "raise grpo.temperature or grpo.entropy, or a warm start that is less sure (sft.epochs)",
    Collapse.FLAT: "stop and mend the warm start (sft.demonstrations, or a teacher whose thinking tells situations apart): "
    "reinforcement from one that heeds no price finds what is best on average",
    Collapse.FROZEN: "raise grpo.temperature or grpo.entropy, or use harder tasks (gym.levels)",
}

WINDOW = 3
"""Steps that have to agree."""
_SILENT = 0.1
"""Share of the reference's effort below which a policy counts as silent."""
_BENDS = 0.2
"""Share of the difference in effort between the best at the least and at the greatest price that a policy has to show."""
_SLACK = 0.01
"""What a policy may lack of its reference and still count as good as that."""
_SURE = 0.02
"""Nats per token below which sampling hardly ever varies."""


@dataclass(frozen=True, slots=True)
class Reference:
    """What can be reached at one price."""

    task_return: float
    user_effort: float

    def worth(self, price: float) -> float:
        return self.task_return - price * self.user_effort


def first_steps(rows: Sequence[Row]) -> dict[float, Reference]:
    """By price what the policy itself did in its first `WINDOW` steps; empty while there are fewer."""
    begun = rows[:WINDOW]
    if len(begun) < WINDOW:
        return {}
    return {
        price: Reference(_mean(begun, f"score/w={price:g}"), _mean(begun, f"user_effort/w={price:g}"))
        for price in _prices(begun)
    }


def collapses(
    rows: Sequence[Row], reference: Mapping[float, Reference] | None = None, begun: Sequence[Row] = ()
) -> dict[Collapse, str]:
    """The collapses that the last `WINDOW` of `rows` agree on, each with what shows it.

    Without a `reference` by price, the rows of the first steps (`begun`) give one.
    Rows need ``unparsable`` (share of turns), ``zero_variance`` (share of groups) and ``score``, and ``score/w=..`` and
    ``user_effort/w=..`` for each price that a step had; others are taken for healthy where they are missing.
    """
    recent = rows[-WINDOW:]
    if len(recent) < WINDOW:
        return {}
    if all(row["unparsable"] > 0.5 for row in recent):
        return {Collapse.BABBLE: f"{_mean(recent, 'unparsable'):.0%} of the turns hold no readable action"}
    found: dict[Collapse, str] = {}
    goal = reference or first_steps(begun)
    known = [price for price in _prices(recent) if price in goal]
    worse = [price for price in known if _worth(recent, price) < goal[price].worth(price) - _SLACK]
    mute = [price for price in known if _is_silent(recent, price, goal[price])]
    acting = [price for price in known if price not in mute and goal[price].user_effort > 0]
    silent = [price for price in worse if price in mute and not any(each > price for each in acting)]
    if silent:
        kind = Collapse.PRICED_OUT if acting else Collapse.SILENCE
        would = ", ".join(f"{goal[price].user_effort:.2g} at {price:g}" for price in silent)
        found[kind] = f"hardly a user turn, where {would} would pay"
    if worse and all(_asks_on(row) for row in recent):
        found[Collapse.ASKING] = f"{_mean(recent, 'user_effort'):.1f} of {_mean(recent, 'turns'):.1f} turns involve the user"
    if reference and len(known) > 1 and known[-1] in worse:
        wanted = goal[known[0]].user_effort - goal[known[-1]].user_effort
        shown = _effort(recent, known[0]) - _effort(recent, known[-1])
        if wanted > 0 and shown < _BENDS * wanted and not silent:
            efforts = f"{_effort(recent, known[0]):.1f} user turns at {known[0]:g} and {_effort(recent, known[-1]):.1f} at"
            found[Collapse.FLAT] = f"{efforts} {known[-1]:g}, where {wanted:.1f} fewer would be best"
    good = bool(reference) and not worse
    if all(row["zero_variance"] > 0.95 for row in recent) and not good:
        if all(row.get("sampled_entropy", 1.0) < _SURE and row["score"] < 0.95 for row in recent):
            entropy, share = _mean(recent, "sampled_entropy"), _mean(recent, "zero_variance")
            found[Collapse.NO_EXPLORATION] = f"entropy {entropy:.2g} a token, {share:.0%} of the groups without a difference"
        elif all(row["score"] < 0.5 for row in recent):
            found[Collapse.FROZEN] = f"{_mean(recent, 'zero_variance'):.0%} of the groups are without a difference"
    return found


def _is_silent(rows: Sequence[Row], price: float, reference: Reference) -> bool:
    """Whether in every step with this price there was hardly any of the effort that the reference has."""
    name = f"user_effort/w={price:g}"
    return all(row[name] < _SILENT * reference.user_effort for row in rows if name in row)


def _asks_on(row: Row) -> bool:
    """Whether nearly every turn involves the user, and nearly no episode ends otherwise than by running out."""
    stopped = row.get("stop/max_turns", 0.0) + row.get("stop/user_left", 0.0)
    return stopped > 0.8 and row.get("user_effort", 0.0) > 0.9 * row.get("turns", np.inf)


def _worth(rows: Sequence[Row], price: float) -> float:
    return _mean(rows, f"score/w={price:g}") - price * _effort(rows, price)


def _effort(rows: Sequence[Row], price: float) -> float:
    return _mean(rows, f"user_effort/w={price:g}")


def _prices(rows: Sequence[Row]) -> list[float]:
    return sorted({float(name.partition("=")[2]) for row in rows for name in row if name.startswith("user_effort/w=")})


def _mean(rows: Sequence[Row], name: str) -> float:
    """Over the rows that have it."""
    return float(np.mean([row[name] for row in rows if name in row]))
