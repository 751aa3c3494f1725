"""The measures by name: what each is, which way is better, and whether it is a rate.

One list for the summaries, the comparison, the frontier's objectives and the documentation (docs/measures.md).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from bao.measures.behaviors import Behavior


class Direction(StrEnum):
    """Which way a measure is better."""

    MAX = "max"
    MIN = "min"
    NONE = "none"
    """Descriptive: neither way is better by itself."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One measure of an episode."""

    name: str
    direction: Direction
    about: str
    rate: bool = False
    """Lies in [0, 1]: its interval is `bao.measures.intervals.rate_interval`."""


PASS_AT_U = tuple(range(1, 10))
"""The k of Pass@U-k."""

BEHAVIORS = {behavior: f"behavior_{behavior}" for behavior in Behavior}
"""The measure of each behaviour's rate."""

_MAX, _MIN, _NONE = Direction.MAX, Direction.MIN, Direction.NONE

_ALL = (
    Measure("score", _MAX, "task return R", rate=True),
    Measure("best_score", _MAX, "the best return among a task's episodes", rate=True),
    Measure("success", _MAX, "share of the episodes that solved their task", rate=True),
    *(Measure(f"pass_at_u_{k}", _MAX, f"solved within the first {k} user-involving turns", rate=True) for k in PASS_AT_U),
    Measure("user_effort", _MIN, "user-involving turns, U"),
    Measure("user_involvement_rate", _MIN, "user-involving turns per turn, UR", rate=True),
    Measure("turns", _MIN, "turns of an episode"),
    Measure("tokens", _MIN, "tokens that the agent wrote (words where its policy has no tokens)"),
    Measure("unparsable", _MIN, "share of the turns without a readable action", rate=True),
    Measure("satisfaction", _MAX, "estimate of the user's satisfaction, where the user has a persona", rate=True),
    Measure("seconds", _MIN, "wall seconds of an episode"),
    Measure("seconds_per_turn", _MIN, "wall seconds of a turn"),
    Measure("tokens_in", _MIN, "tokens that the agent's model read, each call's whole prompt"),
    Measure("tokens_out", _MIN, "tokens that the agent's model wrote"),
    Measure("money", _MIN, "price of the tokens read and written, in the price table's currency"),
    Measure("repeated", _MIN, "share of the queries that repeat an earlier one of the episode", rate=True),
    Measure("zero_information", _MIN, "share of the queries that told nothing new, where the gym can tell", rate=True),
    Measure("bits_per_query", _MAX, "information per query, where the gym can tell"),
    Measure("self_bleu", _MIN, "how alike an episode's queries are, by words", rate=True),
    Measure("embedding_diversity", _MAX, "how unlike an episode's queries are, by embedding"),
    *(Measure(name, _NONE, f"share of the turns whose thinking shows {b.words}", rate=True) for b, name in BEHAVIORS.items()),
)

MEASURES: Mapping[str, Measure] = {measure.name: measure for measure in _ALL}
"""Every measure, in the order in which it is shown."""

RATES = frozenset(measure.name for measure in _ALL if measure.rate)
"""The measures that lie in [0, 1]."""
