"""What whoever asks an endpoint tells it, and what comes of it where no reply does."""

import math
from dataclasses import dataclass
from typing import NamedTuple

from bao.endpoint.nature import Nature
from bao.endpoint.problem import Problem
from bao.trajectory import Fault


class Blame(NamedTuple):
    """Which fault it is for whoever asks."""

    timeout: Fault
    """No whole answer in time."""
    malformed: Fault
    """Answers that were no chat completion."""
    unavailable: Fault
    """No connection, or errors that did not pass."""
    refused: Fault
    """Refused for what was asked or said."""


@dataclass
class Allowance:
    """The seconds that are left to whoever asks: requests and pauses count, the wait for a free slot does not."""

    seconds: float = math.inf


class RejectedError(Exception):
    """The endpoint refuses the request for good."""

    def __init__(self, problem: Problem, shown: str, nature: Nature | None = None) -> None:
        """`shown`: its words without what must not be shown."""
        super().__init__(f"{problem.status}: {shown}")
        self.problem = problem
        self.status = problem.status
        self.said = shown
        self.nature = nature or problem.nature

    def of(self, nature: Nature) -> "RejectedError":
        """The same refusal, for what it turned out to be."""
        return RejectedError(self.problem, self.said, nature)


class PassingError(Exception):
    """This try failed, and another may not."""

    def __init__(self, fault: Fault, detail: str, wait: float = 0.0, problem: Problem | None = None) -> None:
        super().__init__(detail)
        self.fault, self.detail, self.wait = fault, detail, wait
        self.problem = problem
        """What the endpoint said, where it said anything."""
