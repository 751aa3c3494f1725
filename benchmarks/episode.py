"""An episode as TRL's rollout function plays it, by the rules and limits of our engine."""

from bao.action import parse
from bao.models.template import Template
from bao.task import Task
from benchmarks.work import Work


class Episode:
    """The gym, and the ids so far."""

    def __init__(self, work: Work, template: Template, task: Task, system: str, seed: int) -> None:
        self.limits, self.template = work.limits, template
        self.gym = work.make_gym()
        opening, _ = self.gym.reset(seed=seed, options={"task": task})
        self.prompt = template.prompt_ids(system, opening)
        self.ids: list[int] = []
        self.written: list[int] = []
        """1 where the model wrote the token, 0 on observations."""
        self.turns = 0
        self.running = True

    def take(self, turn: list[int]) -> None:
        """Play one generated turn (padding after its end still on it), under the limits of our engine."""
        if self.template.end_id in turn:
            turn = turn[: turn.index(self.template.end_id) + 1]
        turn = turn[: self.limits.trajectory_tokens - len(self.ids)]
        ended = turn[-1] == self.template.end_id
        self.ids += turn
        self.written += [1] * len(turn)
        self.turns += 1
        action = parse(self.template.turn_text(turn), self.gym.kinds).action
        reply, _, terminated, truncated, _ = self.gym.step(action)
        observation = self.template.observation_ids(reply, ended)
        self.running = not terminated and not truncated
        if self.running and len(self.ids) + len(observation) < self.limits.trajectory_tokens:
            self.ids += observation
            self.written += [0] * len(observation)
        else:
            self.running = False
