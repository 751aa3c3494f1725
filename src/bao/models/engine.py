"""Batched multi-turn generation, token in and token out.

Episodes run in the rows of one KV cache that lives across turns: only new tokens are ever fed, a group's prompt is prefilled
once, a row whose turn has ended takes part again when its observation has been fed, and rows of finished episodes are refilled
with waiting ones or dropped. Ids, turn indices and log-probabilities are kept as sampled (`TokenTrace`).

Gyms answer at once, in this thread, unless `GymLimits.at_once` says that they wait for somebody: then they are reset and
stepped in threads, the rows that await them stand aside, and the engine sleeps only where no other row is left.

Each episode draws from its own random stream, so what it samples does not depend on which episodes run beside it. Its logits
do, in their last digits, since products of matrices round by their shapes: a draw that these could turn (`bao.models.draw`) is
decided by logits from the episode's own tokens, alone in a batch. So the ids are the same in every batch as long as logits
differ by less than the margin of doubt, and the recorded log-probs nearly so. Under bfloat16 they differ a thousand times more
and nothing is decided anew: there only the same batches give the same episodes.
"""

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from bao.action import Parsed, parse
from bao.errors import ConfigError
from bao.gym import Gym
from bao.models.draw import draw, halvings, margin
from bao.models.forward import Forward, forward_of
from bao.models.kv import RowCache
from bao.models.template import Template
from bao.policies.prompt import PromptForm, system_text
from bao.rollout.episode import NEVER_PASS
from bao.rollout.request import GymLimits, Limits, OnEpisode, Request
from bao.rollout.waiting import LateError, WaitingPool
from bao.trajectory import Fault, FaultError, StopReason, TokenTrace, Trajectory, Turn

_SMALL = 10_000_000
"""Weights of a model that loses little on one thread."""


@dataclass
class EngineStats:
    """What a run cost."""

    prefilled: int = 0
    """Prompt and observation tokens fed."""
    sampled: int = 0
    alone: int = 0
    """Of these, decided by their episode's tokens alone."""
    decode_steps: int = 0
    seconds: float = 0.0


@dataclass(eq=False)
class _Episode:
    """A running episode and its row."""

    index: int
    request: Request
    tries: int
    """That are left, this one included."""
    gym: Gym
    system: str
    opening: str
    prompt: list[int]
    noise: npt.NDArray[np.float32]
    """[tokens, halvings]"""
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
    then: Callable[[Any], None] | None = None
    """Takes the gym's answer, while it is awaited."""
    awaited: float = 0.0
    """Seconds that the gym has taken."""
    over: bool = False


class Engine:
    """Plays many episodes of one gym with one model.

    `make_gym` makes a fresh gym; as many are made as rows. `rows` bounds the episodes that run at once (memory grows with
    it). ``temperature`` 0 is greedy.
    """

    def __init__(
        self,
        model: Any,
        template: Template,
        make_gym: Callable[[], Gym],
        *,
        limits: Limits,
        rows: int = 256,
        temperature: float = 1.0,
        form: PromptForm = PromptForm.FULL,
        policy: str = "local",
        gym_limits: GymLimits | None = None,
    ) -> None:
        if temperature < 0:
            raise ConfigError(f"temperature={temperature} must not be negative (0 is greedy)")
        self.model, self.template = model, template
        self.limits, self.rows, self.temperature, self.form, self.policy = limits, rows, temperature, form, policy
        self.gym_limits = gym_limits or GymLimits()
        self.stats = EngineStats()
        self._make_gym = make_gym
        self._gyms: list[Gym] = []
        weight = next(model.parameters())
        self._device, self._dtype = weight.device, weight.dtype

    def run(
        self, requests: Sequence[Request], *, weights_version: int = 0, on_episode: OnEpisode | None = None
    ) -> list[Trajectory]:
        """Play every request; trajectories come back in the order of the requests.

        Neighbouring requests with the same prompt (a group) share its prefill. An episode whose user breaks is begun anew, or
        ends with stop reason ``fault`` where it has had its tries; the others go on. `on_episode` is called in this thread.
        Ctrl-C or an error ends it: no further step is begun, and a gym that waits is left behind.
        """
        start = time.perf_counter()
        done: dict[int, Trajectory] = {}

        def finish(episode: _Episode, stop: StopReason, success: bool, error: FaultError | None = None) -> None:
            if error is None:  # a gym that broke is not used again, and may still be at it
                self._gyms.append(episode.gym)
            trajectory = self._trajectory(episode, stop, success, weights_version, error)
            done[episode.index] = trajectory
            if on_episode is not None:
                on_episode(episode.index, trajectory)

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
            np.array(episode.prompt, np.int32),
            np.array(episode.ids, np.int32),
            np.array(episode.turn_index, np.int16),
            np.array(episode.logprobs, np.float32),
            weights_version,
        )
        return Trajectory(
            gym=episode.gym.name,
            task_id=episode.request.task.id,
            policy=self.policy,
            seed=episode.request.seed,
            opening=episode.opening,
            turns=tuple(episode.turns),
            stop=stop,
            success=success,
            horizon=episode.gym.horizon,
            system=episode.system,
            effort_weight=episode.request.effort_weight,
            budget=episode.request.budget,
            level=episode.request.task.level,
            fault=error.fault if error else None,
            fault_detail=error.detail if error else "",
            seconds=time.perf_counter() - episode.started,
            trace=trace,
            satisfaction=None if error else episode.gym.satisfaction,
            repaired=None if error else episode.gym.repaired,
            measured=None if error else episode.gym.measured,
        )


class _Run:
    """The state of one `Engine.run`: which episode is in which row."""

    def __init__(self, engine: Engine, requests: Sequence[Request], finish: Callable[..., None], forward: Forward) -> None:
        self.engine, self.template, self.limits, self.gym_limits = engine, engine.template, engine.limits, engine.gym_limits
        self.finish, self.forward = finish, forward
        self.waiting = deque((index, request, self.gym_limits.tries) for index, request in enumerate(requests))
        self.most = min(engine.rows, len(requests))
        self.opening: set[_Episode] = set()
        """Episodes whose gyms are being reset."""
        self.opened: list[_Episode] = []
        """Episodes that have an opening and no row yet."""
        self.rows: list[_Episode] = []
        self.cache = RowCache(self.most)
        self.device = engine._device
        self.halvings = halvings(engine.model.lm_head.out_features)
        self.exact = engine._dtype is torch.float32 and not torch.is_autocast_enabled(self.device.type)
        """Whether batches differ by little enough that what is doubtful is rare, and decided alone."""
        self.small = sum(weight.numel() for weight in engine.model.parameters()) < _SMALL
        self.near = 0.0
        """The margin of doubt, from the largest logits met in prefilling."""
        self.calls: WaitingPool[_Episode] | None = WaitingPool(self.gym_limits.at_once) if self.gym_limits.at_once else None

    def loop(self) -> None:
        try:
            quiet = False
            while True:
                self._admit(quiet)
                starved = [r for r, episode in enumerate(self.rows) if episode.pending]
                writing = [r for r, episode in enumerate(self.rows) if not episode.pending and episode.then is None]
                # Feeding a few rows costs nearly as much as feeding many, so observations wait until enough have gathered.
                if starved and len(starved) >= max(1, len(writing)):
                    self._feed(starved)
                elif writing:
                    self._decode(writing)
                elif not (self.rows or self.opening or self.opened or self.waiting):
                    return
                if self.calls is not None:
                    idle = not (starved or writing)
                    quiet = not self._hear(self.calls, idle) and idle
                self._close_up()
        finally:
            if self.calls is not None:
                self.calls.close()

    def _admit(self, quiet: bool) -> None:
        """Take waiting episodes once enough rows are free to make the prefill worth it; `quiet`: nothing else goes on."""
        some = max(1, self.most // 4)
        free = self.most - len(self.rows) - len(self.opening) - len(self.opened)
        if self.waiting and free >= min(len(self.waiting), some):
            for _ in range(min(len(self.waiting), free)):
                self._start(*self.waiting.popleft())
        if self.opened and (quiet or not self.opening or len(self.opened) >= some):
            self._place(sorted(self.opened, key=lambda episode: episode.index))

    def _place(self, opened: list[_Episode]) -> None:
        """Give `opened` the next rows; a prompt that neighbours have in common is fed once."""
        admitted = list(range(len(self.rows), len(self.rows) + len(opened)))
        self.rows += opened
        self.opened = []
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

    def _start(self, index: int, request: Request, tries: int) -> None:
        gym = self.engine.take_gym()
        system = system_text(gym, self.engine.form, request.effort_weight, request.budget)
        noise = np.random.Generator(np.random.Philox(key=request.seed)).random(
            (self.limits.trajectory_tokens, self.halvings), dtype=np.float32
        )
        episode = _Episode(index, request, tries, gym, system, "", [], noise, time.perf_counter())
        self.opening.add(episode)
        reset = partial(gym.reset, seed=request.seed, options={"task": request.task})
        self._ask(episode, reset, partial(self._open, episode))

    def _open(self, episode: _Episode, reset: tuple[str, Any]) -> None:
        episode.opening, _ = reset
        episode.prompt = self.template.prompt_ids(episode.system, episode.opening)
        positions = getattr(self.engine.model.config, "max_position_embeddings", None)
        if positions is not None and len(episode.prompt) + self.limits.trajectory_tokens > positions:
            raise ConfigError(
                f"trajectory_tokens={self.limits.trajectory_tokens} and a prompt of {len(episode.prompt)} tokens exceed the "
                f"model's {positions} positions: lower trajectory_tokens"
            )
        self.opening.discard(episode)
        self.opened.append(episode)

    def _ask(self, episode: _Episode, function: Callable[[], Any], then: Callable[[Any], None]) -> None:
        """Have the episode's gym do something; `then` takes what comes of it, now or once it is there."""
        if self.calls is not None:
            episode.then = then
            self.calls.submit(episode, function, self.gym_limits.seconds - episode.awaited)
            return
        try:
            result = function()
        except FaultError as error:
            self._break(episode, error)
            return
        then(result)

    def _hear(self, calls: WaitingPool[_Episode], idle: bool) -> bool:
        """Take what gyms have answered, waiting a moment for the first where nothing else is to be done; whether any has."""
        answered = calls.collect(wait=idle and calls.outstanding > 0)
        for episode, result, error, seconds in answered:
            then, episode.then = episode.then, None
            episode.awaited += seconds
            if isinstance(error, LateError):
                detail = f"its gym took longer than episode_timeout={self.gym_limits.seconds:g} s"
                self._break(episode, FaultError(Fault.EPISODE_TIMEOUT, detail))
            elif isinstance(error, FaultError):
                self._break(episode, error)
            elif error is not None:
                raise error
            elif then is not None:
                then(result)
        return bool(answered)

    def _break(self, episode: _Episode, error: FaultError) -> None:
        """Begin an episode anew, or end it as a fault."""
        self.opening.discard(episode)
        if episode.tries > 1 and error.fault not in NEVER_PASS:
            episode.over = True
            self.waiting.append((episode.index, episode.request, episode.tries - 1))
        else:
            self._close(episode, StopReason.FAULT, False, error)

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
        logits = logits.float()
        if width > 1 or not self.near:
            self.near = max(self.near, margin(logits))
        return logits

    def _alone(self, episode: _Episode) -> Tensor:
        """Logits [1, vocabulary] after an episode's last token, in which no batch and no cache has a part."""
        self.engine.stats.alone += 1
        ids = torch.tensor([episode.prompt + episode.ids], device=self.device)
        cache, length = RowCache(1), ids.shape[1]
        columns = torch.arange(length, device=self.device).unsqueeze(0)
        cache.aim([0], columns, length)
        # Rounding depends on threads too, and whether processes of one thread play depends on how much is left.
        threads = torch.get_num_threads()
        if self.small:
            torch.set_num_threads(1)
        try:
            logits: Tensor = self.engine.model.lm_head(self.forward(ids, columns, cache)[:, -1])
        finally:
            if self.small:
                torch.set_num_threads(threads)
        return logits.float()

    def _sample(self, rows: list[int], logits: Tensor) -> None:
        """One token for each row from `logits` [rows, vocabulary], on the episode's own stream."""
        self.engine.stats.sampled += len(rows)
        temperature = self.engine.temperature
        noise = np.array([self.rows[row].noise[len(self.rows[row].ids)] for row in rows])
        tokens, logprobs, doubtful = draw(logits, temperature, noise, self.near)
        for i in doubtful if self.exact else ():
            alone = draw(self._alone(self.rows[rows[i]]), temperature, noise[i : i + 1], 0.0)
            tokens[i], logprobs[i] = alone.tokens[0], alone.logprobs[0]
        for row, token, logprob in zip(rows, tokens.tolist(), logprobs.tolist(), strict=True):
            episode = self.rows[row]
            episode.ids.append(token)
            episode.turn_index.append(len(episode.turns))
            episode.logprobs.append(logprob)
            episode.text.append(token)
            ended = token == self.template.end_id
            if ended or len(episode.text) >= self.limits.turn_tokens or len(episode.ids) >= self.limits.trajectory_tokens:
                self._end_turn(episode, ended)

    def _end_turn(self, episode: _Episode, ended: bool) -> None:
        """Read the turn and step the gym, or end the episode."""
        ids, episode.text = episode.text, []
        parsed = parse(self.template.turn_text(ids), episode.gym.kinds)
        out_of_tokens = not ended and len(episode.ids) >= self.limits.trajectory_tokens
        if out_of_tokens:
            episode.turns.append(Turn(parsed.thinking, parsed.action, "", 0.0, False, parsed.fault, len(ids)))
            self._close(episode, StopReason.TOKEN_BUDGET, False)
            return
        self._ask(episode, partial(episode.gym.step, parsed.action), partial(self._take, episode, parsed, ended, len(ids)))

    def _take(self, episode: _Episode, parsed: Parsed, ended: bool, tokens: int, step: tuple[Any, ...]) -> None:
        """Queue the gym's reply, or end the episode."""
        reply, reward, terminated, truncated, info = step
        episode.turns.append(Turn(parsed.thinking, parsed.action, reply, reward, info["involves_user"], parsed.fault, tokens))
        if terminated or truncated:
            self._close(episode, info["stop"], info["success"])
            return
        observation = self.template.observation_ids(reply, ended)
        if len(episode.ids) + len(observation) >= self.limits.trajectory_tokens:
            self._close(episode, StopReason.TOKEN_BUDGET, False)
            return
        # The last sampled token has not been fed yet; the observation follows it.
        episode.pending = [episode.ids[-1], *observation]
        episode.ids += observation
        episode.turn_index += [-1] * len(observation)
        episode.logprobs += [0.0] * len(observation)

    def _close(self, episode: _Episode, stop: StopReason, success: bool, error: FaultError | None = None) -> None:
        episode.over = True
        self.finish(episode, stop, success, error)

    def _close_up(self) -> None:
        """Move the last rows into the places of those whose episodes have ended, so that no step computes an empty row."""
        over = {row for row, episode in enumerate(self.rows) if episode.over}
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


__all__ = ["Engine", "EngineStats", "Fault", "GymLimits", "Limits", "OnEpisode", "Request"]
