"""What one action led to: what every hook of a gym returns."""

from typing import NamedTuple


class Outcome(NamedTuple):
    """What one action led to."""

    reply: str
    reward: float = 0.0
    """Normalised so that a whole episode earns at most 1."""
    done: bool = False
    success: bool = False
