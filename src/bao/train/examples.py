"""What an update learns from: traces with their advantages, demonstrations as traces, and the batches they come in."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from bao.models.template import Template
from bao.train.demonstrations import Demonstration
from bao.trajectory import TokenTrace


@dataclass(frozen=True)
class Example:
    """A trace to learn from; ``advantages`` [turns] where the objective credits turns."""

    trace: TokenTrace
    advantages: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))


def encode(demonstration: Demonstration, template: Template, *, observations: bool = False) -> TokenTrace:
    """A demonstration as a trace: ``turn`` is -1 where there is no loss.

    That is on turns that carry none, and on observations unless `observations`, which then count to the turn before them.
    """
    ids: list[int] = []
    turn: list[int] = []
    for index, (text, reply, loss) in enumerate(demonstration.turns):
        written = template.turn_ids(text)
        ids += written
        turn += [index if loss else -1] * len(written)
        if index < len(demonstration.turns) - 1:
            observation = template.observation_ids(reply, True)
            ids += observation
            turn += [index if observations else -1] * len(observation)
    return TokenTrace(
        np.array(template.prompt_ids(demonstration.system, demonstration.opening), np.int32),
        np.array(ids, np.int32),
        np.array(turn, np.int16),
        np.zeros(len(ids), np.float32),
    )


def single_turn_batches(
    demonstrations: Sequence[Demonstration], template: Template, updates: int, size: int, seed: int
) -> list[list[TokenTrace]]:
    """For each of `updates` the `single_turns` of `size` demonstrations that are drawn from `seed`."""
    rng = np.random.default_rng([seed, updates])
    drawn = rng.integers(len(demonstrations), size=(updates, size))
    found = ([trace for i in row for trace in single_turns(demonstrations[i], template)] for row in drawn)
    return [batch for batch in found if batch]


def single_turns(demonstration: Demonstration, template: Template) -> list[TokenTrace]:
    """The turns of a demonstration that carry loss, each as a trace whose prompt is the reply before it alone.

    The first turn has none.
    """
    found = []
    for (_, reply, _), (text, _, loss) in pairwise(demonstration.turns):
        if loss:
            ids = template.turn_ids(text)
            found.append(
                TokenTrace(
                    np.array(template.observation_ids(reply, True), np.int32),
                    np.array(ids, np.int32),
                    np.zeros(len(ids), np.int16),
                    np.zeros(len(ids), np.float32),
                )
            )
    return found


def loss_positions(traces: Iterable[TokenTrace]) -> int:
    """Tokens that carry loss."""
    return sum(int((trace.turn >= 0).sum()) for trace in traces)


def batches(traces: Sequence[TokenTrace], size: int, seed: int, epoch: int) -> list[list[int]]:
    """The indices of `traces` in batches of `size` of similar length, in an order drawn from (`seed`, `epoch`)."""
    rng = np.random.default_rng([seed, epoch])
    order = rng.permutation(len(traces)).tolist()
    found = []
    for begin in range(0, len(order), size * 16):
        block = sorted(order[begin : begin + size * 16], key=lambda i: len(traces[i].ids))
        found += [block[i : i + size] for i in range(0, len(block), size)]
    return [found[i] for i in rng.permutation(len(found))]
