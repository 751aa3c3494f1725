"""Judge a policy: play tasks with it into folders, and summarize what is there.

What is there already is not played again, so an evaluation that was stopped goes on where it stopped.
"""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bao.errors import ConfigError, RunError
from bao.evaluation.players import Folders, Player, check_told, open_player
from bao.evaluation.results import EPISODES, SUMMARY, EvaluationResult, write_summary
from bao.evaluation.settings import RUNNING, EvaluationJob
from bao.gyms.registry import gym_class
from bao.gyms.section import GymSection, make_gym
from bao.measures import summarize
from bao.policy import PolicyRef
from bao.progress import Progress
from bao.rollout.plan import tasks_digest
from bao.rollout.preflight import check_playable
from bao.rollout.runner import discard_log
from bao.storage.episodes import iterate_episodes
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
    player = open_player(ref, job)
    player.check(list(folders), progress)
    check_playable(make_gym(job.gym), job.tasks)
    series = job.series or player.name
    for weight, out in folders.items():
        _open(out, ref, player, job, series, weight)
    missing = {weight: out for weight, out in folders.items() if not _is_finished(out)}
    if missing:
        player.play(missing, series, progress)
    for out in missing.values():
        _summarize(out, job, progress)
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
    )


def _is_finished(out: Path) -> bool:
    finished = (out / SUMMARY).is_file() and (out / EPISODES).is_file()
    if finished:
        discard_log(out)  # of a run that was killed between its last two steps
    return finished


def _summarize(out: Path, job: EvaluationJob, progress: Progress) -> None:
    """``summary.json`` from ``episodes.parquet``; the log of the run has served then."""
    broken = _look_through(out)
    # With the token traces: a local model's counts are theirs.
    summary = summarize(
        iterate_episodes(out / EPISODES), seed=job.seed, resamples=job.settings.resamples, setting=setting_of(job.gym)
    )
    write_summary(out, summary)
    discard_log(out)
    logger.info("%s: %d episodes, score %.3f", out, summary["episodes"], summary["score"]["mean"])
    if found := _counts(summary["faults"]):
        progress.warn(
            f"{summary['policy']}: {sum(summary['faults'].values())} episodes are left out for their faults ({found})"
        )
    if broken:
        progress.warn(
            f"{summary['policy']}: its own code raised in {summary['policy_errors']} of {summary['episodes']} episodes, which "
            f"count as failures without a return (the first: {broken}; {out / LOG} has the tracebacks)"
        )


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
