"""trackio."""

import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from io import StringIO

from bao.train.tracking.base import Start


class Trackio:
    """trackio. Offline its own local store (TRACKIO_DIR); online also where TRACKIO_SPACE_ID or TRACKIO_SERVER_URL say."""

    _REMOTE = ("TRACKIO_SPACE_ID", "TRACKIO_SERVER_URL", "TRACKIO_BUCKET_ID", "TRACKIO_DATASET_ID", "TRACKIO_WEBHOOK_URL")

    def __init__(self, start: Start) -> None:
        with redirect_stdout(StringIO()), _without(() if start.online else self._REMOTE):  # it prints what results go after
            import trackio

            self.run = start.run or f"{start.name}-{secrets.token_hex(3)}"
            about = {"project": start.project, "name": self.run, "group": start.group, "config": dict(start.settings)}
            off = dict.fromkeys(("auto_log_gpu", "auto_log_cpu", "embed"), False)
            self._run = trackio.init(resume="allow", **about, **off)

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        self._run.log(dict(metrics), step=step)

    def close(self, failed: bool) -> None:
        import trackio

        with redirect_stdout(StringIO()):
            trackio.finish()  # the run's own `finish` would be repeated at exit, aloud


@contextmanager
def _without(names: tuple[str, ...]) -> Iterator[None]:
    """The environment without these variables."""
    held = {name: os.environ.pop(name) for name in names if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(held)
