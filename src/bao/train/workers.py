"""Who does the work of training: this process, or one process per core over shared weights.

Small models spend their time in thousands of small operations, which threads of one process cannot share well: two processes
of one thread each do about twice the work of one, and keep doing so on a busy machine, where two threads waiting for each other
stall.
"""

import multiprocessing.connection
import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import torch
import torch.multiprocessing

from bao.config import ModelSection
from bao.gym import Gym
from bao.policies.template import Template
from bao.prompt import PromptForm
from bao.rollout.engine import Engine, Limits, Request
from bao.train.objective import Example, Objective
from bao.trajectory import Trajectory

Done = Callable[[int], None]
"""Called with the number of episodes finished so far."""


@dataclass(frozen=True)
class Rollouts:
    """How episodes are played. `make_gym` must be importable by name, since other processes call it."""

    make_gym: Callable[[], Gym]
    limits: Limits
    rows: int = 256
    temperature: float = 1.0
    form: PromptForm = PromptForm.FULL
    policy: str = "local"
    autocast: bool = False


class Workers:
    """Plays episodes and accumulates gradients with `model`, in `count` processes (1: in this one).

    `reference` is the model of a KL term. With several processes the weights live in shared memory: what the optimiser here
    writes, every worker reads. Use as a context manager.
    """

    def __init__(
        self, model: Any, template: Template, rollouts: Rollouts | None, *, count: int = 1, reference: Any = None
    ) -> None:
        self.model, self.template, self.reference = model, template, reference
        self._work = _Work(model, reference, template, rollouts)
        self._processes: list[Any] = []
        self._threads = 1
        self._pipes: list[multiprocessing.connection.Connection] = []
        self._buffers: list[torch.Tensor] = []
        if count > 1:
            self._start(count, rollouts)

    def rollout(
        self, requests: Sequence[Request], *, unit: int = 1, weights_version: int = 0, done: Done | None = None
    ) -> list[Trajectory]:
        """Play `requests`; runs of `unit` neighbours (a group) stay together. Trajectories in the order of the requests."""
        if not self._pipes:
            return self._work.rollout(requests, weights_version, done or (lambda _: None))
        units = [list(range(i, min(i + unit, len(requests)))) for i in range(0, len(requests), unit)]
        shares = [[i for u in units[w :: len(self._pipes)] for i in u] for w in range(len(self._pipes))]
        for pipe, share in zip(self._pipes, shares, strict=True):
            pipe.send(("rollout", ([requests[i] for i in share], weights_version)))
        finished = dict.fromkeys(range(len(self._pipes)), 0)

        def progress(worker: int, count: int) -> None:
            finished[worker] = count
            if done is not None:
                done(sum(finished.values()))

        trajectories: list[Trajectory | None] = [None] * len(requests)
        for worker, played in enumerate(self._collect(progress)):
            for i, trajectory in zip(shares[worker], played, strict=True):
                trajectories[i] = trajectory
        return [trajectory for trajectory in trajectories if trajectory is not None]

    def accumulate(self, objective: Objective, groups: Sequence[Sequence[Example]], count: int) -> dict[str, float]:
        """Add the gradient of `objective` over `groups` to the model's ``.grad``; the sums that it logs."""
        if not self._pipes:
            return self._work.accumulate(objective, groups, count)
        for worker, pipe in enumerate(self._pipes):
            pipe.send(("accumulate", (objective, groups[worker :: len(self._pipes)], count)))
        sums: dict[str, float] = {}
        for part in self._collect(lambda worker, count: None):
            for name, value in part.items():
                sums[name] = sums.get(name, 0.0) + value
        total = torch.stack(self._buffers).sum(0)
        offset = 0
        for parameter in self.model.parameters():
            piece = total[offset : offset + parameter.numel()].view_as(parameter)
            parameter.grad = piece.clone() if parameter.grad is None else parameter.grad + piece
            offset += parameter.numel()
        return sums

    def _start(self, count: int, rollouts: Rollouts | None) -> None:
        # Idle threads of this process spin for a while, on the very cores that the workers need.
        self._threads = torch.get_num_threads()
        torch.set_num_threads(1)
        context = torch.multiprocessing.get_context("spawn")
        self.model.share_memory()
        if self.reference is not None:
            self.reference.share_memory()
        size = sum(parameter.numel() for parameter in self.model.parameters())
        for _ in range(count):
            ours, theirs = context.Pipe()
            buffer = torch.zeros(size).share_memory_()  # type: ignore[no-untyped-call]
            process = context.Process(
                target=_serve, args=(theirs, self.model, self.reference, self.template.tokenizer, rollouts, buffer), daemon=True
            )
            process.start()
            theirs.close()
            self._processes.append(process)
            self._pipes.append(ours)
            self._buffers.append(buffer)

    def _collect(self, progress: Callable[[int, int], None]) -> list[Any]:
        """One result from every worker; an error of any of them is raised here."""
        results: dict[int, Any] = {}
        while len(results) < len(self._pipes):
            waiting = {pipe: w for w, pipe in enumerate(self._pipes) if w not in results}
            for ready in multiprocessing.connection.wait(list(waiting)):
                worker = waiting[ready]  # type: ignore[index]
                try:
                    kind, value = self._pipes[worker].recv()
                except (EOFError, ConnectionError) as error:
                    self._processes[worker].join(5)
                    code = self._processes[worker].exitcode
                    raise RuntimeError(
                        f"worker {worker} died (exit code {code}; -9 is usually a lack of memory): run again to go on from "
                        "the last checkpoint, with fewer model.workers or grpo.rows"
                    ) from error
                if kind == "error":
                    raise value
                if kind == "progress":
                    progress(worker, value)
                else:
                    results[worker] = value
        return [results[worker] for worker in range(len(self._pipes))]

    def close(self) -> None:
        for pipe in self._pipes:
            pipe.close()
        for process in self._processes:
            process.join(10)
            if process.is_alive():
                process.kill()
        if self._processes:
            torch.set_num_threads(self._threads)
        self._pipes, self._processes = [], []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def worker_count(section: ModelSection) -> int:
    """How many processes share the work: as configured, else one for each core for the embedded model on a CPU.

    A larger model's operations are large enough for threads to share, and its weights too large to hold twice.
    """
    if section.workers:
        return section.workers if section.device == "cpu" else 1
    return (
        (len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
        if (section.device == "cpu" and section.path is None)
        else 1
    )


class _Work:
    """What one process does."""

    def __init__(self, model: Any, reference: Any, template: Template, rollouts: Rollouts | None) -> None:
        self.model, self.reference, self.template = model, reference, template
        self.autocast = rollouts is not None and rollouts.autocast
        self.engine = (
            Engine(
                model, template, rollouts.make_gym, limits=rollouts.limits, rows=rollouts.rows,
                temperature=rollouts.temperature, form=rollouts.form, policy=rollouts.policy,
            )
            if rollouts
            else None
        )  # fmt: skip

    def rollout(self, requests: Sequence[Request], weights_version: int, done: Done) -> list[Trajectory]:
        assert self.engine is not None, "these workers were made without a gym to play"
        finished = 0

        def count(trajectory: Trajectory) -> None:
            nonlocal finished
            finished += 1
            done(finished)

        device = next(self.model.parameters()).device
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=self.autocast):
            return self.engine.run(requests, weights_version=weights_version, on_episode=count)

    def accumulate(self, objective: Objective, groups: Sequence[Sequence[Example]], count: int) -> dict[str, float]:
        self.model.train()
        return objective(self.model, self.reference, groups, count, self.template.pad_id)


def _serve(
    pipe: multiprocessing.connection.Connection, model: Any, reference: Any, tokenizer: Any, rollouts: Rollouts | None,
    buffer: torch.Tensor,
) -> None:  # fmt: skip
    """A worker's life: one request after another until the pipe closes, which it also does when the parent dies."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    torch.set_num_threads(1)
    work = _Work(model, reference, Template(tokenizer), rollouts)
    while True:
        try:
            kind, arguments = pipe.recv()
        except (EOFError, ConnectionError):
            return
        try:
            if kind == "rollout":
                requests, version = arguments
                pipe.send(("result", work.rollout(requests, version, _throttled(pipe))))
                continue
            sums = work.accumulate(*arguments)
            offset = 0
            for parameter in model.parameters():
                piece = buffer[offset : offset + parameter.numel()].view_as(parameter)
                piece.zero_() if parameter.grad is None else piece.copy_(parameter.grad)
                parameter.grad = None
                offset += parameter.numel()
            pipe.send(("result", sums))
        except ConnectionError:  # the parent has gone
            return
        except Exception as error:  # whatever it is belongs to the parent, which raises it
            pipe.send(("error", error))


def _throttled(pipe: multiprocessing.connection.Connection) -> Done:
    def done(count: int) -> None:
        if count % 8 == 0:
            pipe.send(("progress", count))

    return done
