"""Name a training collapse when it happens, so that nobody has to read it off a curve afterwards."""

from collections.abc import Mapping, Sequence
from enum import StrEnum


class Collapse(StrEnum):
    SILENCE = "silence"
    """The policy hardly ever answers: doing nothing has become its best policy."""
    BABBLE = "babble"
    """Most turns hold no readable action."""
    FROZEN = "frozen"
    """No group differs within itself, so nothing can be learned from them, while the score is poor."""


ADVICE: Mapping[Collapse, str] = {
    Collapse.SILENCE: "lower the effort weights or the learning rate; see the largest paying weight printed at the start",
    Collapse.BABBLE: "lower grpo.learning_rate, or strengthen the warm start (sft.demonstrations)",
    Collapse.FROZEN: "raise grpo.temperature or grpo.entropy, or use harder tasks (gym.levels)",
}

_WINDOW = 3


def name_collapse(history: Sequence[Mapping[str, float]]) -> Collapse | None:
    """The collapse that the last three steps agree on, or None.

    Each row needs ``answered`` (share of trajectories with an answer), ``unparsable`` (share of turns), ``zero_variance``
    (share of groups) and ``score``.
    """
    recent = history[-_WINDOW:]
    if len(recent) < _WINDOW:
        return None
    if all(row["unparsable"] > 0.5 for row in recent):
        return Collapse.BABBLE
    if all(row["answered"] < 0.1 for row in recent):
        return Collapse.SILENCE
    if all(row["zero_variance"] > 0.95 and row["score"] < 0.5 for row in recent):
        return Collapse.FROZEN
    return None
