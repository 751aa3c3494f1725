"""Weights & Biases."""

import os
import secrets
from collections.abc import Mapping

from bao.train.tracking.base import Start


class Wandb:
    """W&B. Offline its files lie in the run's ``wandb`` folder, for ``wandb sync``; online its own environment rules."""

    def __init__(self, start: Start) -> None:
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
        import wandb

        self.run = start.run or secrets.token_hex(4)
        off = ("silent", "disable_git", "x_disable_meta", "x_disable_stats", "x_disable_machine_info")
        quiet = wandb.Settings(console="off", save_code=False, x_save_requirements=False, **dict.fromkeys(off, True))
        about = {"project": start.project, "name": start.name, "group": start.group, "id": self.run, "dir": str(start.folder)}
        how = {"mode": None if start.online else "offline", "resume": "allow" if start.online else None}
        self._run = wandb.init(config=dict(start.settings), settings=quiet, **about, **how)

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        self._run.log(dict(metrics), step=step)

    def close(self, failed: bool) -> None:
        self._run.finish(exit_code=int(failed))
