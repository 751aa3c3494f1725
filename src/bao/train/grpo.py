"""Turn-level GRPO: sample groups, shape their turn rewards, credit their turns, update.

A step draws `groups` tasks and a price or a budget for each, plays every task `group_size` times, and takes one optimiser
update per mini-batch of whole groups. Everything random in step s is drawn from a generator seeded by (seed, s), so a step can
be repeated and a run resumed exactly.

Simplifications: sampling and updating take turns, and what other weights sampled is refused; each trajectory is learned from
once; the baseline is the group's, there is no value model; groups with a fault lose members and are not topped up; no task is
held out, since the policy is judged by `bao.evaluation`.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np

from bao.errors import ConfigError
from bao.gym import Gym
from bao.progress import Update
from bao.rollout.information import require_belief
from bao.task import TaskSet
from bao.train.backend import Backend
from bao.train.checkpoint import CHECKPOINTS, Checkpoints
from bao.train.collapse import ADVICE, WINDOW, Collapse, Reference, collapses
from bao.train.groups import Group, group_metrics
from bao.train.infopo import InfoPO
from bao.train.objective import PolicyGradient
from bao.train.running import Running
from bao.train.sampling import Sampler, Seconds
from bao.train.settings import CreditSection, GRPOSection
from bao.train.shaping import Shaping
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
        infopo: InfoPO | None = None,
        listener: Gym | None = None,
    ) -> None:
        """`reference`: by price what can be reached, for naming a collapse; without it, what the first steps reached. `infopo`
        adds an intrinsic part to the advantages; `listener` says what each query told, where `shaping` asks.

        Raises `ConfigError` where it cannot.
        """
        listener = require_belief(listener, tasks) if shaping.ig_coefficient else None
        self.sampler = Sampler(backend, tasks, settings, shaping, credit, seed, infopo, listener)
        self.backend, self.settings, self.seed, self.out = backend, settings, seed, out
        self.trackers, self.reference = trackers, reference
        self.step_count, self._running = 0, Running()
        self._history: list[dict[str, float]] = []

    def train(self, report: Update | None = None, warn: Callable[[str], None] | None = None) -> None:
        """Run the steps that remain. `warn` is called on a collapse, once for each kind."""
        checkpoints = Checkpoints(self.out / CHECKPOINTS, self.settings.keep_checkpoints)
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
        rng = np.random.default_rng([self.seed, self.step_count])
        seconds = Seconds()
        played, faults = self.sampler.sample(self.step_count, rng, seconds)
        if not played:
            raise ConfigError("every episode of a step ended in a fault: see the user simulator or the gym's endpoint")
        groups = self.sampler.informed(self._running.scaled(played), seconds)
        with seconds.of("update"):
            updates = self._update(groups, rng)
        self._running = self._running.after(groups)
        self.step_count += 1
        metrics = {**group_metrics(groups), **updates, **self._running.scales(), "faults": float(faults)}
        metrics |= {SECONDS + name: value for name, value in seconds.spent.items()}
        self._history = [*self._history[-5:], metrics]
        return metrics

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
