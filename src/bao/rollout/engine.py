"""Batched multi-turn generation, token in and token out.

Episodes run in the rows of one KV cache that lives across turns: only new tokens are ever fed, a group's prompt is prefilled
once, a row whose turn has ended takes part again when its observation has been fed, and rows of finished episodes are refilled
with waiting ones or dropped. Ids, turn indices and log-probabilities are kept as sampled (`TokenTrace`).

Each episode draws from its own random stream, so what it samples does not depend on which episodes run beside it.
"""

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bao.action import Parsed, parse
from bao.errors import ConfigError
from bao.gym import Gym
from bao.policies.template import Template
from bao.prompt import PromptForm, system_text
from bao.rollout.forward import Forward, forward_of
from bao.rollout.kv import RowCache
from bao.task import Task
from bao.trajectory import Fault, FaultError, StopReason, TokenTrace, Trajectory, Turn


@dataclass(frozen=True)
class Limits:
    """Token limits of an episode."""

    turn_tokens: int = 64
    """The most tokens of one turn; a turn that is cut off is read as it stands."""
    trajectory_tokens: int = 1024
    """The most tokens after the prompt, observations included; beyond it the episode ends with ``token_budget``."""


@dataclass(frozen=True, slots=True)
class Request:
    """One episode to play."""

    task: Task
    seed: int
    effort_weight: float | None = None


@dataclass
class EngineStats:
    """What a run cost."""

    prefilled: int = 0
    """Prompt and observation tokens fed."""
    sampled: int = 0
    decode_steps: int = 0
    seconds: float = 0.0


@dataclass
class _Episode:
    """A running episode and its row."""

    index: int
    request: Request
    gym: Gym
    system: str
    opening: str
    prompt: list[int]
    noise: list[float]
    started: float
    ids: list[int] = field(default_factory=list)
    turn_index: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)
    text: list[int] = field(default_factory=list)
    """Ids of the turn being written."""
    pending: list[int] = field(default_factory=list)
    """Ids to feed before the next turn can begin."""
    fed: int = 0
    """Tokens of this episode in the cache."""


class Engine:
    """Plays many episodes of one gym with one model.

    `make_gym` makes a fresh gym; as many are made as rows. `rows` bounds the episodes that run at once (memory grows with
    it). ``temperature`` 0 is greedy.
    """

    def __init__(
        self, model: Any, template: Template, make_gym: Callable[[], Gym], *, limits: Limits, rows: int = 256,
        temperature: float = 1.0, form: PromptForm = PromptForm.FULL, policy: str = "local",
    ) -> None:  # fmt: skip
        if temperature < 0:
            raise ConfigError(f"temperature={temperature} must not be negative (0 is greedy)")
        self.model, self.template = model, template
        self.limits, self.rows, self.temperature, self.form, self.policy = limits, rows, temperature, form, policy
        self.stats = EngineStats()
        self._make_gym = make_gym
        self._gyms: list[Gym] = []
        self._device = next(model.parameters()).device

    def run(
        self, requests: Sequence[Request], *, weights_version: int = 0, on_episode: Callable[[Trajectory], None] | None = None
    ) -> list[Trajectory]:
        """Play every request; trajectories come back in the order of the requests.

        Neighbouring requests with the same prompt (a group) share its prefill. An episode whose user breaks ends with stop
        reason ``fault``; the others go on.
        """
        start = time.perf_counter()
        done: dict[int, Trajectory] = {}

        def finish(episode: _Episode, stop: StopReason, success: bool, error: FaultError | None = None) -> None:
            self._gyms.append(episode.gym)
            trajectory = self._trajectory(episode, stop, success, weights_version, error)
            done[episode.index] = trajectory
            if on_episode is not None:
                on_episode(trajectory)

        was_training = self.model.training
        self.model.eval()
        try:
            with torch.no_grad(), forward_of(self.model) as forward:
                _Run(self, requests, finish, forward).loop()
        finally:
            self.model.train(was_training)
        self.stats.seconds += time.perf_counter() - start
        return [done[i] for i in range(len(requests))]

    def take_gym(self) -> Gym:
        return self._gyms.pop() if self._gyms else self._make_gym()

    def _trajectory(
        self, episode: _Episode, stop: StopReason, success: bool, weights_version: int, error: FaultError | None
    ) -> Trajectory:
        trace = TokenTrace(
            np.array(episode.prompt, np.int32), np.array(episode.ids, np.int32), np.array(episode.turn_index, np.int16),
            np.array(episode.logprobs, np.float32), weights_version,
        )  # fmt: skip
        return Trajectory(
            gym=episode.gym.name, task_id=episode.request.task.id, policy=self.policy, seed=episode.request.seed,
            opening=episode.opening, turns=tuple(episode.turns), stop=stop, success=success, horizon=episode.gym.horizon,
            system=episode.system, effort_weight=episode.request.effort_weight, level=episode.request.task.level,
            fault=error.fault if error else None, fault_detail=error.detail if error else "",
            seconds=time.perf_counter() - episode.started, trace=trace,
            satisfaction=None if error else episode.gym.satisfaction,
        )  # fmt: skip


class _Run:
    """The state of one `Engine.run`: which episode is in which row."""

    def __init__(self, engine: Engine, requests: Sequence[Request], finish: Callable[..., None], forward: Forward) -> None:
        self.engine, self.template, self.limits = engine, engine.template, engine.limits
        self.finish, self.forward = finish, forward
        self.waiting = deque(enumerate(requests))
        self.most = min(engine.rows, len(requests))
        self.rows: list[_Episode] = []
        self.cache = RowCache(self.most)
        self.device = engine._device
        self.over: list[int] = []
        """Rows whose episodes have ended since the last step."""

    def loop(self) -> None:
        while True:
            self._admit()
            if not self.rows:
                return
            starved = [r for r, episode in enumerate(self.rows) if episode.pending]
            writing = len(self.rows) - len(starved)
            # Feeding a few rows costs nearly as much as feeding many, so observations wait until enough have gathered.
            if starved and len(starved) >= max(1, writing):
                self._feed(starved)
            else:
                self._decode([r for r, episode in enumerate(self.rows) if not episode.pending])
            self._close_up()

    def _admit(self) -> None:
        """Take waiting episodes once enough rows are free to make the prefill worth it; prompts are fed once."""
        free = self.most - len(self.rows)
        if not self.waiting or free < min(len(self.waiting), max(1, self.most // 4)):
            return
        admitted: list[int] = []
        while self.waiting and len(self.rows) < self.most:
            index, request = self.waiting.popleft()
            episode = self._start(index, request)
            if episode is not None:
                admitted.append(len(self.rows))
                self.rows.append(episode)
        if not admitted:
            return
        leaders: list[int] = []
        follows: dict[int, int] = {}
        for row in admitted:
            if leaders and self.rows[leaders[-1]].prompt == self.rows[row].prompt:
                follows[row] = leaders[-1]
            else:
                leaders.append(row)
        for row in leaders:
            self.rows[row].pending = self.rows[row].prompt
        logits = self._forward(leaders)
        places = {row: i for i, row in enumerate(leaders)}
        if follows:
            length = max(len(self.rows[row].prompt) for row in leaders)
            self.cache.copy(list(follows.values()), list(follows), length)
            for row, leader in follows.items():
                self.rows[row].fed = self.rows[leader].fed
        self._sample(admitted, logits[self._tensor([places[follows.get(row, row)] for row in admitted])])
        self._close_up()

    def _start(self, index: int, request: Request) -> _Episode | None:
        gym = self.engine.take_gym()
        system = system_text(gym, self.engine.form, request.effort_weight)
        noise = (
            np.random.Generator(np.random.Philox(key=request.seed))
            .random(self.limits.trajectory_tokens, dtype=np.float32)
            .tolist()
        )
        episode = _Episode(index, request, gym, system, "", [], noise, time.perf_counter())
        try:
            episode.opening, _ = gym.reset(seed=request.seed, options={"task": request.task})
        except FaultError as error:
            self.finish(episode, StopReason.FAULT, False, error)
            return None
        episode.prompt = self.template.prompt_ids(system, episode.opening)
        positions = getattr(self.engine.model.config, "max_position_embeddings", None)
        if positions is not None and len(episode.prompt) + self.limits.trajectory_tokens > positions:
            raise ConfigError(
                f"trajectory_tokens={self.limits.trajectory_tokens} and a prompt of {len(episode.prompt)} tokens exceed the "
                f"model's {positions} positions: lower trajectory_tokens"
            )
        return episode

    def _feed(self, rows: list[int]) -> None:
        self._sample(rows, self._forward(rows))

    def _decode(self, rows: list[int]) -> None:
        self.engine.stats.decode_steps += 1
        for row in rows:
            episode = self.rows[row]
            episode.pending = episode.ids[-1:]
        self._sample(rows, self._forward(rows))

    def _forward(self, rows: list[int]) -> Tensor:
        """Feed what is pending in `rows`; logits [rows, vocabulary] after each row's last token."""
        chunks = [self.rows[row].pending for row in rows]
        starts = [self.rows[row].fed for row in rows]
        for row, chunk in zip(rows, chunks, strict=True):
            self.rows[row].fed += len(chunk)
            self.rows[row].pending = []
        width = max(map(len, chunks))
        fed = rows
        if width == 1 and len(rows) >= 0.4 * len(self.rows):
            # Nearly all rows take part: running the rest idly is cheaper than gathering the others' keys. What an idle row
            # writes lies beyond its length, where it is masked and later overwritten.
            fed = list(range(len(self.rows)))
            tokens, begins = dict(zip(rows, chunks, strict=True)), dict(zip(rows, starts, strict=True))
            chunks = [tokens.get(row, [self.template.pad_id]) for row in fed]
            starts = [begins.get(row, episode.fed) for row, episode in enumerate(self.rows)]
        pad = self.template.pad_id
        ids = torch.tensor([chunk + [pad] * (width - len(chunk)) for chunk in chunks], device=self.device)
        columns = self._tensor(starts).unsqueeze(1) + torch.arange(width, device=self.device)
        self.cache.aim(fed, columns, max(starts) + width)
        states = self.forward(ids, columns, self.cache)
        if width > 1:
            self.engine.stats.prefilled += sum(map(len, chunks))
            last = self._tensor([len(chunk) - 1 for chunk in chunks])
            states = states[torch.arange(len(rows), device=self.device), last]
        else:
            states = states[:, 0] if len(fed) == len(rows) else states[self._tensor(rows), 0]
        logits: Tensor = self.engine.model.lm_head(states)
        return logits.float()

    def _sample(self, rows: list[int], logits: Tensor) -> None:
        """One token for each row from `logits` [rows, vocabulary], by inverse CDF on the episode's own stream."""
        self.engine.stats.sampled += len(rows)
        temperature = self.engine.temperature
        if temperature == 0:
            tokens = logits.argmax(-1)
            logprobs = torch.log_softmax(logits, -1)
        else:
            logprobs = torch.log_softmax(logits / temperature, -1)
            cumulative = logprobs.exp().cumsum(-1)
            noise = [self.rows[row].noise[len(self.rows[row].ids)] for row in rows]
            target = torch.tensor(noise, device=self.device).unsqueeze(1) * cumulative[:, -1:]
            tokens = torch.searchsorted(cumulative, target, right=True).squeeze(1).clamp_(max=logits.shape[1] - 1)
        chosen = logprobs.gather(1, tokens.unsqueeze(1)).squeeze(1).tolist()
        for row, token, logprob in zip(rows, tokens.tolist(), chosen, strict=True):
            episode = self.rows[row]
            episode.ids.append(token)
            episode.turn_index.append(len(episode.turns))
            episode.logprobs.append(logprob)
            episode.text.append(token)
            ended = token == self.template.end_id
            if ended or len(episode.text) >= self.limits.turn_tokens or len(episode.ids) >= self.limits.trajectory_tokens:
                self._end_turn(row, episode, ended)

    def _end_turn(self, row: int, episode: _Episode, ended: bool) -> None:
        """Read the turn, step the gym and queue its reply, or end the episode."""
        ids, episode.text = episode.text, []
        parsed = parse(self.template.turn_text(ids), episode.gym.kinds)
        out_of_tokens = not ended and len(episode.ids) >= self.limits.trajectory_tokens
        if out_of_tokens:
            episode.turns.append(Turn(parsed.thinking, parsed.action, "", 0.0, False, parsed.fault, len(ids)))
            self._close(row, episode, StopReason.TOKEN_BUDGET, False)
            return
        try:
            reply, reward, terminated, truncated, info = episode.gym.step(parsed.action)
        except FaultError as error:
            self._close(row, episode, StopReason.FAULT, False, error)
            return
        episode.turns.append(_turn(parsed, reply, reward, info["involves_user"], len(ids)))
        if terminated or truncated:
            self._close(row, episode, info["stop"], info["success"])
            return
        observation = self.template.observation_ids(reply, ended)
        if len(episode.ids) + len(observation) >= self.limits.trajectory_tokens:
            self._close(row, episode, StopReason.TOKEN_BUDGET, False)
            return
        # The last sampled token has not been fed yet; the observation follows it.
        episode.pending = [episode.ids[-1], *observation]
        episode.ids += observation
        episode.turn_index += [-1] * len(observation)
        episode.logprobs += [0.0] * len(observation)

    def _close(self, row: int, episode: _Episode, stop: StopReason, success: bool, error: FaultError | None = None) -> None:
        self.over.append(row)
        self.finish(episode, stop, success, error)

    def _close_up(self) -> None:
        """Move the last rows into the places of those whose episodes have ended, so that no step computes an empty row."""
        over, self.over = set(self.over), []
        if not over:
            return
        count = len(self.rows) - len(over)
        targets = [row for row in range(count) if row in over]
        sources = [row for row in range(count, len(self.rows)) if row not in over]
        if targets:
            self.cache.copy(sources, targets, max(self.rows[row].fed for row in sources))
            for source, target in zip(sources, targets, strict=True):
                self.rows[target] = self.rows[source]
        del self.rows[count:]

    def _tensor(self, values: list[int]) -> Tensor:
        return torch.tensor(values, device=self.device, dtype=torch.long)


def _turn(parsed: Parsed, reply: str, reward: float, involves_user: bool, tokens: int) -> Turn:
    return Turn(parsed.thinking, parsed.action, reply, reward, involves_user, parsed.fault, tokens)


__all__ = ["Engine", "EngineStats", "Fault", "Limits", "Request"]
