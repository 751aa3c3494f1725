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
    process, and TRL takes two more steps beforehand, with one thread and with all of them: it goes on with the faster number,
    and so does our single process.
    """
    spread = work.worker_processes and threads > 1
    processes = {BAO: threads, ONE_PROCESS: 1} if spread else {BAO: 1}
    trials = (1, threads) if spread else ()
    warm_up = 1 + len(trials)
    tried: dict[int, float] = {}
    measured: dict[str, list[Step]] = {name: [] for name in (*processes, TRL)}
    start = time.monotonic()
    progress.say(f"{work.size}: {work.groups} groups of {work.group_size} trajectories a step, {threads} threads for each side")

    def best() -> int:
        return min(tried, key=lambda count: tried[count], default=threads)

    with ExitStack() as stack:
        ours = {name: stack.enter_context(BaoSide(work, count, out / "bao")) for name, count in processes.items()}

        def before(index: int) -> None:
            torch.set_num_threads(trials[index - 1] if 0 < index < warm_up else best())
            if index == 0:
                for name, side in ours.items():
                    progress.say(f"{work.size}: warm-up, {name}: {_told(side.step())}")
            elif index >= warm_up:
                for name, side in ours.items():
                    measured[name].append(side.step())

        def after(index: int, step: Step) -> None:
            if index < warm_up:
                used = torch.get_num_threads()
                if index > 0:
                    tried[used] = step.per_unit(Phase.STEP).wall
                progress.say(f"{work.size}: warm-up, {TRL}, {used} threads: {_told(step)}")
                return
            measured[TRL].append(step)
            parts = "; ".join(f"{name} {_told(steps[-1])}" for name, steps in measured.items())
            progress.say(f"{work.size}: {index - warm_up + 1}/{repetitions} after {time.monotonic() - start:.0f} s: {parts}")

        run_trl(work, warm_up + repetitions, out / "trl", before, after)
    torch.set_num_threads(threads)
    flat = figures(work.size, measured) | ratios(work.size, measured[BAO], measured[TRL])
    if spread:
        flat |= ratios(f"{work.size}_one_process", measured[ONE_PROCESS], measured[TRL])
    return flat | {f"trl_threads_{work.size}": best(), f"bao_processes_{work.size}": processes[BAO]}


def _told(step: Step) -> str:
    rollout, update = step.costs[Phase.ROLLOUT].wall, step.costs[Phase.UPDATE].wall
    whole = step.costs[Phase.STEP].wall
    return f"{whole:.1f} s (rollout {rollout:.1f}, update {update:.1f}, {step.turns} turns, {step.tokens} tokens)"
