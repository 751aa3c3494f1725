"""Judge a policy: play tasks with it into folders, and summarize what is there.

What is there already is not played again: an evaluation that was stopped goes on where it stopped, and a finished one may ask
for more tasks, for more rollouts of each, or for new tries of what ended in a fault.
"""

from collections import Counter
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from bao.errors import ConfigError, RunError
from bao.evaluation.checked import checks_of, warn_unchecked
from bao.evaluation.players import Folders, Player, check_told, open_player
from bao.evaluation.results import EPISODES, SUMMARY, EvaluationResult, write_summary
from bao.evaluation.settings import RUNNING, EvaluationJob
from bao.evaluation.tasks import records_of, write_records
from bao.gym import Gym
from bao.gyms.registry import gym_class
from bao.gyms.section import GymSection, make_gym
from bao.measure import Own, stated
from bao.measures import MEASURES, summarize
from bao.policy import PolicyKind, PolicyRef
from bao.progress import Progress
from bao.rollout.plan import tasks_digest
from bao.rollout.preflight import check_playable
from bao.rollout.runner import LOG as RUN_LOG
from bao.rollout.runner import discard_log
from bao.storage.episodes import count_episodes, iterate_episodes
from bao.storage.folder import CONFIG, LOG, logger, open_folder, relative_to
from bao.trajectory import StopReason


def evaluate(policy: Any, job: EvaluationJob, folders: Folders, progress: Progress) -> list[EvaluationResult]:
    """Play the job's tasks with `policy` (what `PolicyRef.parse` takes), once for each effort weight of `folders`.

    Each folder is left with its episodes and summary. Raises `ConfigError` on an unknown policy, on an effort weight or budget
    that it cannot be told, on a folder of other settings, and before any episode is played on tasks that the gym refuses;
    `RunError` where the failure policy stops it, or no episode was healthy.
    """
    ref = PolicyRef.parse(policy)
    check_told(list(folders), job.budget)
    own_measures(gym_class(job.gym.name))
    player = open_player(ref, job)
    player.check(list(folders), progress)
    check_playable(make_gym(job.gym), job.tasks)
    series = job.series or player.name
    for weight, out in folders.items():
        _open(out, ref, player, job, series, weight)
    missing = {weight: out for weight, out in folders.items() if not _is_finished(out, job)}
    if missing:
        warn_unchecked(job.gym, progress)
        player.play(missing, series, progress)
    for out in missing.values():
        _summarize(out, ref, job, progress)
    return [EvaluationResult(out) for out in folders.values()]


def _open(out: Path, ref: PolicyRef, player: Player, job: EvaluationJob, series: str, weight: float | None) -> None:
    """Begin or continue the folder. A path is written as seen from there, so that the two may be moved together."""
    if (out / EPISODES).is_file() and not (out / CONFIG).is_file():
        raise ConfigError(f"--out {out} holds {EPISODES} without the {CONFIG} that tells how they came about: name another")
    played_by = dict(player.identity)
    if ref.path is not None:
        played_by["policy"] = str(ref.at(relative_to(ref.path, out)))
    open_folder(
        out,
        {
            **played_by,
            "series": series,
            "effort_weight": weight,
            "budget": job.budget,
            "seed": job.seed,
            "gym": job.gym.identity(),
            "gym_version": gym_class(job.gym.name).version,
            "tasks": len(job.tasks),
            "first_task": job.tasks[0].id,
            "last_task": job.tasks[-1].id,
            "tasks_digest": tasks_digest(job.tasks.tasks),
            "evaluation": job.settings.model_dump(
                mode="json", exclude={"tasks", "effort_weights", "scripted", *RUNNING, *player.unused}
            ),
        },
        partial(_has_grown, out, job),
    )


def _has_grown(out: Path, job: EvaluationJob, there: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Whether the folder's finished episodes are among those asked for: its tasks are the first of these, all else is alike.

    One that is at work is none: its log is of one plan.
    """
    if (out / RUN_LOG).is_dir() or not (out / EPISODES).is_file():
        return False
    if there == now:
        return False
    count, rollouts = there.get("tasks", 0), there.get("evaluation", {}).get("rollouts", 0)
    if not (1 <= count <= len(job.tasks) and 1 <= rollouts <= job.settings.rollouts):
        return False
    first = job.tasks.tasks[:count]
    before = {"tasks": count, "last_task": first[-1].id, "tasks_digest": tasks_digest(first)}
    return there == {**now, **before, "evaluation": {**now["evaluation"], "rollouts": rollouts}}


def _is_finished(out: Path, job: EvaluationJob) -> bool:
    if not ((out / SUMMARY).is_file() and (out / EPISODES).is_file()):
        return False
    if count_episodes(out / EPISODES) != len(job.tasks) * job.settings.rollouts:
        return False
    if job.settings.retry_faults and EvaluationResult(out).summary["episodes"] < len(job.tasks) * job.settings.rollouts:
        return False
    discard_log(out)  # of a run that was killed between its last two steps
    return True


def own_measures(gym: type[Gym]) -> Own:
    """What the gym measures beside what is measured in every gym. Raises `ConfigError` on what it may not state."""
    return stated(gym.measures(), gym.name, MEASURES)


def is_bound(policy: PolicyRef, job: EvaluationJob) -> bool:
    """Whether it is a scripted policy that knows the task (`bao.gym.Gym.bounds`)."""
    return policy.kind == PolicyKind.SCRIPTED and policy.name in gym_class(job.gym.name).bounds()


def _summarize(out: Path, policy: PolicyRef, job: EvaluationJob, progress: Progress) -> None:
    """``summary.json`` from ``episodes.parquet``; the log of the run has served then."""
    broken = _look_through(out)
    records = records_of(gym_class(job.gym.name), job.tasks)
    write_records(records, out)
    # With the token traces: a local model's counts are theirs.
    summary = summarize(
        iterate_episodes(out / EPISODES),
        seed=job.seed,
        resamples=job.settings.resamples,
        setting=setting_of(job.gym),
        records=records,
        own=own_measures(gym_class(job.gym.name)),
    )
    if is_bound(policy, job):
        summary["bound"] = True
    if checks := checks_of(job.gym):
        summary["checks"] = checks
    write_summary(out, summary)
    discard_log(out)
    logger.info("%s: %d episodes, score %.3f", out, summary["episodes"], summary["score"]["mean"])
    if (said := summary.get("repaired", {}).get("mean")) is not None and said > 0:
        progress.warn(
            f"{summary['policy']}: rules said {said:.2f} replies an episode, since the model that plays the user gave none "
            "that serves (repaired)"
        )
    if found := _counts(summary["faults"]):
        progress.warn(
            f"{summary['policy']}: {sum(summary['faults'].values())} episodes are left out for their faults ({found}): "
            + "; ".join(_reasons(out))
        )
    if broken:
        progress.warn(
            f"{summary['policy']}: its own code raised in {summary['policy_errors']} of {summary['episodes']} episodes, which "
            f"count as failures without a return (the first: {broken}; {out / LOG} has the tracebacks)"
        )


def _reasons(out: Path) -> list[str]:
    """The commonest reason of each kind of fault."""
    why: dict[str, Counter[str]] = {}
    for episode in iterate_episodes(out / EPISODES, traces=False):
        if episode.fault is not None:
            why.setdefault(str(episode.fault), Counter())[episode.fault_detail or "no more is known"] += 1
    return [f"{fault}: {details.most_common(1)[0][0]}" for fault, details in sorted(why.items())]


def setting_of(section: GymSection) -> dict[str, Any]:
    """Under what a gym's episodes are played: what makes two evaluations comparable, beside their tasks."""
    gym, settings = make_gym(section), section.settings
    user = gym.user_backend
    for name, role in (("llm", "played by"), ("judge", "judged by")):
        if isinstance(settings.get(name), Mapping):
            user += f", {role} {settings[name].get('model')}"
    if settings.get("persona") is not None:
        user += f", persona {settings['persona']}"
    return {"gym_version": gym.version, "horizon": gym.horizon, "convention": gym.convention, "user": user}


def _look_through(out: Path) -> str:
    """What the agent's own code first raised, if it did. Raises `RunError` with the cause where all episodes are faults."""
    faults: Counter[str] = Counter()
    why = broken = ""
    healthy = False
    for episode in iterate_episodes(out / EPISODES, traces=False):
        if episode.fault is None:
            healthy = True
            if episode.stop is StopReason.POLICY_ERROR:
                broken = broken or episode.fault_detail or "no more is known"
        else:
            faults[str(episode.fault)] += 1
            why = why or episode.fault_detail
    if faults and not healthy:
        raise RunError(
            f"all {faults.total()} episodes ended in a fault ({_counts(faults)}; the first: {why or 'no more is known'}): mend "
            f"it and run the same command again, which plays them anew ({out / LOG} tells of each)"
        )
    return broken


def _counts(faults: Mapping[str, int]) -> str:
    return ", ".join(f"{fault} {count}" for fault, count in faults.items() if count)
