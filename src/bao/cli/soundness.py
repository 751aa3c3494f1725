"""What can be proved of a gym without a model."""

import warnings
from typing import NamedTuple

from gymnasium.utils.env_checker import check_env

from bao.gym import gym_class, make
from bao.rollout.episodes import play_all
from bao.task import Split

BOUNDS = ("oracle", "ask_all", "never_ask", "random")
RANDOM_MOST, ORACLE_LEAST = 0.3, 0.95


class Finding(NamedTuple):
    promise: str
    ok: bool
    detail: str


def check_gym(name: str) -> list[Finding]:
    """Every promise of a gym, kept or not."""
    cls = gym_class(name)
    findings = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            check_env(make(name), skip_render_check=True)
            findings.append(Finding("gymnasium's checker passes", True, "check_env"))
        except Exception as error:  # the checker's own way to say no
            findings.append(Finding("gymnasium's checker passes", False, str(error)))
    sets = {split: cls.task_set(split) for split in Split}
    ids = [task.id for tasks in sets.values() for task in tasks]
    findings.append(Finding("splits share no task", len(ids) == len(set(ids)), f"{len(ids)} tasks"))
    policies = cls.scripted_policies()
    missing = [bound for bound in BOUNDS if bound not in policies]
    findings.append(Finding("bounding policies exist", not missing, ", ".join(missing) or ", ".join(BOUNDS)))
    if missing:
        return findings
    for split, tasks in sets.items():
        gym = make(name)
        episodes = play_all(gym, policies["oracle"](gym, 0), tasks.tasks)
        score = sum(episode.task_return for episode in episodes) / len(episodes)
        solved = sum(episode.success for episode in episodes)
        detail = f"score {score:.3f}, {solved} of {len(episodes)} solved within {gym.horizon} turns"
        findings.append(Finding(f"the oracle solves {split}", score >= ORACLE_LEAST and solved == len(episodes), detail))
    gym = make(name)
    episodes = play_all(gym, policies["random"](gym, 0), sets[Split.TEST].tasks)
    score = sum(episode.task_return for episode in episodes) / len(episodes)
    findings.append(Finding(f"chance scores at most {RANDOM_MOST}", score <= RANDOM_MOST, f"score {score:.3f}"))
    return findings
