"""Which of many episodes to read first: the worst, the most expensive, the most disputed, each with the reason why.

Only healthy episodes are picked. An episode is told against what is usual for its policy, so that a policy that always fails
does not fill the gallery with failures that nobody wonders at.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from enum import StrEnum
from statistics import fmean
from typing import NamedTuple

from bao.reporting.archive import EpisodeRow, by_policy


class Room(StrEnum):
    """What an episode can be picked for."""

    WORST = "worst"
    """The lowest return; of equal ones, where other episodes of the task do better."""
    EXPENSIVE = "expensive"
    """The most user effort; of equal ones, where it bought least."""
    DISPUTED = "disputed"
    """A task that is solved by one policy or seed and not by another."""


class Pick(NamedTuple):
    """One or two episodes worth reading."""

    episodes: tuple[int, ...]
    """Their places among the rows; of a dispute, the one that failed and the one that solved the task."""
    why: str
    surprise: float
    """How far this is from what is usual: orders picks across policies."""


def gallery(
    rows: Sequence[EpisodeRow], each: int = 3, disputes: int = 12, without: Collection[str] = ()
) -> dict[Room, list[Pick]]:
    """The picks of every room: `each` of a policy in the first two, `disputes` in the last; most surprising first.

    Policies `without` have no part in it: they know the task, so that nobody wonders at what they do.

    A solved episode that is no worse than its policy's mean is not among the worst, even of a policy that fails in nothing.
    """
    shown = [(label, own) for label, own in by_policy(rows) if label not in without]
    found = {
        Room.WORST: [
            pick
            for _, own in shown
            for pick in worst(rows, own)[:each]
            if pick.surprise > 0 or not rows[pick.episodes[0]].success
        ],
        Room.EXPENSIVE: [pick for _, own in shown for pick in expensive(rows, own)[:each]],
    }
    ranked = {room: sorted(picks, key=lambda pick: -pick.surprise) for room, picks in found.items()}
    return {**ranked, Room.DISPUTED: disputed(rows, without)[:disputes]}


def picks(rows: Sequence[EpisodeRow], room: Room) -> list[Pick]:
    """All episodes in the order of `room`, over all policies together."""
    if room == Room.DISPUTED:
        return disputed(rows)
    order = worst if room == Room.WORST else expensive
    return order(rows, [index for index, row in enumerate(rows) if row.healthy])


def worst(rows: Sequence[EpisodeRow], own: Sequence[int]) -> list[Pick]:
    """The episodes `own`, lowest return first; of equal ones, first those of tasks that most other episodes solve."""
    means, solved = _means(rows, lambda row: row.score), _solved(rows)

    def others(row: EpisodeRow) -> tuple[int, int]:
        won, played = solved[row.task]
        return won - row.success, played - 1

    def key(index: int) -> tuple[float, float, int]:
        row = rows[index]
        won, played = others(row)
        return row.score, -won / max(played, 1), -row.effort

    found = []
    for index in sorted(own, key=key):
        row = rows[index]
        won, played = others(row)
        elsewhere = f"; {won} of {played} other episodes of this task solved it" if played else ""
        why = f"Return {row.score:.2f}, where {row.policy} has {means[row.policy]:.2f} on average{elsewhere}."
        found.append(Pick((index,), why, means[row.policy] - row.score))
    return found


def expensive(rows: Sequence[EpisodeRow], own: Sequence[int]) -> list[Pick]:
    """The episodes `own`, most user-involving turns first; of equal ones, first those with the lower return."""
    means = _means(rows, lambda row: row.effort)
    found = []
    for index in sorted(own, key=lambda index: (-rows[index].effort, rows[index].score)):
        row = rows[index]
        bought = "solved" if row.success else f"not solved, return {row.score:.2f}"
        why = f"{_turns(row.effort)}, where {row.policy} takes {means[row.policy]:.1f} on average; {bought}."
        found.append(Pick((index,), why, row.effort - means[row.policy]))
    return found


def disputed(rows: Sequence[EpisodeRow], without: Collection[str] = ()) -> list[Pick]:
    """One pick for each task with opposite outcomes, the most evenly split task first.

    Of its episodes stand against each other: a failure by the policy that succeeds most, and a success by the one that
    succeeds least. Of equally split tasks, first the one where these two lie furthest apart.
    """
    rates = _means(rows, lambda row: float(row.success))
    tasks: dict[str, list[int]] = {}
    for index, row in enumerate(rows):
        if row.healthy and row.policy not in without:
            tasks.setdefault(row.task, []).append(index)
    found = []
    for members in tasks.values():
        won = [index for index in members if rows[index].success]
        lost = [index for index in members if not rows[index].success]
        if not won or not lost:
            continue
        failed = max(lost, key=lambda index: (rates[rows[index].policy], rows[index].effort))
        solver = min(won, key=lambda index: (rates[rows[index].policy], rows[index].effort))
        upset = rates[rows[failed].policy] - rates[rows[solver].policy]
        split = 4 * len(won) * len(lost) / len(members) ** 2
        why = f"{len(won)} of {len(members)} episodes of this task are solved. {_stand(rows, rates, failed, solver)}"
        found.append((round(split, 6), Pick((failed, solver), why, upset)))
    return [pick for _, pick in sorted(found, key=lambda each: (-each[0], -each[1].surprise))]


def _stand(rows: Sequence[EpisodeRow], rates: Mapping[str, float], failed: int, solver: int) -> str:
    loser, winner = rows[failed], rows[solver]
    if loser.policy == winner.policy:
        return (
            f"{loser.policy} fails under seed {loser.seed} after {_turns(loser.effort)} and solves it under seed {winner.seed} "
            f"with {winner.effort}."
        )
    return (
        f"{loser.policy}, which solves {rates[loser.policy]:.0%} of all, fails after {_turns(loser.effort)}; "
        f"{winner.policy}, which solves {rates[winner.policy]:.0%}, solves it with {winner.effort}."
    )


def _turns(effort: int) -> str:
    return f"{effort} user turn{'' if effort == 1 else 's'}"


def _means(rows: Sequence[EpisodeRow], value: Callable[[EpisodeRow], float]) -> dict[str, float]:
    return {label: fmean(value(rows[index]) for index in own) for label, own in by_policy(rows)}


def _solved(rows: Sequence[EpisodeRow]) -> dict[str, tuple[int, int]]:
    """By task: healthy episodes solved, and healthy episodes."""
    counts: dict[str, tuple[int, int]] = {}
    for row in rows:
        if row.healthy:
            won, played = counts.get(row.task, (0, 0))
            counts[row.task] = (won + row.success, played + 1)
    return counts
