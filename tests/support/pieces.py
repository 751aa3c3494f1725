"""Work for `bao.recipes.sweep.processes` that needs nothing which takes long to import, as its processes import this."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bao.errors import ConfigError

if TYPE_CHECKING:
    from bao.recipes.sweep.processes import Relay


@dataclass(frozen=True)
class Piece:
    """Waits for its `parents`' files, then leaves its own, or fails."""

    label: str
    root: Path
    parents: tuple[str, ...] = ()
    fails: str = ""

    @property
    def folder(self) -> Path:
        return self.root / self.label

    def is_done(self) -> bool:
        return (self.folder / "done").is_file()

    def run(self, progress: "Relay") -> None:
        if self.fails == "error":
            raise ConfigError("this setting is wrong")
        if self.fails == "death":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.fails == "hang":
            time.sleep(600)
        progress.warn("mind the gap")
        assert all(Piece(name, self.root).is_done() for name in self.parents)
        (self.folder / "done").touch()
