"""One detail of a request, and what it earns to uncover some of them.

A question that uncovers k details earns 1.0, 0.7 or 0.4 for the most important of them (importance 3, 2, 1), less 0.2 for each
of the other k - 1, and never less than 0. This is UserRL's reward; here it is counted in tenths, so that sums are exact.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

TENTHS: Mapping[int, int] = MappingProxyType({3: 10, 2: 7, 1: 4})
"""What a detail earns by its importance, in tenths, where it is asked about alone."""
FURTHER = 2
"""What each further detail in the same question takes away, in tenths."""


@dataclass(frozen=True, slots=True)
class Detail:
    """One thing that the user has in mind and a good answer to the request depends on."""

    description: str
    importance: int
    """3 (the work cannot begin without it), 2 or 1."""
    inquiry: str
    """A question that asks for it."""
    options: tuple[str, ...]
    """What the user may have in mind; each episode settles on one."""
    words: str = ""
    """Further words by which a question may name it."""


def points(details: Sequence[Detail], covered: Iterable[int]) -> int:
    """What one question earns that newly uncovers these indices of `details`, in tenths; an index given twice counts once."""
    importances = [details[index].importance for index in set(covered)]
    if not importances:
        return 0
    return max(0, TENTHS[max(importances)] - FURTHER * (len(importances) - 1))


def best_points(details: Iterable[Detail]) -> int:
    """The most that an episode can earn, in tenths: every detail asked about alone."""
    return sum(TENTHS[detail.importance] for detail in details)
