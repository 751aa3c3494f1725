"""The situations in which a teacher chose, and its choices: what values are measured for.

A *choice* is the kind of a turn's action. A *situation* is what the choice goes by, as a key that recurs over tasks. It begins
with the kind of the action before; the rest comes from one of

* ``thinking``: what the teacher thought before it decided. Teachers think in clauses, the decision last (`CLAUSE`); the key is
  the others, with words copied from the conversation masked and counts of turns left out. No code of the gym is needed.
* ``belief``: the gym's `Belief`: how many bits the last query told and all so far, and how many turns involved the user. For
  plays without such thinking, a model's above all.
* ``clusters``: the text that the choice was made on (opening, last reply, thinking), as one of some clusters, and how many
  turns involved the user. For a gym without a `Belief`.
"""

import re
from collections.abc import Sequence
from enum import StrEnum

import numpy as np
from scipy.cluster.vq import kmeans2

from bao.errors import ConfigError
from bao.gym import Gym
from bao.measures.intervals import Floats
from bao.policies.teacher import CLAUSE
from bao.task import Task
from bao.trajectory import Trajectory, Turn

_WORD = re.compile(r"[A-Za-z0-9]+")
_TURNS_LEFT = re.compile(r"\d+ turns?\b")
_START = "start"
_FEATURES = 256
"""Buckets that the words of a text are hashed into, before it is put into a cluster."""


class Situations(StrEnum):
    """Where the situations of plays come from."""

    THINKING = "thinking"
    BELIEF = "belief"
    CLUSTERS = "clusters"


def situations(
    plays: Sequence[Trajectory], how: Situations, gym: Gym, tasks: Sequence[Task], *, clusters: int = 48, seed: int = 0
) -> list[list[str]]:
    """The situation of every turn of every play; ``tasks[i]`` is the task of ``plays[i]``.

    Raises `ConfigError` where the gym has no `Belief` to go by.
    """
    if how is Situations.THINKING:
        return [_by_thinking(each) for each in plays]
    if how is Situations.BELIEF:
        return [_by_belief(each, gym, task) for each, task in zip(plays, tasks, strict=True)]
    return _by_cluster(plays, clusters, seed)


def split_decision(thinking: str) -> tuple[str, str]:
    """Thinking as what the decision goes by, and the decision: the last clause; all of it where there is but one."""
    head, _, decision = thinking.rpartition(CLAUSE)
    return head, decision


def _previous(turns: Sequence[Turn]) -> list[str]:
    return [_START, *(str(turn.action.kind) for turn in turns)][: len(turns)]


def _by_thinking(play: Trajectory) -> list[str]:
    heard = set(_WORD.findall(play.opening.lower()))
    keys = []
    for previous, turn in zip(_previous(play.turns), play.turns, strict=True):
        words = _WORD.findall(_TURNS_LEFT.sub("", split_decision(turn.thinking)[0]))
        masked = ("_" if word.lower() in heard and not word.isdigit() else word for word in words)
        keys.append(f"{previous}: {' '.join(masked)}")
        heard.update(_WORD.findall(turn.reply.lower()))
    return keys


def _by_belief(play: Trajectory, gym: Gym, task: Task) -> list[str]:
    belief = gym.belief(task)
    if belief is None:
        raise ConfigError(
            f"sft.situations='belief' needs a gym that knows its Belief, and {gym.name} with these settings does not: take "
            "'thinking' where the teacher thinks in clauses, or 'clusters'"
        )
    keys, told, last, effort = [], 0.0, 0.0, 0
    for previous, turn in zip(_previous(play.turns), play.turns, strict=True):
        keys.append(f"{previous}: {told:.1f} bits, {last:.1f} by the last, {effort} user turns")
        bits = None if turn.parse_fault is not None else belief.observe(turn.action, turn.reply)
        last = 0.0 if bits is None else bits
        told, effort = told + last, effort + turn.involves_user
    return keys


def _by_cluster(plays: Sequence[Trajectory], clusters: int, seed: int) -> list[list[str]]:
    texts, places, heads = [], [], []
    for number, play in enumerate(plays):
        reply, effort = play.opening, 0
        for previous, turn in zip(_previous(play.turns), play.turns, strict=True):
            texts.append(f"{reply} {split_decision(turn.thinking)[0]}")
            places.append(number)
            heads.append(f"{previous}: {effort} user turns")
            reply, effort = turn.reply, effort + turn.involves_user
    found: list[list[str]] = [[] for _ in plays]
    for number, head, cluster in zip(places, heads, _clusters(texts, clusters, seed), strict=True):
        found[number].append(f"{head}, cluster {cluster}")
    return found


def _clusters(texts: Sequence[str], count: int, seed: int) -> list[int]:
    """The cluster of each text: k-means over hashed words, weighted by how rare they are."""
    table: Floats = np.zeros((len(texts), _FEATURES))
    for row, text in enumerate(texts):
        for word in _WORD.findall(text.lower()):
            table[row, _bucket(word)] += 1.0
    if not len(table):
        return []
    rarity = np.log((1 + len(table)) / (1 + (table > 0).sum(axis=0)))
    table = np.log1p(table) * rarity
    table /= np.maximum(np.linalg.norm(table, axis=1, keepdims=True), 1e-9)
    rng = np.random.default_rng(seed)
    some = table[rng.permutation(len(table))[:20_000]]
    centres, _ = kmeans2(some, min(count, len(some)), minit="++", seed=rng)
    nearest = (np.square(centres).sum(axis=1) - 2 * table @ centres.T).argmin(axis=1)
    return [int(each) for each in nearest]


def _bucket(word: str) -> int:
    value = 0
    for letter in word:  # Python's own hash differs from process to process
        value = (value * 31 + ord(letter)) % 1_000_003
    return value % _FEATURES
