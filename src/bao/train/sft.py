"""The supervised warm start: cross-entropy on the agent's tokens of demonstrations, through the same traces, template and masks
as reinforcement."""

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from bao.models.template import Template
from bao.train import muon
from bao.train.backends.local import Workers
from bao.train.checkpoint import Checkpoints
from bao.train.demonstrations import Demonstration
from bao.train.objective import Example, Likelihood
from bao.train.settings import SFTSection
from bao.train.tracking.metrics_log import SECONDS, MetricsLog
from bao.train.tracking.trackers import Trackers
from bao.trajectory import TokenTrace

Report = Callable[[int, int, dict[str, float]], None]
"""Called after each update with (updates done, updates in all, metrics)."""


def encode(demonstration: Demonstration, template: Template) -> TokenTrace:
    """A demonstration as a trace: ``turn`` is -1 on observations and on turns that carry no loss."""
    ids: list[int] = []
    turn: list[int] = []
    for index, (text, reply, loss) in enumerate(demonstration.turns):
        written = template.turn_ids(text)
        ids += written
        turn += [index if loss else -1] * len(written)
        if index < len(demonstration.turns) - 1:
            observation = template.observation_ids(reply, True)
            ids += observation
            turn += [-1] * len(observation)
    return TokenTrace(
        np.array(template.prompt_ids(demonstration.system, demonstration.opening), np.int32),
        np.array(ids, np.int32),
        np.array(turn, np.int16),
        np.zeros(len(ids), np.float32),
    )


def train_sft(
    workers: Workers,
    traces: Sequence[TokenTrace],
    settings: SFTSection,
    seed: int,
    out: Path,
    report: Report | None = None,
    *,
    trackers: Trackers | None = None,
) -> None:
    """Fine-tune `workers`' model in place on `traces`; resumes from checkpoints in `out`.

    Batches hold traces of similar length, in an order drawn from (`seed`, epoch).
    """
    model = workers.model
    batches = [batch for epoch in range(settings.epochs) for batch in _batches(traces, settings.batch_size, seed, epoch)]
    optimizers = muon.choose(settings.optimizer, model, settings.learning_rate, settings.weight_decay)
    checkpoints = Checkpoints(out / "checkpoints", keep=1)
    state = checkpoints.restore(model, optimizers)
    done = state["step"] if state else 0
    with MetricsLog(out, done, trackers) as log:
        for step, indices in enumerate(batches, start=1):
            if step <= done:
                continue
            start = time.perf_counter()
            rate = settings.learning_rate * schedule(step, len(batches), settings.warmup)
            for optimizer in optimizers:
                for group in optimizer.param_groups:
                    group["lr"] = rate
            count = sum(int((traces[i].turn >= 0).sum()) for i in indices)
            sums = workers.accumulate(Likelihood(), [[Example(traces[i])] for i in indices], count)
            norm = torch.nn.utils.clip_grad_norm_(model.parameters(), settings.max_grad_norm)
            for optimizer in optimizers:
                optimizer.step()
                optimizer.zero_grad(set_to_none=True)
            metrics = {
                "loss": sums["loss"] / count,
                "entropy": sums["entropy"] / count,
                "grad_norm": float(norm),
                "learning_rate": rate,
                "tokens": sums["tokens"],
                SECONDS + "step": time.perf_counter() - start,
            }
            log.write(step, metrics)
            if report is not None:
                report(step, len(batches), metrics)
            if step % 100 == 0 and step < len(batches):
                checkpoints.save(step, model, optimizers, {})


def schedule(step: int, total: int, warmup: int) -> float:
    """Share of the learning rate at `step` of `total` (from 1): linear rise over `warmup`, then a cosine to 2 %."""
    rise = min(1.0, step / max(1, warmup))
    return rise * max(0.02, 0.5 * (1.0 + math.cos(math.pi * (step - 1) / total)))


def _batches(traces: Sequence[TokenTrace], size: int, seed: int, epoch: int) -> list[list[int]]:
    rng = np.random.default_rng([seed, epoch])
    order = rng.permutation(len(traces)).tolist()
    batches = []
    for begin in range(0, len(order), size * 16):
        block = sorted(order[begin : begin + size * 16], key=lambda i: len(traces[i].ids))
        batches += [block[i : i + size] for i in range(0, len(block), size)]
    return [batches[i] for i in rng.permutation(len(batches))]
