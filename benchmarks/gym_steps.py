"""Steps of the function gym per CPU second: ``python benchmarks/gym_steps.py``.

Two figures, each the median of five runs by `time.process_time`:

* ``function_steps_per_cpu_second``: one episode without end in one gym object, probe after probe;
* ``function_steps_per_cpu_second_fresh``: a new episode of another task every 16 steps, each reset counted.

The probes are made beforehand, of integers from -9 to 99 in 10**8 combinations, so that no cache can answer them, and the
tasks are the gym's own test tasks in turn, so that divisions, powers and undefined values occur in their usual shares.
"""

import json
import statistics
import time

import numpy as np

from bao.action import Action, ActionKind
from bao.gyms.function import Function

STEPS = 64_000
EPISODE = 16
RUNS = 5


def make_probes(count: int, seed: int = 0) -> list[Action]:
    """Random probes of the size that agents send."""
    rows = np.random.default_rng(seed).integers(-9, 100, size=(count, 4))
    return [Action(ActionKind.ACTION, " ".join(map(str, row))) for row in rows.tolist()]


def long_lived(probes: list[Action]) -> float:
    """Steps per CPU second over episodes so long that resets do not count: 16 tasks share the probes."""
    gym = Function(horizon=len(probes) + 1)
    tasks = Function.task_set("test", 16)
    share = len(probes) // len(tasks)
    spent = 0.0
    for number, task in enumerate(tasks):
        part = probes[number * share : (number + 1) * share]
        gym.reset(seed=0, options={"task": task})
        step = gym.step
        start = time.process_time()
        for probe in part:
            step(probe)
        spent += time.process_time() - start
    return share * len(tasks) / spent


def fresh(probes: list[Action]) -> float:
    """Steps per CPU second with a reset to the next task before every 16th step, resets included."""
    gym = Function(horizon=EPISODE + 1)
    tasks = Function.task_set("test")
    start = time.process_time()
    for number, first in enumerate(range(0, len(probes), EPISODE)):
        gym.reset(seed=number, options={"task": tasks[number % len(tasks)]})
        step = gym.step
        for probe in probes[first : first + EPISODE]:
            step(probe)
    return len(probes) / (time.process_time() - start)


def measure() -> dict[str, float]:
    """Both figures, by name."""
    probes = make_probes(STEPS)
    return {
        "function_steps_per_cpu_second": statistics.median(long_lived(probes) for _ in range(RUNS)),
        "function_steps_per_cpu_second_fresh": statistics.median(fresh(probes) for _ in range(RUNS)),
    }


if __name__ == "__main__":
    print(json.dumps({name: round(figure) for name, figure in measure().items()}, indent=1))
