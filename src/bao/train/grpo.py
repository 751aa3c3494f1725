"""Turn-level GRPO: sample groups, shape their turn rewards, credit their turns, update.

A step draws `groups` tasks and a price or a budget for each, plays every task `group_size` times, and takes one optimiser
update per mini-batch of whole groups. Everything random in step s is drawn from a generator seeded by (seed, s), so a step can
be repeated and a run resumed exactly.

Simplifications: sampling and updating take turns, and what other weights sampled is refused; each trajectory is learned from
once; the baseline is the group's, there is no value model; groups with a fault lose members and are not topped up; no task is
held out, since the policy is judged by `bao.evaluation`.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np

from bao.errors import ConfigError
from bao.progress import Update
from bao.task import Task, TaskSet
from bao.train.backend import Backend
from bao.train.checkpoint import Checkpoints
from bao.train.collapse import ADVICE, WINDOW, Collapse, Reference, collapses
from bao.train.groups import Group, group_metrics, make_group
from bao.train.objective import PolicyGradient
from bao.train.running import Running
from bao.train.settings import CreditSection, GRPOSection
from bao.train.shaping import Shaping
from bao.train.told import draw_told
from bao.train.tracking.metrics_log import SECONDS, MetricsLog, read_metrics
from bao.train.tracking.trackers import Trackers


class GRPOTrainer:
    """Trains the weights of `backend`. `out` gets ``metrics.jsonl``, TensorBoard files and checkpoints to resume from."""

    def __init__(
        self,
        backend: Backend,
        tasks: TaskSet,
        settings: GRPOSection,
        shaping: Shaping,
        credit: CreditSection,
        *,
        seed: int,
        out: Path,
        trackers: Trackers | None = None,
        reference: Mapping[float, Reference] | None = None,
    ) -> None:
        """`reference`: by price what can be reached, for naming a collapse; without it, what the first steps reached."""
        if not settings.conditioned and len(set(settings.weights)) > 1:
            raise ConfigError(
                f"grpo.effort_weights={list(settings.weights)} with grpo.conditioned=false: a policy that is not told "
                "the weight needs a single one"
            )
        self.backend, self.tasks, self.settings, self.shaping, self.credit = backend, tasks, settings, shaping, credit
        self.seed, self.out, self.trackers = seed, out, trackers
        self.reference = reference
        self.step_count, self._running = 0, Running()
        self._history: list[dict[str, float]] = []

    def train(self, report: Update | None = None, warn: Callable[[str], None] | None = None) -> None:
        """Run the steps that remain. `warn` is called on a collapse, once for each kind."""
        checkpoints = Checkpoints(self.out / "checkpoints", self.settings.keep_checkpoints)
        state = checkpoints.restore(self.backend)
        if state is not None:
            self.step_count, self._history = state["step"], state["history"]
            self._running = Running(state.get("mean_squares", {}), state.get("positions"))  # older checkpoints have neither
        named: set[Collapse] = set()
        begun = read_metrics(self.out / "metrics.jsonl")[: min(WINDOW, self.step_count)]
        with MetricsLog(self.out, self.step_count, self.trackers) as log:
            while self.step_count < self.settings.steps:
                metrics = self.step()
                log.write(self.step_count, metrics)
                begun = [*begun, metrics][:WINDOW]
                for collapse, seen in collapses(self._history, self.reference, begun).items():
                    if collapse not in named and warn is not None:
                        named.add(collapse)
                        warn(f"step {self.step_count}: the policy has collapsed into {collapse} ({seen}): {ADVICE[collapse]}")
                if report is not None:
                    report(self.step_count, self.settings.steps, metrics)
                if self.step_count % self.settings.checkpoint_every == 0 and self.step_count < self.settings.steps:
                    checkpoints.save(self.step_count, self.backend, {"history": self._history[-5:], **asdict(self._running)})

    def step(self) -> dict[str, float]:
        """One step; its metrics."""
        rng, start = np.random.default_rng([self.seed, self.step_count]), time.perf_counter()
        groups, faults = self.sample(rng)
        sampled = time.perf_counter()
        if not groups:
            raise ConfigError("every episode of a step ended in a fault: see the user simulator or the gym's endpoint")
        updates = self._update(groups, rng)
        self._running = self._running.after(groups)
        self.step_count += 1
        metrics = {**group_metrics(groups), **updates, **self._running.scales(), "faults": float(faults)}
        metrics |= {SECONDS + "rollout": sampled - start, SECONDS + "update": time.perf_counter() - sampled}
        self._history = [*self._history[-5:], metrics]
        return metrics

    def sample(self, rng: np.random.Generator) -> tuple[list[Group], int]:
        """Play one step's groups with the current weights; the groups, and the number of faulted episodes."""
        settings, size = self.settings, self.settings.group_size
        drawn = list(zip(self._draw_tasks(), draw_told(settings, rng), strict=True))
        requests = [told.request(task, int(rng.integers(2**31))) for task, told in drawn for _ in range(size)]
        trajectories = self.backend.sample(requests, unit=size)
        made = (
            make_group(task, told.price, trajectories[i * size : (i + 1) * size], self.shaping, self.credit)
            for i, (task, told) in enumerate(drawn)
        )
        groups = self._running.scaled([group for group in made if group is not None])
        return groups, sum(each.fault is not None for each in trajectories)

    def _draw_tasks(self) -> list[Task]:
        """The tasks of this step: the next ones in a permutation of each pass over the task set."""
        first = self.step_count * self.settings.groups
        drawn = []
        for position in range(first, first + self.settings.groups):
            epoch, offset = divmod(position, len(self.tasks))
            order = np.random.default_rng([self.seed, 2**31, epoch]).permutation(len(self.tasks))
            drawn.append(self.tasks[int(order[offset])])
        return drawn

    def _update(self, groups: list[Group], rng: np.random.Generator) -> dict[str, float]:
        settings = self.settings
        versions = {trace.weights_version for group in groups for trace in group.traces}
        if stale := versions - {self.backend.version}:
            raise RuntimeError(
                f"a trajectory of weights version {min(stale)} reached the update of version {self.backend.version}: stale "
                "rollouts are never trained on"
            )
        left = 1.0 - (1.0 - settings.final_learning_rate) * self.step_count / settings.steps
        rate = settings.learning_rate * left * min(1.0, (self.step_count + 1) / max(1, settings.warmup))
        sums: dict[str, float] = dict.fromkeys(("loss", "clipped", "kl_to_sampler", "kl", "entropy"), 0.0)
        positions, norms = 0, []
        order = rng.permutation(len(groups))
        for share in np.array_split(order, min(settings.minibatches, len(groups))):
            members, others = [groups[i] for i in share], [groups[i] for i in order if i not in share]
            count = self._running.count(members, others)
            # A group without advantages is forwarded only where another term needs it.
            active = [group for group in members if group.advantages.any() or settings.kl or settings.entropy]
            if not active:
                continue
            examples = [group.examples for group in active]
            for name, value in self.backend.forward_backward(PolicyGradient(settings), examples, count).items():
                sums[name] += value
            norms.append(self.backend.step(rate, settings.max_grad_norm))
            positions += sum(group.loss_positions for group in active)
        metrics = {name: value / max(1, positions) for name, value in sums.items()}
        return metrics | {"grad_norm": sum(norms) / max(1, len(norms)), "learning_rate": rate}
