"""Queries that could have been spared: repeated ones, and those that told nothing new.

A query is a readable ``action`` or ``search``. A gym that knows what an agent can have inferred says how many bits each query
told (`bao.gym.Belief`); elsewhere there is no figure.
"""

import re
import unicodedata
from collections.abc import Sequence

from bao.action import ActionKind
from bao.trajectory import Trajectory, Turn

NAN = float("nan")
_TOKEN = re.compile(r"[+-]?\d+(?:\.\d+)?|[^\W\d_]+|_")
_QUERIES = (ActionKind.ACTION, ActionKind.SEARCH)


def queries(episode: Trajectory) -> list[Turn]:
    """The turns that asked or looked something up."""
    return [turn for turn in episode.turns if turn.parse_fault is None and turn.action.kind in _QUERIES]


def tokens(text: str) -> tuple[str, ...]:
    """The words and signed numbers of a text, its case, spacing and punctuation dropped (Unicode NFKC)."""
    return tuple(_TOKEN.findall(unicodedata.normalize("NFKC", text).casefold()))


def redundancy(episodes: Sequence[Trajectory]) -> dict[str, list[float]]:
    """By measure, one value an episode, NaN where there is nothing to share out.

    ``repeated``: share of the queries whose kind and `tokens` an earlier one had. It sees no paraphrase, and it counts a
    look-up that was repeated with reason, because the state had changed. ``zero_information``: share of the queries with a
    known information that told 0 bits; ``bits_per_query``: their mean.
    """
    asked = [queries(episode) for episode in episodes]
    bits = [[turn.information for turn in turns if turn.information is not None] for turns in asked]
    return {
        "repeated": [_repeated(turns) for turns in asked],
        "zero_information": [sum(value <= 0 for value in known) / len(known) if known else NAN for known in bits],
        "bits_per_query": [sum(known) / len(known) if known else NAN for known in bits],
    }


def _repeated(turns: Sequence[Turn]) -> float:
    if not turns:
        return NAN
    # A query without a word or number (a lone question mark) is compared as it is.
    distinct = {(turn.action.kind, tokens(turn.action.content) or turn.action.content) for turn in turns}
    return 1 - len(distinct) / len(turns)
