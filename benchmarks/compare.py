"""Both sides on the same work in one process, a step of each in turn: bao, TRL, bao, TRL."""

import time
from contextlib import ExitStack
from pathlib import Path

import torch

from bao.progress import Progress
from benchmarks.bao_side import BaoSide
from benchmarks.cost import Phase, Step, figures, ratios
from benchmarks.trl_side import run_trl
from benchmarks.work import Work

BAO, ONE_PROCESS, TRL = "bao", "bao_one_process", "trl"


def compare(work: Work, repetitions: int, threads: int, out: Path, progress: Progress) -> dict[str, float]:
    """Figures and ratios of `work`, flat; `threads` is what each side may use.

    Every side takes one step before anything counts. On work that spreads over processes ours is measured a second time in one
    process, with the threads of TRL's side, and TRL first takes one more step for each number of threads it may like.
    """
    sides = {BAO: threads if work.worker_processes else 1}
    candidates = [threads]
    if work.worker_processes and threads > 1:
        sides[ONE_PROCESS] = 1
        candidates = [1, threads]
    trials = len(candidates) if len(candidates) > 1 else 0
    warm_up = 1 + trials
    measured: dict[str, list[Step]] = {name: [] for name in (*sides, TRL)}
    tried: dict[int, float] = {}
    start = time.monotonic()
    progress.say(
        f"{work.size}: {work.groups} groups of {work.group_size} trajectories a step; {repetitions} measured steps of each side "
        f"with {threads} threads"
    )

    with ExitStack() as stack:
        ours = {name: stack.enter_context(BaoSide(work, count, out / "bao")) for name, count in sides.items()}

        def before(index: int) -> None:
            if index == 0:
                torch.set_num_threads(threads)
                for name, side in ours.items():
                    progress.say(f"{work.size}: warm-up, {name}: {_told(side.step())}")
            elif index < warm_up:
                torch.set_num_threads(candidates[index - 1])
            else:
                torch.set_num_threads(min(tried, key=lambda count: tried[count]) if tried else threads)
                for name, side in ours.items():
                    measured[name].append(side.step())

        def after(index: int, step: Step) -> None:
            if index < warm_up:
                with_threads = f" with threads={torch.get_num_threads()}" if trials and index else ""
                if with_threads:
                    tried[torch.get_num_threads()] = step.per_unit(Phase.STEP).wall
                progress.say(f"{work.size}: warm-up, {TRL}{with_threads}: {_told(step)}")
                return
            measured[TRL].append(step)
            parts = "; ".join(f"{name} {_told(steps[-1])}" for name, steps in measured.items())
            progress.say(f"{work.size}: {index - warm_up + 1}/{repetitions} after {time.monotonic() - start:.0f} s: {parts}")

        run_trl(work, warm_up + repetitions, out / "trl", before, after)
    torch.set_num_threads(threads)
    flat = figures(work.size, measured) | ratios(work.size, measured[BAO], measured[TRL])
    if ONE_PROCESS in measured:
        flat |= ratios(f"{work.size}_one_process", measured[ONE_PROCESS], measured[TRL])
    flat[f"trl_threads_{work.size}"] = min(tried, key=lambda count: tried[count]) if tried else threads
    flat[f"bao_processes_{work.size}"] = sides[BAO]
    return flat


def _told(step: Step) -> str:
    rollout, update = step.costs[Phase.ROLLOUT].wall, step.costs[Phase.UPDATE].wall
    whole = step.costs[Phase.STEP].wall
    return f"{whole:.1f} s (rollout {rollout:.1f}, update {update:.1f}, {step.turns} turns, {step.tokens} tokens)"
