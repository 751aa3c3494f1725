"""What the runner's tests play in any process: the travel gym with an agent that is slow, faulty or deadly as its tasks say."""

import os
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np

from bao.action import Parsed, parse
from bao.gym import Gym
from bao.gyms.travel import Travel
from bao.rollout.plan import Plan
from bao.trajectory import Fault, FaultError


class Wanderer:
    """Takes random turns from its seed; `pause` seconds for each."""

    name = "wanderer"

    def __init__(self, gym: Gym, seed: int, pause: float = 0.0) -> None:
        self._rng = np.random.default_rng(seed)
        self._pause = pause

    def begin(self, system: str, opening: str) -> None:
        pass

    def act(self, observation: str) -> Parsed:
        time.sleep(self._pause)
        return parse(f"[search] {self._rng.integers(10**6)}" if self._rng.random() < 0.8 else "[finish]")


class Slow(Wanderer):
    def __init__(self, gym: Gym, seed: int) -> None:
        super().__init__(gym, seed, 0.005)


class Failing(Wanderer):
    """Faulty for a third of the seeds, whatever is tried."""

    def act(self, observation: str) -> Parsed:
        turn = super().act(observation)
        if turn.action.content[-1:] in ("1", "2", "3"):
            raise FaultError(Fault.POLICY_UNAVAILABLE, "no agent today")
        return turn


class Broken(Wanderer):
    def act(self, observation: str) -> Parsed:
        raise ZeroDivisionError("in the agent's code")


class Deadly(Slow):
    """Kills its process, once for each of two files that lie in the folder of the environment variable BAO_TEST_DEADLY."""

    def act(self, observation: str) -> Parsed:
        for name in ("first", "second"):
            try:
                (Path(os.environ["BAO_TEST_DEADLY"]) / name).unlink()
            except FileNotFoundError:
                continue
            os.kill(os.getpid(), signal.SIGKILL)
        return super().act(observation)


class Fatal(Wanderer):
    """Kills every process that it plays in."""

    def act(self, observation: str) -> Parsed:
        os.kill(os.getpid(), signal.SIGKILL)
        return super().act(observation)


def plan(make_policy: Any = Wanderer, tasks: int = 6, seeds: int = 4, **settings: Any) -> Plan:
    return Plan(Travel, make_policy, Travel.task_set("test", tasks).tasks, range(seeds), settings)
