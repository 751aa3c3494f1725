"""Several ways to a frontier, trained at equal numbers of trajectories and judged side by side."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bao.gyms.section import check_scripted
from bao.measures.frame import data_frame
from bao.progress import Progress
from bao.recipes.run import scripts_of
from bao.recipes.sweep.child import Child
from bao.recipes.sweep.outcome import outcome
from bao.recipes.sweep.plan import SWEEP, Plan
from bao.recipes.sweep.processes import Piece, run_pieces
from bao.recipes.sweep.settings import Sweep
from bao.storage.atomic import atomic_text
from bao.storage.folder import folder_lock, open_folder

if TYPE_CHECKING:
    import pandas as pd

_LOCK = ".sweep"


@dataclass(frozen=True)
class SweepResult:
    """What a sweep leaves."""

    folder: Path
    content: Mapping[str, Any]
    """Of ``sweep.json``."""

    def to_json(self) -> dict[str, Any]:
        return dict(self.content)

    def to_pandas(self) -> "pd.DataFrame":
        """A row for each strategy: what it spent, its hypervolumes and its mean regret, with their intervals."""
        rows = []
        for name, figures in self.content["means"].items():
            row: dict[str, Any] = {"strategy": name, **self.content["spent"][name]}
            for measure, value in figures.items():
                row |= {measure: value["mean"], f"{measure}_low": value["low"], f"{measure}_high": value["high"]}
            rows.append(row)
        return data_frame(rows)


def run_sweep(sweep: Sweep, out: Path, jobs: int, progress: Progress) -> SweepResult:
    """Run `sweep` into `out`, `jobs` children at once, going on where an earlier run stopped.

    Each child has a folder below that of its seed (`bao.recipes.sweep.child`); ``sweep.json`` holds the decisions of the search
    and, in the end, the results.
    """
    open_folder(out, sweep.settings())
    check_scripted(sweep.recipe.gym, [sweep.recipe.sft.teacher, *scripts_of(sweep.recipe)])
    with folder_lock(out / _LOCK):
        plan = Plan(sweep, out)
        total, spent = plan.count, sweep.trajectories * len(sweep.prices)
        progress.say(
            f"{sweep.recipe.name}: {total} pieces of work, {jobs} at once; {spent:,} trajectories a strategy and seed, "
            f"{sweep.trajectories:,} a price; results go to {out}"
        )
        threads = max(1, (os.cpu_count() or 1) // jobs)
        with progress.task("sweep", total) as update:

            def note(piece: Piece, ended: bool) -> None:
                assert isinstance(piece, Child)
                done = plan.done
                if ended:
                    progress.say(f"{piece.label}: {piece.work} done ({done} of {total})")
                    update(done, total, {})

            run_pieces(plan.ready, jobs, threads, progress.warn, note)
        content = {**plan.decisions, **outcome(plan)}
        atomic_text(out / SWEEP, json.dumps(content, indent=1))
    return SweepResult(out, content)
