"""The seven stances that a user can take towards a claim, and what moving along them earns."""

from collections.abc import Iterable, Mapping
from enum import StrEnum

from bao.trajectory import Fault, FaultError


class Stance(StrEnum):
    """From holding the claim to rejecting it, one level apart. UserRL's scale of seven has the same two ends."""

    STRONGLY_AGREE = "Strongly Agree"
    AGREE = "Agree"
    PARTLY_AGREE = "Partly Agree"
    NEUTRAL = "Neutral"
    PARTLY_DISAGREE = "Partly Disagree"
    DISAGREE = "Disagree"
    STRONGLY_DISAGREE = "Strongly Disagree"


STANCES: tuple[Stance, ...] = tuple(Stance)
"""By level: 0 holds the claim strongly, 6 rejects it strongly."""
LEVEL: Mapping[str, int] = {stance: level for level, stance in enumerate(STANCES)}
TOP = len(STANCES) - 1


def read_stance(text: str) -> Stance:
    """The stance that `text` spells out exactly.

    Raises `FaultError` (``user_malformed``) on anything else. UserRL counts an unknown text as no move but stores it as the
    stance from which the next move is counted.
    """
    level = LEVEL.get(text)
    if level is None:
        raise FaultError(Fault.USER_MALFORMED, f"stance={text!r} is none of {', '.join(STANCES)}")
    return STANCES[level]


def rewards(stances: Iterable[Stance]) -> list[float]:
    """The gym's reward for each stance in turn, from Strongly Agree on: r_t = (b_t - b_(t-1)) / 6, b the highest level so far.

    The rewards add up to b_T / 6, so an episode earns at most 1 and going back and forth earns nothing more.
    """
    found = []
    best = 0
    for stance in stances:
        level = max(best, LEVEL[stance])
        found.append((level - best) / TOP)
        best = level
    return found


def userrl_rewards(stances: Iterable[Stance]) -> list[float]:
    """UserRL's reward for the same stances: r_t = max(0, l_t - l_(t-1)) / 6, l the level, rounded to six places.

    Equal to `rewards` where the stance never falls back. Where it does, the sum has no bound: 16 turns between Disagree and
    Strongly Agree earn 6.67.
    """
    found = []
    last = 0
    for stance in stances:
        found.append(round(max(0, LEVEL[stance] - last) / TOP, 6))
        last = LEVEL[stance]
    return found
