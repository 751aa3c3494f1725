"""Who does the work of a local model, playing and gradients: this process, or one process per core over shared weights.

Small models spend their time in thousands of small operations, which threads of one process cannot share well: two processes
of one thread each do about twice the work of one, and keep doing so on a busy machine, where two threads waiting for each other
stall.
"""

import multiprocessing.connection
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

import torch
import torch.multiprocessing

from bao.models.settings import ModelSection
from bao.models.template import Template
from bao.models.work import Loss, Reading, Work
from bao.models.work import Rollouts as Rollouts
from bao.rollout.request import OnEpisode, Request
from bao.rollout.usage import UsageMeter, include
from bao.trajectory import Trajectory


class Workers:
    """Plays episodes and accumulates gradients with `model`, in `count` processes (1: in this one).

    `reference` is the model of a KL term. With several processes the weights live in shared memory: what the optimiser here
    writes, every worker reads. Use as a context manager.
    """

    def __init__(
        self, model: Any, template: Template, rollouts: Rollouts | None, *, count: int = 1, reference: Any = None
    ) -> None:
        self.model, self.template, self.reference = model, template, reference
        self._work = Work(model, reference, template, rollouts)
        self._processes: list[Any] = []
        self._threads = 1
        # Where gyms wait for somebody who bears fewer requests than there are workers, only as many of these play.
        self._players = min(count, rollouts.gym_limits.at_once or count) if rollouts else count
        self._pipes: list[multiprocessing.connection.Connection] = []
        self._buffers: list[torch.Tensor] = []
        if count > 1:
            self._start(count, rollouts)

    def rollout(
        self, requests: Sequence[Request], *, unit: int = 1, weights_version: int = 0, on_episode: OnEpisode | None = None
    ) -> list[Trajectory]:
        """Play `requests`; runs of `unit` neighbours (a group) stay together. Trajectories in the order of the requests.

        `on_episode` is called in this process, as episodes end; what it raises ends it all.
        """
        if not self._pipes:
            return self._work.rollout(requests, weights_version, on_episode)
        units = [list(range(i, min(i + unit, len(requests)))) for i in range(0, len(requests), unit)]
        shares = [[i for u in units[w :: self._players] for i in u] for w in range(self._players)]
        for pipe, share in zip(self._pipes, shares, strict=False):
            pipe.send(("rollout", ([requests[i] for i in share], weights_version)))
        found: dict[int, Trajectory] = {}

        def note(worker: int, episode: tuple[int, Trajectory]) -> None:
            place, trajectory = episode
            index = shares[worker][place]
            found[index] = trajectory
            if on_episode is not None:
                on_episode(index, trajectory)

        for taken in self._collect(self._players, note):
            include(taken)
        return [found[index] for index in range(len(requests))]

    def accumulate(self, loss: Loss, groups: Sequence[Any], count: float) -> dict[str, float]:
        """Add the gradient of `loss` over `groups` to the model's ``.grad``; the sums that it logs."""
        if not self._pipes:
            return self._work.accumulate(loss, groups, count)
        for worker, pipe in enumerate(self._pipes):
            pipe.send(("accumulate", (loss, groups[worker :: len(self._pipes)], count)))
        sums: dict[str, float] = {}
        for part in self._collect(len(self._pipes), lambda worker, episode: None):
            for name, value in part.items():
                sums[name] = sums.get(name, 0.0) + value
        for parameter, piece in _pieces(self.model, torch.stack(self._buffers).sum(0)):
            parameter.grad = piece.clone() if parameter.grad is None else parameter.grad + piece
        return sums

    def read(self, reading: Reading, groups: Sequence[Any]) -> list[Any]:
        """What the model says of each of `groups`, in their order."""
        if not self._pipes:
            return self._work.read(reading, groups)
        count = len(self._pipes)
        for worker, pipe in enumerate(self._pipes):
            pipe.send(("read", (reading, groups[worker::count])))
        found: list[Any] = [None] * len(groups)
        for worker, share in enumerate(self._collect(count, lambda worker, episode: None)):
            found[worker::count] = share
        return found

    def _start(self, count: int, rollouts: Rollouts | None) -> None:
        # Idle threads of this process spin for a while, on the very cores that the workers need.
        self._threads = torch.get_num_threads()
        torch.set_num_threads(1)
        context = torch.multiprocessing.get_context("spawn")
        self.model.share_memory()
        if self.reference is not None:
            self.reference.share_memory()
        size = sum(parameter.numel() for parameter in self.model.parameters())
        for worker in range(count):
            ours, theirs = context.Pipe()
            buffer = torch.zeros(size).share_memory_()  # type: ignore[no-untyped-call]
            process = context.Process(
                target=_serve,
                args=(theirs, self.model, self.reference, self.template.tokenizer, _share(rollouts, worker, count), buffer),
                daemon=True,
            )
            process.start()
            theirs.close()
            self._processes.append(process)
            self._pipes.append(ours)
            self._buffers.append(buffer)

    def _collect(self, count: int, note: Callable[[int, tuple[int, Trajectory]], None]) -> list[Any]:
        """One result from each of the first `count` workers; an error of any of them is raised here."""
        results: dict[int, Any] = {}
        while len(results) < count:
            waiting: dict[Any, int] = {pipe: w for w, pipe in enumerate(self._pipes[:count]) if w not in results}
            for ready in multiprocessing.connection.wait(list(waiting)):
                worker = waiting[ready]
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
                if kind == "episode":
                    note(worker, value)
                else:
                    results[worker] = value
        return [results[worker] for worker in range(count)]

    def close(self, *, now: bool = False) -> None:
        """End the processes; `now` also those in the middle of something, which may wait long for somebody."""
        for pipe in self._pipes:
            pipe.close()
        for process in self._processes:
            if now:
                process.kill()
            process.join(10)
            if process.is_alive():
                process.kill()
        if self._processes:
            torch.set_num_threads(self._threads)
        self._pipes, self._processes = [], []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close(now=error is not None)


def worker_count(section: ModelSection) -> int:
    """How many processes share the work: as configured, else one for each core for the embedded model on a CPU.

    A larger model's operations are large enough for threads to share, and its weights too large to hold twice.
    """
    if section.workers:
        return section.workers if section.device == "cpu" else 1
    if section.device != "cpu" or section.path is not None:
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _share(rollouts: Rollouts | None, worker: int, count: int) -> Rollouts | None:
    """A worker's part of what `count` workers may do at once."""
    if rollouts is None:
        return None
    at_once = rollouts.gym_limits.at_once
    return replace(rollouts, gym_limits=replace(rollouts.gym_limits, at_once=at_once // count + (worker < at_once % count)))


def _serve(
    pipe: multiprocessing.connection.Connection,
    model: Any,
    reference: Any,
    tokenizer: Any,
    rollouts: Rollouts | None,
    buffer: torch.Tensor,
) -> None:
    """A worker's life: one request after another until the pipe closes or the parent dies."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    torch.set_num_threads(1)
    work, usage = Work(model, reference, Template(tokenizer), rollouts), UsageMeter()
    while True:
        try:
            kind, arguments = pipe.recv()
        except (EOFError, ConnectionError):
            return
        try:
            if kind == "rollout":
                requests, version = arguments
                work.rollout(requests, version, lambda place, trajectory: pipe.send(("episode", (place, trajectory))))
                pipe.send(("result", usage.taken()))
                continue
            if kind == "read":
                pipe.send(("result", work.read(*arguments)))
                continue
            sums = work.accumulate(*arguments)
            for parameter, piece in _pieces(model, buffer):
                piece.zero_() if parameter.grad is None else piece.copy_(parameter.grad)
                parameter.grad = None
            pipe.send(("result", sums))
        except ConnectionError:  # the parent has gone
            return
        except Exception as error:  # whatever it is belongs to the parent, which raises it
            pipe.send(("error", error))


def _pieces(model: Any, flat: torch.Tensor) -> Iterator[tuple[torch.nn.Parameter, torch.Tensor]]:
    """Each parameter of `model` with its piece of `flat` [weights], in its shape."""
    parameters = list(model.parameters())
    for parameter, piece in zip(parameters, torch.split(flat, [each.numel() for each in parameters]), strict=True):
        yield parameter, piece.view_as(parameter)


def _end_with_parent() -> None:
    """Not only at the next word to it: who waits for a model that plays the user may have none for long."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(0)
