"""What can be proved of a gym without a model: ``prove(Travel)`` gives one finding for each promise.

Every gym owes: gymnasium's interface, faithful data, splits without a shared component, scripted policies that bound the
scores, gold answers that score 1, next to nothing for adversaries (`bao.checks.adversaries`), rewards on the common scale,
nothing hidden that shows (`bao.checks.leaks`), and determinism: the same seed is the same episode, whatever else is played
beside it. ``cautions(Travel)`` finds what breaks no promise, and leaves its results uncertain.
"""

import json
import os
import random
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from itertools import islice, zip_longest
from typing import Any, NamedTuple

import numpy as np
from gymnasium.utils.env_checker import check_env

from bao.checks.adversaries import EARNED_MOST, SOLVED_MOST, exploits
from bao.checks.leaks import Leak, reply_leaks, show, unasked_leaks
from bao.gym import Gym
from bao.measure import stated
from bao.measures.catalogue import MEASURES
from bao.measures.clusters import connected, count_text
from bao.policy import Policy
from bao.rollout.plan import digest_of
from bao.rollout.recorded import Recorded, record, replay, replaying
from bao.task import Split, Task, TaskSet

BOUNDS = ("oracle", "ask_all", "never_ask", "random")
RANDOM_MOST, ORACLE_LEAST = 0.1, 0.95
HARM_MOST = 1.0
"""What an episode may cost at most, so that harm stays on the scale of returns."""
CLUSTERS_LEAST = 40
"""Clusters of a test split below which its intervals are wide, and rest on few observations."""
PAIRS = 12
"""Pairs of test tasks that the proofs of determinism play."""


class Finding(NamedTuple):
    """One promise, kept or not."""

    promise: str
    ok: bool
    detail: str
    warning: bool = False
    """Of `CAUTIONS`: where it is not ok, the gym is sound all the same."""


class Subject:
    """The gym under proof, with its tasks and episodes, each made once."""

    def __init__(self, gym: type[Gym]) -> None:
        self.gym = gym
        self._episodes: dict[tuple[str, Split], list[Recorded]] = {}

    @cached_property
    def sets(self) -> Mapping[Split, TaskSet]:
        return {split: self.gym.task_set(split) for split in Split}

    @property
    def tasks(self) -> Iterator[Task]:
        return (task for tasks in self.sets.values() for task in tasks)

    def episodes(self, policy: str, split: Split) -> list[Recorded]:
        """One episode for each task of a split. Raises `ValueError` where there is no such policy."""
        key = policy, split
        if key not in self._episodes:
            gym = self.gym()
            player = self.policy(policy, gym)
            self._episodes[key] = [record(gym, player, task, seed) for seed, task in enumerate(self.sets[split])]
        return self._episodes[key]

    def policy(self, name: str, gym: Gym) -> Policy:
        policies = self.gym.scripted_policies()
        if name not in policies:
            raise ValueError(f"scripted_policies() has no {name!r}")
        return policies[name](gym, 0)


Verdict = tuple[bool, str]
Proof = Callable[[Subject], Verdict]


def prove(gym: type[Gym]) -> list[Finding]:
    """Every promise, in the order of `PROOFS`. What a proof raises is its finding: the gym broke."""
    return _findings(gym, PROOFS, warning=False)


def cautions(gym: type[Gym]) -> list[Finding]:
    """Every caution, in the order of `CAUTIONS`."""
    return _findings(gym, CAUTIONS, warning=True)


def _findings(gym: type[Gym], proofs: Mapping[str, Proof], *, warning: bool) -> list[Finding]:
    subject = Subject(gym)
    findings = []
    for promise, proof in proofs.items():
        try:
            ok, detail = proof(subject)
        except Exception as error:  # whatever a gym under proof does, the other proofs go on
            ok, detail = False, f"{type(error).__name__}: {error}"
        findings.append(Finding(promise, ok, detail, warning))
    return findings


def passes_gymnasium(subject: Subject) -> Verdict:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check_env(subject.gym(), skip_render_check=True)
    return True, "check_env"


def is_faithful(subject: Subject) -> Verdict:
    """Each task passes `Gym.check_task`, as it is and as a file would give it back, and is of this gym and split."""
    count = 0
    for split, tasks in subject.sets.items():
        for task in tasks:
            again = Task.from_json(json.loads(json.dumps(task.to_json())))
            if again != task:
                return False, f"{task.id} is another task after it was written to a file and read"
            if (task.gym, task.split) != (subject.gym.name, split):
                return False, f"{task.id} of the split {split} says that it is of {task.gym}'s {task.split}"
            for each in (task, again):
                try:
                    subject.gym.check_task(each)
                except (KeyError, TypeError, ValueError) as error:
                    return False, f"check_task refuses {task.id}: {error}"
            count += 1
    return True, f"{count} tasks"


def splits_are_disjoint(subject: Subject) -> Verdict:
    """No component (`Gym.components`) and no id occurs in two splits."""
    home: dict[str, tuple[Split, str]] = {}
    for split, tasks in subject.sets.items():
        for task in tasks:
            components = subject.gym.components(task)
            if not components:
                return False, f"components() names none for {task.id}"
            for component in (*components, f"id {task.id}"):
                other, first = home.setdefault(component, (split, task.id))
                if other is not split:
                    return False, f"{task.id} of {split} and {first} of {other} share {component!r}"
    sizes = ", ".join(f"{len(tasks)} {split}" for split, tasks in subject.sets.items())
    return True, f"{sizes}, of {len(home) - sum(map(len, subject.sets.values()))} components"


def tasks_stay_the_same(subject: Subject) -> Verdict:
    """Asked for again, and in another process, the gym gives the same tasks, in the same order."""
    split = Split.TEST
    first = [digest_of(task.to_json()) for task in subject.sets[split]]
    found = {"asked for again": [digest_of(task.to_json()) for task in subject.gym.task_set(split)]}
    if _is_importable(subject.gym):
        found["in another process"] = _elsewhere(subject.gym, split)
    for how, digests in found.items():
        if len(digests) != len(first):
            return False, f"{len(digests)} {split} tasks {how}, {len(first)} before"
        for task, one, other in zip(subject.sets[split], first, digests, strict=True):
            if one != other:
                return False, f"{task.id} is another task {how}: draw it from a generator with a seed of its own"
    return True, f"{len(first)} {split} tasks {' and '.join(found)}"


_DIGESTS = """
import functools, importlib, json, sys
from bao.rollout.plan import digest_of
module, name, split = sys.argv[1:]
gym = functools.reduce(getattr, name.split("."), importlib.import_module(module))
print(json.dumps([digest_of(task.to_json()) for task in gym.task_set(split)]))
"""


def _is_importable(gym: type[Gym]) -> bool:
    """Whether another process finds this class by its name; one of a notebook or of a function is made here only."""
    found: Any = sys.modules.get(gym.__module__)
    for name in gym.__qualname__.split("."):
        found = getattr(found, name, None)
    return found is gym and gym.__module__ != "__main__"


def _elsewhere(gym: type[Gym], split: Split) -> list[str]:
    """The digests of a split's tasks as another process makes them, under another seed of Python's hashes."""
    surroundings = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONHASHSEED": "12345"}
    told = [sys.executable, "-c", _DIGESTS, gym.__module__, gym.__qualname__, str(split)]
    done = subprocess.run(told, env=surroundings, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the tasks cannot be made in another process: {done.stderr.strip().splitlines()[-1:]}")
    found: list[str] = json.loads(done.stdout.splitlines()[-1])
    return found


def has_bounds(subject: Subject) -> Verdict:
    missing = [name for name in BOUNDS if name not in subject.gym.scripted_policies()]
    return not missing, f"scripted_policies() has no {', '.join(missing)}" if missing else ", ".join(BOUNDS)


def solves(split: Split) -> Proof:
    """The oracle's gold answers score 1 and end each task as a success, within the horizon."""

    def proof(subject: Subject) -> Verdict:
        episodes = subject.episodes("oracle", split)
        score = sum(episode.task_return for episode in episodes) / len(episodes)
        failed = [episode.task_id for episode in episodes if not episode.success]
        detail = f"score {score:.3f}, {len(episodes) - len(failed)} of {len(episodes)} solved"
        detail += f" within {subject.gym.horizon_default} turns" + (f"; not {failed[0]}" if failed else "")
        return score >= ORACLE_LEAST and not failed, detail

    return proof


def chance_scores_little(subject: Subject) -> Verdict:
    episodes = subject.episodes("random", Split.TEST)
    score = sum(episode.task_return for episode in episodes) / len(episodes)
    return score <= RANDOM_MOST, f"score {score:.3f}"


def rewards_are_normalised(subject: Subject) -> Verdict:
    """No episode earns more than 1, none less than -1 (harm), and the oracle never less than 0."""
    least = most = 0.0
    for name in BOUNDS:
        lowest = 0.0 if name == "oracle" else -HARM_MOST
        for episode in subject.episodes(name, Split.TEST):
            if not lowest - 1e-9 <= episode.task_return <= 1 + 1e-9:
                return False, f"{name} earns {[step.reward for step in episode.steps]} on {episode.task_id}"
            least, most = min(least, episode.task_return), max(most, episode.task_return)
    return True, f"episodes earn from {least:.3f} to {most:.3f}"


def withstands_adversaries(subject: Subject) -> Verdict:
    """None of `bao.checks.adversaries`, who are after the reward and not after the task, gets more than next to nothing."""
    found = exploits(subject.gym(), subject.sets[Split.TEST].tasks)
    bad = [each for each in found if each.is_too_much]
    worst = bad or [max(found, key=lambda each: (each.earned, each.solved))]
    told = "; ".join(f"{each.adversary!r} earns {each.earned:.3f} and solves {each.solved:.1%}" for each in worst)
    return not bad, f"{len(found)} adversaries; {told}" if not bad else told


def measures_itself(subject: Subject) -> Verdict:
    """What the gym states of its own measures (`Gym.measures`) can be used, and each has figures within its bounds."""
    own = stated(subject.gym.measures(), subject.gym.name, MEASURES)
    if not own:
        return True, "none of its own"
    found: dict[str, list[float]] = {name: [] for name in own}
    gym, count = subject.gym(), 0
    for policy in BOUNDS:
        for task, seed in _sample(subject):
            record(gym, subject.policy(policy, gym), task, seed)
            count += 1
            for name, figure in (gym.measured or {}).items():
                found[name].append(figure)
    bare = [name for name, values in found.items() if not values]
    if bare:
        return False, f"no episode of {count} has a figure for {', '.join(bare)}"
    told = ", ".join(f"{name} from {min(values):g} to {max(values):g}" for name, values in found.items())
    return True, f"{told} in {count} episodes"


def shows_nothing_hidden(subject: Subject) -> Verdict:
    """Opening, instructions, infos and the replies to idle actions hold no hidden text."""
    gym = subject.gym()
    shown = [show(gym, task) for task in subject.tasks]
    bare = next((each.task.id for each in shown if not gym.hidden(each.task)), None)
    if bare is not None:
        return False, f"hidden() names nothing for {bare}: declare what the agent has to find out"
    count = sum(len(gym.hidden(each.task)) for each in shown)
    return _verdict(unasked_leaks(gym, shown), f"{count} hidden texts of {len(shown)} tasks")


def tells_nothing_unasked(subject: Subject) -> Verdict:
    """Replies and infos of whole episodes hold no hidden text before its time, played by agents that ask, do not, and stray."""
    tasks = subject.sets[Split.TEST].tasks
    episodes = [episode for name in ("never_ask", "ask_all", "random") for episode in subject.episodes(name, Split.TEST)]
    return _verdict(reply_leaks(subject.gym(), tasks, episodes), f"{len(episodes)} episodes")


def repeats_itself(subject: Subject) -> Verdict:
    """One seed is one episode: in a new gym and in a used one, whatever the state of the global generators."""
    used, count = subject.gym(), 0
    for name in ("random", "ask_all"):
        for task, seed in _sample(subject):
            episodes = []
            for number, gym in enumerate((subject.gym(), subject.gym(), used)):
                with _global_chance(number):
                    episodes.append(record(gym, subject.policy(name, gym), task, seed))
            if any(episode != episodes[0] for episode in episodes[1:]):
                return False, f"{name} meets another episode of {task.id} with the same seed, {seed}"
            count += 1
    return True, f"{count} episodes, each three times"


def keeps_to_itself(subject: Subject) -> Verdict:
    """Two gyms that play in turns play as each does alone."""
    sample = list(_sample(subject))
    pairs = list(zip(sample[::2], sample[1::2], strict=False)) or [(sample[0], sample[0])]
    for pair in pairs:
        alone = []
        for task, seed in pair:
            gym = subject.gym()
            alone.append(record(gym, subject.policy("random", gym), task, seed))
        beside = _in_turns(
            [replaying(subject.gym(), task, seed, a.actions) for (task, seed), a in zip(pair, alone, strict=True)]
        )
        for (task, _), one, other in zip(pair, alone, beside, strict=True):
            if one != other:
                return False, f"{task.id} goes otherwise beside {' and '.join(t.id for t, _ in pair if t is not task)}"
    return True, f"{len(pairs)} pairs"


def has_many_clusters(subject: Subject) -> Verdict:
    """The test tasks fall into so many clusters (`bao.measures.clusters`) that intervals over them say something."""
    tasks = subject.sets[Split.TEST]
    count = len(set(connected({task.id: subject.gym.components(task) for task in tasks}).values()))
    if count >= CLUSTERS_LEAST:
        return True, count_text(len(tasks), count)
    return False, (
        f"only {count_text(len(tasks), count)} that share no component: intervals go by clusters, and are wide; make the "
        "tasks of more different things (what components() names: worlds, frames, wishes)"
    )


def leaves_global_chance(subject: Subject) -> Verdict:
    """Making, resetting and stepping a gym, and making its tasks, neither seed nor draw from `random` and `numpy.random`."""
    (task, seed), *_ = _sample(subject)
    gym = subject.gym()
    actions = record(gym, subject.policy("random", gym), task, seed).actions
    deeds: Mapping[str, Callable[[], Any]] = {
        "task_set()": lambda: subject.gym.task_set(Split.TEST),
        "the constructor": subject.gym,
        "reset() with a task": lambda: gym.reset(seed=seed, options={"task": task}),
        "reset() without a task": lambda: gym.reset(seed=seed),
        "step()": lambda: replay(gym, task, seed, actions),
    }
    for deed, do in deeds.items():
        with _global_chance(1):
            before = _global_state()
            do()
            if _global_state() != before:
                return False, f"{deed} changes the state of a global generator"
    return True, ", ".join(deeds)


PROOFS: Mapping[str, Proof] = {
    "gymnasium's checker passes": passes_gymnasium,
    "tasks are faithful data": is_faithful,
    "tasks stay the same": tasks_stay_the_same,
    "splits share no component": splits_are_disjoint,
    "bounding policies exist": has_bounds,
    **{f"the oracle solves {split}": solves(split) for split in Split},
    f"chance scores at most {RANDOM_MOST}": chance_scores_little,
    f"no adversary earns more than {EARNED_MOST} or solves more than {SOLVED_MOST:.0%}": withstands_adversaries,
    f"an episode earns from {-HARM_MOST:g} to 1": rewards_are_normalised,
    "its own measures have figures": measures_itself,
    "nothing hidden shows unasked": shows_nothing_hidden,
    "replies tell what was asked": tells_nothing_unasked,
    "one seed is one episode": repeats_itself,
    "gyms keep to themselves": keeps_to_itself,
    "global chance is left alone": leaves_global_chance,
}

CAUTIONS: Mapping[str, Proof] = {f"the test split has at least {CLUSTERS_LEAST} clusters": has_many_clusters}


def _verdict(leaks: Iterator[Leak], looked_at: str) -> Verdict:
    found = list(islice(leaks, 1000))
    if not found:
        return True, looked_at
    return False, f"{found[0]} ({len(found)} such in all)"


def _sample(subject: Subject) -> Iterator[tuple[Task, int]]:
    """Test tasks from all over the set, with a seed each."""
    tasks = subject.sets[Split.TEST]
    count = min(2 * PAIRS, len(tasks))
    return ((tasks[i * len(tasks) // count], i) for i in range(count))


def _in_turns(episodes: list[Iterator[Recorded]]) -> list[Recorded]:
    """The last state of each episode, played a step of each at a time."""
    last: dict[int, Recorded] = {}
    for states in zip_longest(*episodes):
        last |= {number: state for number, state in enumerate(states) if state is not None}
    return [last[number] for number in range(len(episodes))]


@contextmanager
def _global_chance(seed: int) -> Iterator[None]:
    """The global generators seeded with `seed`, and as they were before afterwards."""
    python, numpy = random.getstate(), np.random.get_state()
    random.seed(seed)
    np.random.seed(seed)
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)


def _global_state() -> tuple[Any, ...]:
    name, keys, *rest = np.random.get_state()
    return random.getstate(), name, np.asarray(keys).tobytes(), *rest
