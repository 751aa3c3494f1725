"""The seam between a gym and a language model that plays its user or its judge.

A gym asks a `Simulator` for one structured reply at a time and never sees an endpoint, a retry or broken JSON: what comes back
has been validated, and what cannot be had raises `FaultError`, which excludes the episode instead of scoring it. The simulator
is told only what it may say (`Prompt`); the agent's words are fenced as data, so that an instruction in them is not followed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Protocol, TypeVar

from pydantic import BaseModel

from bao.trajectory import Fault, FaultError

Reply = TypeVar("Reply", bound=BaseModel)
Check = Callable[[Reply], str | None]
"""Says what is wrong with a reply that fits its schema (it gives away a secret, names no known stance); None: nothing."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a simulator is told for one reply."""

    role: str
    """Who it is and what it knows and has to do: the system message. Nothing that the agent wrote stands here."""
    said: Mapping[str, str] = field(default_factory=dict)
    """Texts of the agent's and of the talk so far, by what they are (``question``, ``history``): data, never instructions."""


class UnusableReplyError(FaultError):
    """The model did reply, and no reply served. Who knows what it had to say, says it by rule and counts it as repaired
    (`bao.user.User.repaired`); else it is a fault like any other."""

    def __init__(self, fault: Fault, detail: str = "", reply: BaseModel | None = None) -> None:
        super().__init__(fault, detail)
        self.reply = reply
        """The last reply, where it fit its schema and only the check objected to it."""


class Simulator(Protocol):
    """A language model as a gym sees it. Safe to call from several threads."""

    def ask(self, prompt: Prompt, schema: type[Reply], check: Check[Reply] | None = None) -> Reply:
        """A reply that validates as `schema` and passes `check`.

        Raises `bao.trajectory.FaultError` where none was to be had; where the model replied, and no reply served, an
        `UnusableReplyError`.
        """


def fence(said: Mapping[str, str]) -> str:
    """The user message of a prompt: each text between marks made of a digest of all texts, which no text can hold itself.

    The same texts give the same message, so that replies can be cached.
    """
    mark = blake2b("\0".join((*said, *said.values())).encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()
    return "\n\n".join(f"<{name} {mark}>\n{text}\n</{name} {mark}>" for name, text in said.items())
