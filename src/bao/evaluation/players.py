"""Who plays the episodes of an evaluation: policies that are asked turn by turn, and local models, which play in batches."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from bao.errors import ConfigError
from bao.evaluation.results import EPISODES
from bao.evaluation.settings import EvaluationJob
from bao.gym import Gym
from bao.gyms.registry import gym_class
from bao.gyms.section import check_scripted, make_gym, requests_at_once, scripted_policy
from bao.policies.prompt import rules_text, system_text
from bao.policies.scripted import RATIONAL
from bao.policy import Policy, PolicyKind, PolicyRef
from bao.progress import Progress
from bao.rollout.batched import FolderRequests, run_batches
from bao.rollout.executors.base import ExecutionSettings
from bao.rollout.plan import MakePolicy, Plan
from bao.rollout.request import GymLimits, Limits, OnEpisode, Request
from bao.rollout.runner import run
from bao.task import Task

if TYPE_CHECKING:
    from bao.policies.agents import Agent

Folders = Mapping[float | None, Path]
"""The folder of each effort weight; None: the policy is told none."""


class Player(Protocol):
    """Plays the tasks of one evaluation with one policy."""

    @property
    def name(self) -> str:
        """What tables call the policy unless told otherwise; safe as a file's name."""

    @property
    def identity(self) -> Mapping[str, Any]:
        """The policy and its settings: what of them can change an episode. No key."""

    @property
    def unused(self) -> frozenset[str]:
        """Settings of the evaluation that change nothing of this policy, which has its own."""

    def check(self, weights: Sequence[float | None], progress: Progress) -> None:
        """Raises `ConfigError` where the policy cannot be told one of these effort weights; warns of one it has not learned."""

    def play(self, folders: Folders, series: str, progress: Progress) -> None:
        """Play what these folders lack, each up to its ``episodes.parquet``; trajectories call the policy `series`.

        Raises `bao.rollout.failures.FaultsError` where the failure policy stops it.
        """


def open_player(ref: PolicyRef, job: EvaluationJob) -> Player:
    """Whoever plays `ref`. Raises `ConfigError` on a policy that the gym lacks, a wrong setting, and code that cannot start."""
    if ref.kind in (PolicyKind.SCRIPTED, PolicyKind.LOCAL):
        if job.agent:
            raise ConfigError(f"agent.{next(iter(job.agent))} is no setting of a {ref.kind} policy: leave it out")
        if ref.kind == PolicyKind.LOCAL:
            return LocalPlayer(ref, job)
        check_scripted(job.gym, [ref.name])
        return TurnPlayer(
            job, ref.name, {"policy": str(ref)}, partial(partial, scripted_policy, ref.name), reads_price=ref.name == RATIONAL
        )
    if ref.value is not None and (job.settings.workers > 1 or job.settings.ray):
        raise ConfigError(
            f"policy={ref.name} is an object of this process: leave workers and ray out, or name it as FILE.py:OBJECT"
        )
    from bao.policies.agents import open_agent  # HTTP and TLS take long to import

    agent = open_agent(ref, job.agent)
    return TurnPlayer(job, agent.name, agent.identity, lambda series: _OpenedAgent(ref, job.agent, agent, series), agent)


@dataclass(frozen=True)
class TurnPlayer:
    """Asks a policy turn by turn, in threads, processes or on a cluster."""

    job: EvaluationJob
    name: str
    identity: Mapping[str, Any]
    make: Callable[[str], MakePolicy]
    """From the name that trajectories give the policy. What it makes can be pickled, for other processes call it too."""
    agent: "Agent | None" = None
    """None: a scripted policy."""
    reads_price: bool = False
    """Of a scripted policy: whether it goes by the price in its system text."""

    @property
    def unused(self) -> frozenset[str]:
        return frozenset() if self.agent is None else frozenset({"temperature", "turn_tokens", "trajectory_tokens"})

    def check(self, weights: Sequence[float | None], progress: Progress) -> None:
        for weight in weights:
            if weight is not None and self.agent is None and not self.reads_price:
                raise ConfigError(f"effort_weight={weight:g}: this scripted policy is told none; leave it out")
        if self.job.budget is not None and self.agent is None:
            raise ConfigError(f"budget={self.job.budget}: scripted policies go by no budget; leave it out")

    def play(self, folders: Folders, series: str, progress: Progress) -> None:
        settings, gym, agent = self.job.settings, self.job.gym, self.agent
        limits = [*requests_at_once(gym), *([] if agent is None else [agent.at_once])]
        at_once = settings.concurrency or min(limits, default=settings.workers)
        patience = (settings.failure_policy, settings.episode_timeout)
        execution = ExecutionSettings(at_once, settings.workers, settings.ray, *patience)
        seeds = range(self.job.seed, self.job.seed + settings.rollouts)
        for weight, out in folders.items():
            identity = {**_gym_identity(self.job), "series": series, **self.identity}
            budget = self.job.budget
            told = {"effort_weight": weight, "budget": budget}
            identity |= {name: value for name, value in told.items() if value is not None}
            form = None if agent is None else agent.prompt
            say = rules_text if form is None else partial(system_text, form=form)
            system = partial(say, effort_weight=weight, budget=budget)
            how = (partial(make_gym, gym), self.make(series), self.job.tasks.tasks, seeds, identity, system)
            plan = Plan(*how, weight, budget)
            with progress.task(f"playing {series}", len(plan), quiet=True) as update:
                run(plan, out, out / EPISODES, execution, update, progress.warn)


class _OpenedAgent:
    """Makes an agent's policies, in any process: each opens the agent for itself, from what it was opened by."""

    def __init__(self, ref: PolicyRef, settings: Mapping[str, Any], agent: "Agent | None", series: str) -> None:
        self._by = (ref, settings)
        self._series = series
        self._agent = agent
        self._opening = Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        ref, settings = self._by  # for a process whose working folder is another
        return _OpenedAgent, (ref.at(ref.path.absolute()) if ref.path else ref, settings, None, self._series)

    def __call__(self, gym: Gym, seed: int) -> Policy:
        with self._opening:
            if self._agent is None:
                from bao.policies.agents import open_agent

                self._agent = open_agent(*self._by)
        return self._agent.make(gym, seed, self._series)


class LocalPlayer:
    """Has a local model play all folders in one batch, on this machine."""

    unused: frozenset[str] = frozenset()

    def __init__(self, ref: PolicyRef, job: EvaluationJob) -> None:
        """Raises `ConfigError` on settings of other policies, `bao.errors.DataError` where there is no model folder."""
        from bao.models import local

        settings, self.path = job.settings, Path(ref.name)
        for setting, value, usual in (("workers", settings.workers, 1), ("ray", settings.ray, None)):
            if value != usual:
                raise ConfigError(
                    f"evaluation.{setting}={value!r} (--{setting}) is for policies that are asked turn by turn: leave it out "
                    "for a local one, whose episodes share a batch; on a CPU --set model.workers=N has N processes play them"
                )
        local.check_folder(self.path)
        profile = local.read_profile(self.path)
        self._trained, self._budgets = profile.effort_weights, profile.budgets
        self._job = job
        self.name = self.path.parent.name or ref.name
        self.identity = {"policy": str(ref)}

    def check(self, weights: Sequence[float | None], progress: Progress) -> None:
        self._check_budget(progress)
        known = ", ".join(f"{weight:g}" for weight in self._trained)
        for weight in weights:
            if weight is None and known and self._job.budget is None:
                raise ConfigError(
                    f"the policy in {self.path} goes by the effort weight that it is told, and none is given: set one of "
                    f"{known} (--effort-weight)"
                )
            if weight is not None and not known:
                raise ConfigError(
                    f"effort_weight={weight:g}: the policy in {self.path} is not conditioned on one; leave it out"
                )
            if weight is not None and weight not in self._trained:
                progress.warn(
                    f"effort_weight={weight:g} is none of those that the policy in {self.path} was trained with ({known}): "
                    "what it makes of it is anybody's guess"
                )

    def _check_budget(self, progress: Progress) -> None:
        budget, known = self._job.budget, ", ".join(map(str, self._budgets))
        if budget is not None and not known:
            raise ConfigError(
                f"budget={budget}: the policy in {self.path} was trained with none (sft.budgets, grpo.budgets); leave it out"
            )
        if budget is not None and budget not in self._budgets:
            progress.warn(
                f"budget={budget} is none of those that the policy in {self.path} was trained with ({known}): what it makes of "
                "it is anybody's guess"
            )

    def play(self, folders: Folders, series: str, progress: Progress) -> None:
        """As `Player.play`. Where models take part in the gym, at most ``concurrency`` episodes wait for them at once, and no
        more than they may get requests."""
        from bao.models import draw
        from bao.models.local import load_local, weights_digest
        from bao.models.workers import Rollouts, Workers, worker_count

        job, settings, section = self._job, self._job.settings, self._job.model
        loaded, failures, limits = load_local(self.path, section.device), settings.failure_policy, requests_at_once(job.gym)
        at_once = min([*limits, settings.concurrency or limits[0]]) if limits else 0
        tokens, prompt = [settings.turn_tokens, settings.trajectory_tokens], loaded.profile.prompt
        how = (Limits(*tokens), job.rows, settings.temperature, prompt, series, section.dtype == "bfloat16")
        gyms = GymLimits(at_once, settings.episode_timeout, failures.tries)
        rollouts = Rollouts(partial(make_gym, job.gym), *how, gyms)
        identity = {**_gym_identity(job), "series": series, "prompt": prompt, "weights": weights_digest(loaded.model)}
        identity |= {"limits": tokens, "temperature": settings.temperature, "dtype": section.dtype, "sampler": draw.VERSION}
        batches = {}
        for weight, out in folders.items():
            requests = [Request(*each, weight, job.budget) for each in _seeded(job)]
            batches[out] = FolderRequests(requests, identity)

        def play(requests: Sequence[Request], note: OnEpisode) -> None:
            # Starting processes costs seconds, which a few episodes do not repay.
            count = worker_count(section) if len(requests) > 200 else 1
            with Workers(loaded.model, loaded.template, rollouts, count=count) as workers:
                workers.rollout(requests, on_episode=note)

        with progress.task(f"evaluating {series}", sum(map(len, batches.values()))) as update:
            run_batches(batches, EPISODES, make_gym(job.gym), play, failures, update)


def _seeded(job: EvaluationJob) -> Iterator[tuple[Task, int]]:
    """Each task with the seed of each of its rollouts: the same at every weight, so that points can be compared in pairs, and
    whatever comes after."""
    rngs = [np.random.default_rng([job.seed, 2, *([rollout] if rollout else [])]) for rollout in range(job.settings.rollouts)]
    return ((task, int(rng.integers(2**31))) for task in job.tasks for rng in rngs)


def check_told(weights: Sequence[float | None], budget: int | None) -> None:
    """Raises `ConfigError` on what is no price of a user's turn, and on what is no budget of them."""
    if budget is not None and budget < 0:
        raise ConfigError(f"budget={budget} must be a whole number of at least 0: the most user turns")
    for weight in weights:
        if weight is not None and not (math.isfinite(weight) and weight >= 0):
            raise ConfigError(f"effort_weight={weight} must be a finite number of at least 0")


def _gym_identity(job: EvaluationJob) -> dict[str, Any]:
    return {"gym": job.gym.identity(), "version": gym_class(job.gym.name).version}
