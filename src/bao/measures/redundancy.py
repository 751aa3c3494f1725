"""Queries that could have been spared: repeated ones, and those that told nothing new.

A query is a readable ``action`` or ``search``. A gym that knows what an agent can have inferred says how many bits each query
told (`bao.gym.Belief`); elsewhere that has no figure, and what told nothing new is found by the texts.

The user-involvement rate U / n is dodged by searches that tell nothing: they raise n, and break up the runs of user turns that
a penalty on consecutive ones counts. So idle searches and repeated questions are counted beside it (`idle_searches`,
`repeated_questions`).
"""

import re
import unicodedata
from collections.abc import Sequence

from bao.action import ActionKind
from bao.trajectory import Trajectory, Turn
from bao.users.repetition import gist, same

NAN = float("nan")
_TOKEN = re.compile(r"[+-]?\d+(?:\.\d+)?|[^\W\d_]+|_")
_QUERIES = (ActionKind.ACTION, ActionKind.SEARCH)
_Key = tuple[str, tuple[str, ...] | str]


def queries(episode: Trajectory) -> list[Turn]:
    """The turns that asked or looked something up."""
    return [turn for turn in episode.turns if _is_query(turn)]


def tokens(text: str) -> tuple[str, ...]:
    """The words and signed numbers of a text, its case, spacing and punctuation dropped (Unicode NFKC)."""
    return tuple(_TOKEN.findall(unicodedata.normalize("NFKC", text).casefold()))


def idle_searches(episode: Trajectory) -> int:
    """Environment actions (queries that do not involve the user) that told nothing new.

    Where the gym says how many bits a query told, those that told none. Elsewhere a query whose kind and `tokens` an earlier
    one of the episode had, and a search whose reply was in the episode before, as the opening or an earlier reply. An
    ``action`` is not judged by its reply, since a "no" tells as much the second time.
    """
    count = 0
    asked: set[_Key] = set()
    read = {tokens(episode.opening)}
    for turn in episode.turns:
        reply = tokens(turn.reply)
        if _is_query(turn):
            known = reply in read and turn.action.kind == ActionKind.SEARCH
            idle = _key(turn) in asked or known if turn.information is None else turn.information <= 0
            count += idle and not turn.involves_user
            asked.add(_key(turn))
        read.add(reply)
    return count


def repeated_questions(episode: Trajectory) -> int:
    """Questions to the user (``action`` turns that involve the user) that ask what an earlier one of the episode asked.

    By their words, politeness and order apart (`bao.users.repetition`).
    """
    asked: list[frozenset[str]] = []
    count = 0
    for turn in queries(episode):
        if turn.involves_user and turn.action.kind == ActionKind.ACTION:
            about = gist(turn.action.content)
            count += any(same(about, earlier) for earlier in asked)
            asked.append(about)
    return count


def redundancy(episodes: Sequence[Trajectory]) -> dict[str, Sequence[float]]:
    """By measure, one value an episode, NaN where there is nothing to share out.

    ``repeated``: share of the queries whose kind and `tokens` an earlier one had. It sees no paraphrase, and it counts a
    look-up that was repeated with reason, because the state had changed. ``zero_information``: share of the queries with a
    known information that told 0 bits; ``bits_per_query``: their mean. `idle_searches` and `repeated_questions` are counts, and
    their rates shares of all turns (0 in an episode without turns).
    """
    idle, again = ([count(episode) for episode in episodes] for count in (idle_searches, repeated_questions))
    turns = [max(1, len(episode.turns)) for episode in episodes]
    asked = [queries(episode) for episode in episodes]
    bits = [[turn.information for turn in turns if turn.information is not None] for turns in asked]
    return {
        "idle_searches": idle,
        "idle_search_rate": [count / n for count, n in zip(idle, turns, strict=True)],
        "repeated_questions": again,
        "repeated_question_rate": [count / n for count, n in zip(again, turns, strict=True)],
        "repeated": [_repeated(turns) for turns in asked],
        "zero_information": [sum(value <= 0 for value in known) / len(known) if known else NAN for known in bits],
        "bits_per_query": [sum(known) / len(known) if known else NAN for known in bits],
    }


def _repeated(turns: Sequence[Turn]) -> float:
    if not turns:
        return NAN
    return 1 - len({_key(turn) for turn in turns}) / len(turns)


def _key(turn: Turn) -> _Key:
    """By what queries are compared; one without a word or number (a lone question mark) goes as it is."""
    return turn.action.kind, tokens(turn.action.content) or turn.action.content


def _is_query(turn: Turn) -> bool:
    return turn.parse_fault is None and turn.action.kind in _QUERIES
