"""What happened in one episode: turns, outcome and, for a policy that samples tokens, the token trace.

The two objectives are computed here and nowhere else: the task return R (`Trajectory.task_return`), the user effort U
(`Trajectory.user_effort`) and the user-involvement rate UR (`Trajectory.involvement_rate`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from bao.action import Action, ActionKind, Parsed, ParseFault


class StopReason(StrEnum):
    """Why an episode ended."""

    SUCCESS = "success"
    """The gym ended it and the task was solved."""
    FAILURE = "failure"
    """The gym ended it and the task was not solved."""
    FINISH = "finish"
    """The agent ended it itself."""
    USER_LEFT = "user_left"
    """The user had enough (a persona's patience), before the task was solved."""
    MAX_TURNS = "max_turns"
    TOKEN_BUDGET = "token_budget"
    """The trajectory's token limit ran out."""
    POLICY_ERROR = "policy_error"
    """The agent's own code raised. The agent failed: the episode counts, and earns nothing."""
    FAULT = "fault"
    """Simulator or infrastructure: excluded from every measure and counted."""


class Fault(StrEnum):
    """What broke, where the agent is not to blame. A fault is retried, then excluded and counted; never a reward."""

    USER_TIMEOUT = "user_timeout"
    """No whole reply in time."""
    USER_MALFORMED = "user_malformed"
    """Replies that were not what was asked for."""
    USER_LEAK = "user_leak"
    """Replies that gave away what the user must not say."""
    USER_REFUSED = "user_refused"
    """The endpoint answers others and refuses this request for good: too long, or its content."""
    USER_UNAVAILABLE = "user_unavailable"
    """No connection, or an endpoint that kept failing."""
    POLICY_TIMEOUT = "policy_timeout"
    """The agent took longer than a turn may."""
    POLICY_MALFORMED = "policy_malformed"
    """The agent's endpoint sent what is no chat completion. (What the agent wrote is never a fault.)"""
    POLICY_REFUSED = "policy_refused"
    """The agent's endpoint answers others and refuses this request for good, for its content."""
    POLICY_UNAVAILABLE = "policy_unavailable"
    POLICY_ERROR = "policy_error"
    """In files of before: the agent's own code raised. Now that is the stop reason `StopReason.POLICY_ERROR`, and no fault."""
    EPISODE_TIMEOUT = "episode_timeout"
    """The whole episode took longer than it may."""
    GYM_ERROR = "gym_error"


class FaultError(Exception):
    """Raised by a user, a judge or a policy's transport; the runner turns it into an excluded episode."""

    def __init__(self, fault: Fault, detail: str = "") -> None:
        super().__init__(f"{fault}: {detail}" if detail else str(fault))
        self.fault = fault
        self.detail = detail


class PolicyError(Exception):
    """Raised by a policy where the agent's own code raised; the runner ends the episode as the agent's failure."""


class OutOfTokensError(Exception):
    """Raised by a policy whose token budget for the episode is spent; the runner ends the episode there."""

    def __init__(self, cut: Parsed | None = None) -> None:
        super().__init__("the token budget of the episode is spent")
        self.cut = cut
        """The turn that the budget cut off, which is not taken any more; None where none was begun."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn: what the agent thought and did, and what came back."""

    thinking: str
    action: Action
    reply: str
    """The observation that followed, as shown to the agent."""
    reward: float
    """Task reward of this turn, on the gym's normalised scale (a whole episode earns at most 1)."""
    involves_user: bool
    parse_fault: ParseFault | None = None
    tokens: int = 0
    """Tokens that the agent wrote in this turn (words where the policy has no tokens)."""
    prompt_tokens: int | None = None
    """Tokens that the agent's model was given for this turn, as billed; None where nobody counted them."""
    completion_tokens: int | None = None
    """Tokens that the agent's model wrote for this turn, as billed, hidden reasoning included; None likewise."""
    information: float | None = None
    """Bits that this query told, where the gym can tell (`bao.gym.Belief`); None elsewhere."""

    @property
    def questions(self) -> int:
        """What this turn asks of the user: its different questions, by their marks, one at least; 0 where it involves nobody.

        A submission is one, whatever stands in it. What is asked for in a row under one mark ("your name, zip code and
        order?") counts once: `verbosity` tells of that.
        """
        if not self.involves_user:
            return 0
        if self.action.kind != ActionKind.ACTION:
            return 1
        return max(1, len({" ".join(part.lower().split()) for part in self.action.content.split("?")[:-1]}))

    @property
    def verbosity(self) -> int:
        """Words that the user has to read in this turn; 0 where it does not involve them."""
        return len(self.action.content.split()) if self.involves_user else 0


@dataclass(frozen=True, slots=True)
class TokenTrace:
    """The ids exactly as fed and sampled; nothing is ever re-encoded.

    All arrays but ``prompt`` have shape [completion tokens]: the agent's tokens and the observations between them.
    """

    prompt: npt.NDArray[np.int32]
    ids: npt.NDArray[np.int32]
    turn: npt.NDArray[np.int16]
    """Index of the turn that the agent wrote this token in; -1 on observation tokens. The loss mask is ``turn >= 0``."""
    logprob: npt.NDArray[np.float32]
    """Log-probability under the sampling policy and temperature; 0 on observation tokens."""
    weights_version: int = 0
    """Update count of the weights that sampled these tokens."""

    def __post_init__(self) -> None:
        if not self.ids.shape == self.turn.shape == self.logprob.shape:
            raise ValueError(f"ids {self.ids.shape}, turn {self.turn.shape} and logprob {self.logprob.shape} must agree")


@dataclass(frozen=True, slots=True)
class Trajectory:
    """One episode of one policy on one task."""

    gym: str
    task_id: str
    policy: str
    seed: int
    opening: str
    """The gym's first observation."""
    turns: tuple[Turn, ...]
    stop: StopReason
    success: bool
    horizon: int
    """The most turns that the episode could have had, T."""
    system: str = ""
    """The system text the policy was given."""
    effort_weight: float | None = None
    """The weight w told to a conditioned policy; None for one that is not conditioned."""
    level: int = 0
    fault: Fault | None = None
    fault_detail: str = ""
    """What is known of the fault, or of the error in the agent's own code."""
    seconds: float = 0.0
    model: str = ""
    """The model's name in a price table; empty where there is none."""
    satisfaction: float | None = None
    """Estimate of the user's satisfaction in [0, 1] (see `bao.users.satisfaction`); None for a user without a persona, and for
    an episode that ended in a fault."""
    trace: TokenTrace | None = field(default=None, repr=False, compare=False)
    budget: int | None = None
    """The most user turns that the policy was told to take; None where it was told no budget."""
    repaired: int | None = None
    """Replies of the user that rules said, since those of the model that plays it did not serve; None where none plays it,
    and for an episode that ended in a fault."""
    measured: Mapping[str, float] | None = field(default=None, hash=False)
    """Figures of the gym's own measures (`bao.gym.Gym.measures`), by name; None where it states none, and for an episode that
    ended in a fault."""

    @property
    def task_return(self) -> float:
        """R = sum of the turns' task rewards, at most 1. What an agent earned before its own code broke does not count."""
        earned = sum(turn.reward for turn in self.turns)
        return min(0.0, earned) if self.stop is StopReason.POLICY_ERROR else earned

    @property
    def user_effort(self) -> int:
        """U = number of turns that involved the user."""
        return sum(turn.involves_user for turn in self.turns)

    @property
    def questions(self) -> int:
        """What the user was asked: as U, but a turn that asks three counts three."""
        return sum(turn.questions for turn in self.turns)

    @property
    def verbosity(self) -> int:
        """Words that the user had to read."""
        return sum(turn.verbosity for turn in self.turns)

    @property
    def over_budget(self) -> int | None:
        """User turns beyond the budget that was told; None where none was."""
        return None if self.budget is None else max(0, self.user_effort - self.budget)

    @property
    def involvement_rate(self) -> float:
        """UR = U / turns; 0 for an episode without turns."""
        return self.user_effort / len(self.turns) if self.turns else 0.0

    @property
    def tokens(self) -> int:
        return sum(turn.tokens for turn in self.turns)

    @property
    def solved_at_effort(self) -> int | None:
        """User-involving actions spent when the task was solved (for Pass@U-k); None where it was not."""
        return self.user_effort if self.success else None


def point_label(policy: str, effort_weight: float | None, budget: int | None = None) -> str:
    """A policy with what it was told: ``bao w=0.1``, ``bao b=2``, or both."""
    weight = "" if effort_weight is None else f"w={effort_weight:g}"
    return " ".join(filter(None, (policy, weight, "" if budget is None else f"b={budget}")))
