"""What models took in the processes that share a run, told to the one that answers for it."""

import sys
from collections.abc import Mapping
from typing import Any

Usages = Mapping[Any, Any]
"""`bao.endpoint.counters.Usage` by `bao.endpoint.shared.Name`."""


class UsageMeter:
    """Tells what the endpoints of this process have taken since it told last."""

    def __init__(self) -> None:
        self._told = self._now()

    def taken(self) -> Usages:
        now = self._now()
        new = {name: usage.since(self._told[name]) if name in self._told else usage for name, usage in now.items()}
        self._told = now
        return new

    @staticmethod
    def _now() -> dict[Any, Any]:
        if "bao.endpoint.shared" not in sys.modules:  # HTTP and TLS take long to import, and most runs do without
            return {}
        from bao.endpoint.shared import usages

        return usages()


def include(taken: Usages) -> None:
    """Count what a worker has taken as taken here."""
    if taken:
        from bao.endpoint.shared import include_usages

        include_usages(taken)
