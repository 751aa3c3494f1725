"""Where the records of checked models lie, which ``bao check user`` and ``bao check judge`` leave and ``bao eval`` looks up.

One folder for each model, endpoint, gym, version of the gym and role, below ``checks`` of the state folder: ``$BAO_STATE``,
else ``$XDG_STATE_HOME/bao``, else ``~/.local/state/bao``.
"""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from bao.storage.atomic import atomic_text

STATE = "BAO_STATE"
"""The environment variable that names the state folder."""
RECORD = "check.json"


def state_folder() -> Path:
    """What this user's commands keep from one to the next."""
    if own := os.environ.get(STATE):
        return Path(own)
    above = os.environ.get("XDG_STATE_HOME")
    return (Path(above) if above else Path.home() / ".local" / "state") / "bao"


@dataclass(frozen=True)
class Checked:
    """What a record is of."""

    role: str
    gym: str
    gym_version: int
    model: str
    base_url: str

    @property
    def folder(self) -> Path:
        """Where its record lies, if there is one."""
        digest = blake2b(json.dumps([*vars(self).values()]).encode(), digest_size=6).hexdigest()
        readable = re.sub(r"[^\w.-]+", "-", f"{self.role}-{self.gym}-{self.model}")[:80]
        return state_folder() / "checks" / f"{readable}-{digest}"

    def record(self) -> Mapping[str, Any] | None:
        """The content of its ``check.json``; None where there is none that can be read."""
        try:
            found = json.loads((self.folder / RECORD).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) and isinstance(found.get("fit"), bool) else None


def write_record(folder: Path, record: Mapping[str, Any]) -> None:
    """Leave `record` in `folder`. Raises `OSError` where that cannot be."""
    atomic_text(folder / RECORD, json.dumps(record, indent=1))
