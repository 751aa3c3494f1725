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
        quiet = wandb.Settings(
            console="off",
            silent=True,
            disable_git=True,
            save_code=False,
            x_disable_meta=True,
            x_disable_stats=True,
            x_disable_machine_info=True,
            x_save_requirements=False,
        )
        self._run = wandb.init(
            project=start.project,
            name=start.name,
            group=start.group,
            id=self.run,
            dir=str(start.folder),
            config=dict(start.settings),
            mode=None if start.online else "offline",
            settings=quiet,
            resume="allow" if start.online else None,
        )

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        self._run.log(dict(metrics), step=step)

    def close(self, failed: bool) -> None:
        self._run.finish(exit_code=int(failed))
