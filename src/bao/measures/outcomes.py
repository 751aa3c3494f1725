"""What an episode earned, and what it took of the user (method: arXiv 2602.11351, section 5)."""

import math
from collections.abc import Sequence

from bao.measures.catalogue import PASS_AT_U
from bao.trajectory import Trajectory


def outcomes(episodes: Sequence[Trajectory]) -> dict[str, list[float]]:
    """By measure, one value an episode.

    ``score``: return R; ``success``: solved; ``pass_at_u_k``: solved within k user-involving turns; ``user_effort``: U;
    ``user_involvement_rate``: U / turns; ``questions``: what the user was asked; ``verbosity``: words they had to read;
    ``turns``; ``tokens``; ``unparsable``: share of the turns without a readable action; ``satisfaction``: the estimate of
    `bao.users.satisfaction`, NaN for a user without a persona; ``within_budget``: whether U was at most the budget that was
    told; ``over_budget``: the user turns beyond it; both NaN where none was told; ``repaired``: replies of the
    user that rules said, NaN where no model plays it.
    """
    over = [math.nan if episode.over_budget is None else float(episode.over_budget) for episode in episodes]
    efforts = [episode.solved_at_effort for episode in episodes]
    columns: dict[str, list[float]] = {
        "score": [episode.task_return for episode in episodes],
        "success": [float(episode.success) for episode in episodes],
        "user_effort": [episode.user_effort for episode in episodes],
        "user_involvement_rate": [episode.involvement_rate for episode in episodes],
        "questions": [episode.questions for episode in episodes],
        "verbosity": [episode.verbosity for episode in episodes],
        "turns": [len(episode.turns) for episode in episodes],
        "tokens": [episode.tokens for episode in episodes],
        "unparsable": [_unparsable_share(episode) for episode in episodes],
        "satisfaction": [math.nan if episode.satisfaction is None else episode.satisfaction for episode in episodes],
        "within_budget": [each if math.isnan(each) else float(each == 0) for each in over],
        "over_budget": over,
        "repaired": [math.nan if episode.repaired is None else float(episode.repaired) for episode in episodes],
    }
    for k in PASS_AT_U:
        columns[f"pass_at_u_{k}"] = [float(effort is not None and effort <= k) for effort in efforts]
    return columns


def _unparsable_share(episode: Trajectory) -> float:
    return sum(turn.parse_fault is not None for turn in episode.turns) / len(episode.turns) if episode.turns else 0.0
