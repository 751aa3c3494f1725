"""A policy: reads observations, returns turns.

`Policy` is what plays one episode in the runner (`bao.rollout.episodes`). Policies that sample tokens in batches do not
implement it; they go through `bao.models.engine`.
"""

from typing import Protocol, runtime_checkable

from bao.action import Parsed


@runtime_checkable
class Policy(Protocol):
    """Plays one episode after another; holds the state of the episode it is in.

    One that is a model behind an endpoint has its name in a price table as ``model`` besides.
    """

    name: str

    def begin(self, system: str, opening: str) -> None:
        """A new episode: the system text and the gym's first observation."""

    def act(self, observation: str) -> Parsed:
        """The next turn, given the latest observation (the opening on the first call)."""


class CountedTurn(Parsed):
    """A turn as read, with the tokens that an endpoint counted for it."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None

    @classmethod
    def of(cls, parsed: Parsed, prompt_tokens: int | None, completion_tokens: int | None) -> "CountedTurn":
        turn = cls(*parsed)
        turn.prompt_tokens, turn.completion_tokens = prompt_tokens, completion_tokens
        return turn
