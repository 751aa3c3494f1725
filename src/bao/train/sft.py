"""The supervised warm start: cross-entropy on the agent's tokens of demonstrations, through the same traces, template and masks
as reinforcement.

Simplifications: no demonstrations are held out, since the policy is judged by playing; batches hold traces of similar length
instead of packing several into a row; the learning rate follows the number of updates, so training cannot be prolonged.
"""

import math
import time
from collections.abc import Sequence
from pathlib import Path

from bao.progress import Update
from bao.train.backend import Backend
from bao.train.checkpoint import CHECKPOINTS, Checkpoints
from bao.train.examples import Example, batches, loss_positions
from bao.train.objective import Likelihood
from bao.train.settings import SFTSection
from bao.train.tracking.metrics_log import SECONDS, MetricsLog
from bao.train.tracking.trackers import Trackers
from bao.trajectory import TokenTrace

CHECKPOINT_EVERY = 100


def train_sft(
    backend: Backend,
    traces: Sequence[TokenTrace],
    settings: SFTSection,
    seed: int,
    out: Path,
    report: Update | None = None,
    *,
    first: int = 0,
    alone: Sequence[Sequence[TokenTrace]] = (),
    trackers: Trackers | None = None,
) -> None:
    """Fine-tune the weights of `backend` on `traces`; resumes from checkpoints in `out`. `report` is called each update.

    The updates of `alone` come before all others; then the `first` traces are learned from, then the rest, all under one
    learning rate schedule.
    """
    drawn = [list(batch) for batch in alone]
    for begin, end in ((0, first), (first, len(traces))):
        for epoch in range(settings.epochs if end > begin else 0):
            drawn += [
                [traces[begin + i] for i in batch] for batch in batches(traces[begin:end], settings.batch_size, seed, epoch)
            ]
    checkpoints = Checkpoints(out / CHECKPOINTS, keep=1)
    state = checkpoints.restore(backend)
    done = state["step"] if state else 0
    with MetricsLog(out, done, trackers) as log:
        for step, batch in enumerate(drawn[done:], start=done + 1):
            start = time.perf_counter()
            rate = settings.learning_rate * schedule(step, len(drawn), settings.warmup)
            count = loss_positions(batch)
            sums = backend.forward_backward(Likelihood(), [[Example(trace)] for trace in batch], count)
            norm = backend.step(rate, settings.max_grad_norm)
            metrics = {
                "loss": sums["loss"] / count,
                "entropy": sums["entropy"] / count,
                "grad_norm": norm,
                "learning_rate": rate,
            }
            metrics |= {"tokens": sums["tokens"], SECONDS + "step": time.perf_counter() - start}
            log.write(step, metrics)
            if report is not None:
                report(step, len(drawn), metrics)
            if step % CHECKPOINT_EVERY == 0 and step < len(drawn):
                checkpoints.save(step, backend, {})


def schedule(step: int, total: int, warmup: int) -> float:
    """Share of the learning rate at `step` of `total` (from 1): linear rise over `warmup`, then a cosine to 2 %."""
    rise = min(1.0, step / max(1, warmup))
    return rise * max(0.02, 0.5 * (1.0 + math.cos(math.pi * (step - 1) / total)))
