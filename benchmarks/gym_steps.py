"""Steps per CPU second of all eight gyms with their scripted users: ``python -m benchmarks.gym_steps [GYM ..]``.

The actions are those of the gym's own scripted policies (all but the oracle and chance), recorded beforehand on its test tasks,
so that the agents' time is not counted. Three figures for each gym, each the median of `RUNS` runs by `time.process_time`:

* ``{gym}_steps_per_cpu_second``: one gym plays episode after episode; only its steps count.
* ``{gym}_steps_per_cpu_second_fresh``: every episode has a gym made for it, and making and resetting it count.
* ``{gym}_steps_per_cpu_second_unseen``: as the first, with texts that were never seen before, so that nothing that a gym
  remembers of a text can help: a made-up word in every free text, for telepathy questions of two parts in random pairs, for
  function random probes.

Simplifications: the tasks' own data is loaded beforehand, as it is in training; actions go on as recorded where a made-up word
changes the user's replies, and an episode that ends the earlier for it just ends.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import cycle, permutations
from typing import Any, NamedTuple

import numpy as np
from rich.table import Table

from bao.action import Action, ActionKind
from bao.gym import Gym
from bao.gyms.registry import gym_class, gym_names
from bao.reporting.terminal import results_console
from bao.rollout.recorded import record
from bao.task import Task

BAR = 20_000
"""What every figure should reach."""
STEPS, RUNS, TASKS = 12_000, 5, 60
LEFT_OUT = frozenset({"oracle", "random"})
SUFFIXES = {"": "long-lived", "_fresh": "fresh gyms", "_unseen": "unseen texts"}
FREE_TEXT: Mapping[str, frozenset[ActionKind]] = {
    "search": frozenset({ActionKind.ACTION, ActionKind.SEARCH}),
    "turtle": frozenset({ActionKind.ACTION, ActionKind.ANSWER}),
    "persuade": frozenset({ActionKind.ACTION, ActionKind.ANSWER}),
}
"""The kinds whose content is free text; elsewhere it is ``action`` alone."""


class Episode(NamedTuple):
    """What an agent did on a task."""

    task: Task
    seed: int
    actions: tuple[Action, ...]


def recorded(cls: type[Gym], tasks: int = TASKS) -> list[Episode]:
    """The scripted policies' episodes on the first test tasks, the policies in turn."""
    episodes = []
    for seed, task in enumerate(cls.task_set("test").tasks[:tasks]):
        for name, make in cls.scripted_policies().items():
            if name not in LEFT_OUT:
                gym = cls()
                episodes.append(Episode(task, seed, record(gym, make(gym, seed), task, seed).actions))
    return episodes


def unseen(name: str, episodes: Sequence[Episode], rng: np.random.Generator) -> Iterator[Episode]:
    """The episodes over and over, with texts that no gym has read before."""
    new_text = {"function": _probes, "telepathy": _pairs}.get(name, _strange)(rng)
    free = FREE_TEXT.get(name, frozenset({ActionKind.ACTION}))
    for task, seed, actions in cycle(episodes):
        yield Episode(
            task, seed, tuple(Action(k, new_text(content)) if k in free else Action(k, content) for k, content in actions)
        )


def _strange(rng: np.random.Generator) -> Callable[[str], str]:
    """Puts a made-up word of eight letters behind the second word."""
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))

    def new(text: str) -> str:
        words = text.split(" ")
        words.insert(2, "".join(letters[rng.integers(26, size=8)]))
        return " ".join(words)

    return new


def _probes(rng: np.random.Generator) -> Callable[[str], str]:
    """Four integers from -9 to 99, in 10**8 combinations."""
    return lambda text: " ".join(map(str, rng.integers(-9, 100, size=4).tolist()))


def _pairs(rng: np.random.Generator) -> Callable[[str], str]:
    """Two plain questions joined, after a preface: some 100,000 of them, each once."""
    from bao.gyms.telepathy.table import table

    asked = [feature.ask.rstrip("?") for feature in table().features if feature.ask]
    prefaces = ("", "Would you say ", "Do you think ", "Okay, ", "I wonder if ", "Could you tell me: ")
    joints = (" and ", " or ")
    parts = [(p, one, joint, two) for one, two in permutations(asked, 2) for p in prefaces for joint in joints]
    rng.shuffle(parts)
    left = iter(parts)

    def new(text: str) -> str:
        preface, one, joint, two = next(left)
        return f"{preface}{one}{joint}{two[0].lower()}{two[1:]}?"

    return new


def long_lived(cls: type[Gym], episodes: Iterator[Episode], steps: int = STEPS) -> float:
    """Steps per CPU second of one gym that plays the episodes; their resets do not count."""
    gym = cls()
    spent, count = 0.0, 0
    for task, seed, actions in episodes:
        gym.reset(seed=seed, options={"task": task})
        step = gym.step
        start = time.process_time()
        for action in actions:
            count += 1
            _, _, terminated, truncated, _ = step(action)
            if terminated or truncated:
                break
        spent += time.process_time() - start
        if count >= steps:
            break
    return count / spent


def fresh(cls: type[Gym], episodes: Iterator[Episode], steps: int = STEPS) -> float:
    """Steps per CPU second where each episode has a gym of its own, its making and reset included."""
    count = 0
    start = time.process_time()
    for task, seed, actions in episodes:
        gym = cls()
        gym.reset(seed=seed, options={"task": task})
        step = gym.step
        for action in actions:
            count += 1
            _, _, terminated, truncated, _ = step(action)
            if terminated or truncated:
                break
        if count >= steps:
            break
    return count / (time.process_time() - start)


def measure(names: Sequence[str] = (), *, steps: int = STEPS, runs: int = RUNS, tasks: int = TASKS) -> dict[str, float]:
    """The figures of these gyms (default: of all), by name."""
    figures: dict[str, float] = {}
    for name in names or gym_names():
        cls = gym_class(name)
        episodes = recorded(cls, tasks)
        new = unseen(name, episodes, np.random.default_rng(0))
        runs_of = {
            "": [long_lived(cls, cycle(episodes), steps) for _ in range(runs)],
            "_fresh": [fresh(cls, cycle(episodes), steps) for _ in range(runs)],
            "_unseen": [long_lived(cls, _made_beforehand(new, steps), steps) for _ in range(runs)],
        }
        figures |= {f"{name}_steps_per_cpu_second{suffix}": statistics.median(found) for suffix, found in runs_of.items()}
    return figures


def _made_beforehand(episodes: Iterator[Episode], steps: int) -> Iterator[Episode]:
    """Enough of the episodes for `steps` turns, so that making them is not counted, and after these whatever it takes."""
    made, count = [], 0
    while count < steps:
        made.append(next(episodes))
        count += len(made[-1].actions)
    yield from made
    yield from episodes


def table(figures: Mapping[str, Any]) -> Table | None:
    """The figures among `figures` for reading; None where there are none."""
    shown = Table("gym steps per CPU second", *SUFFIXES.values())
    for name in gym_names():
        found = [figures.get(f"{name}_steps_per_cpu_second{suffix}") for suffix in SUFFIXES]
        if found[0] is not None:
            shown.add_row(name, *(f"{figure:,.0f}{'' if figure >= BAR else f' (below {BAR:,})'}" for figure in found))
    return shown if shown.row_count else None


if __name__ == "__main__":
    result = measure(sys.argv[1:])
    results_console().print(table(result))
    print(json.dumps({name: round(figure) for name, figure in result.items()}, indent=1))
