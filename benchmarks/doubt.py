"""What it costs that an episode samples the same in every batch: ``OMP_NUM_THREADS=1 python -m benchmarks.doubt --out FOLDER``.

The embedded model, warm-started as in `benchmarks.work`, plays 160 episodes of the quickstart's tasks at once in each of six
runs (seeds 0 to 5). Each batch of logits is drawn from twice, in turns first: by `bao.models.draw` and by plain inverse
CDF, whose tokens are thrown away. The cost is the CPU time of the former less that of the latter, and all that is spent on
deciding doubtful draws alone, as a share of the CPU time of the run with the latter.
"""

import argparse
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import stats
from torch import Tensor

from bao.models import engine as engines
from bao.models.draw import Draw, draw
from bao.models.engine import Engine
from bao.models.local import load_local
from bao.reporting.terminal import TerminalProgress
from bao.rollout.request import Request
from benchmarks import work

RUNS = 6
EPISODES = 160


def inverse_cdf(logits: Tensor, temperature: float, noise: Any) -> list[float]:
    """The cheapest way to sample, of which rounding can turn any draw."""
    if temperature == 0:
        tokens, logprobs = logits.argmax(-1, keepdim=True), torch.log_softmax(logits, -1)
    else:
        logprobs = torch.log_softmax(logits / temperature, -1)
        cumulative = logprobs.exp().cumsum(-1)
        target = torch.from_numpy(noise[:, :1]) * cumulative[:, -1:]
        tokens = torch.searchsorted(cumulative, target, right=True).clamp_(max=logits.shape[1] - 1)
    values: list[float] = logprobs.gather(1, tokens).squeeze(1).tolist()
    return values


class Clock:
    """CPU seconds in the two ways of drawing and in deciding alone, in a process whose engine is patched to tell them."""

    def __init__(self) -> None:
        self.drawing = self.plain = self.alone = 0.0
        self._first = False
        self._decide = engines._Run._alone
        engines.draw = self._draw
        engines._Run._alone = lambda run, episode: self._alone(run, episode)  # type: ignore[method-assign]

    def _draw(self, logits: Tensor, temperature: float, noise: Any, near: float) -> Draw:
        start = time.process_time()
        if self._first:
            inverse_cdf(logits, temperature, noise)
            self.plain += time.process_time() - start
            start = time.process_time()
        drawn = draw(logits, temperature, noise, near)
        self.drawing += time.process_time() - start
        if not self._first:
            start = time.process_time()
            inverse_cdf(logits, temperature, noise)
            self.plain += time.process_time() - start
        self._first = not self._first
        return drawn

    def _alone(self, run: Any, episode: Any) -> Tensor:
        start = time.process_time()
        logits = self._decide(run, episode)
        self.alone += time.process_time() - start
        return logits


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of the warm-started model, made where it is not there")
    parser.add_argument("--temperature", type=float, default=1.0)
    options = parser.parse_args()
    played = work.tiny(options.out, TerminalProgress())
    local, tasks = load_local(played.model), played.tasks()
    clock, costs, alone, sampled = Clock(), [], 0, 0
    for seed in range(RUNS):
        clock.drawing = clock.plain = clock.alone = 0.0
        requests = [Request(tasks[i % len(tasks)], seed * 1000 + i, work.WEIGHT) for i in range(EPISODES)]
        engine = Engine(
            local.model,
            local.template,
            played.make_gym,
            limits=played.limits,
            temperature=options.temperature,
            form=played.form,
        )
        start = time.process_time()
        engine.run(requests)
        rest = time.process_time() - start - clock.drawing - clock.alone - clock.plain
        costs.append((clock.drawing - clock.plain + clock.alone) / (rest + clock.plain))
        alone, sampled = alone + engine.stats.alone, sampled + engine.stats.sampled
    half = stats.t.ppf(0.975, RUNS - 1) * statistics.stdev(costs) / RUNS**0.5
    mean = float(np.mean(costs))
    print(f"temperature {options.temperature:g}: {alone} of {sampled} tokens decided alone")
    print(f"cost {mean:.2%} of the CPU time, 95 % interval {mean - half:.2%} to {mean + half:.2%}")


if __name__ == "__main__":
    main()
