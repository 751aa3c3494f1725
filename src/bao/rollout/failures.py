"""What a run makes of episodes that end in a fault: stop at once, try again and leave out, or bear up to a share of them."""

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum

from bao.errors import RunError
from bao.trajectory import Fault

JUDGED_FROM = 20
"""Episodes that have to be there before a share of them says something."""


class Failures(StrEnum):
    FAIL_FAST = "fail_fast"
    """Stop at the first fault, without another try."""
    RETRY = "retry"
    """Try the episode again, then leave it out."""
    MINIMUM_VIABLE = "minimum_viable"
    """As ``retry``, and stop where too small a share of the episodes is healthy."""


class FaultsError(RunError):
    """A run was stopped for its faults."""


@dataclass(frozen=True)
class FailurePolicy:
    kind: Failures = Failures.RETRY
    retries: int = 2
    """Further tries of an episode that ended in a fault."""
    minimum_healthy: float = 0.9
    """The share of finished episodes that has to be healthy under ``minimum_viable``."""

    @property
    def tries(self) -> int:
        return 1 if self.kind == Failures.FAIL_FAST else 1 + self.retries


class FaultCounter:
    """Counts what finished, and says when it is enough."""

    def __init__(self, policy: FailurePolicy, whole: int) -> None:
        self._policy = policy
        self._whole = whole
        self.finished = 0
        self.faults: Counter[str] = Counter()

    def note(self, name: str, fault: Fault | None, detail: str) -> None:
        """Count an episode, called `name` in errors. Raises `FaultsError` where the policy is to stop."""
        self.finished += 1
        if fault is None:
            return
        self.faults[str(fault)] += 1
        said = f"{fault}: {detail}" if detail else str(fault)
        if self._policy.kind == Failures.FAIL_FAST:
            raise FaultsError(
                f"{name} ended in a fault ({said}), and failures=fail_fast stops at the first: mend it and run the same "
                "command again, which goes on from here, or set --failures retry"
            )
        if self._policy.kind != Failures.MINIMUM_VIABLE or self.finished < min(JUDGED_FROM, self._whole):
            return
        count, least = self.faults.total(), self._policy.minimum_healthy
        if 1 - count / self.finished < least:
            found = ", ".join(f"{fault} {number}" for fault, number in sorted(self.faults.items()))
            raise FaultsError(
                f"{count} of {self.finished} episodes ended in a fault ({found}; the last: {said}), and "
                f"minimum_healthy={least:g} is the least share that has to be healthy: mend it and run the same command again, "
                "which goes on from here and plays the faulty ones anew"
            )
