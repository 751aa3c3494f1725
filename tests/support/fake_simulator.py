"""A language model that is a function: for tests of gyms that ask a `bao.users.llm.Simulator`."""

import json
import re
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ValidationError

from bao.trajectory import Fault, FaultError
from bao.users.leaks import LeakProblem
from bao.users.llm import Check, Prompt, Reply, UnusableReplyError, fence

Respond = Callable[[Prompt, type[BaseModel]], Any]
"""From a prompt and the schema of the reply to what the model writes: JSON, or what becomes JSON. It may raise `FaultError`."""

_FENCED = re.compile(r"<([\w-]+) (\w+)>\n.*?\n</\1 \2>", re.DOTALL)


class FakeSimulator:
    """Keeps the promises of a `Simulator`: a reply is validated and checked, asked for again, and else a fault."""

    def __init__(self, respond: Respond, tries: int = 2) -> None:
        self._respond = respond
        self._tries = tries
        self.prompts: list[Prompt] = []
        """Every prompt of a call, in order; a second try adds none."""
        self.problems: list[str] = []
        """What was wrong with each reply that was refused."""

    def ask(self, prompt: Prompt, schema: type[Reply], check: Check[Reply] | None = None) -> Reply:
        self.prompts.append(prompt)
        reply = None
        for _ in range(self._tries):
            written = self._respond(prompt, schema)
            try:
                reply = schema.model_validate_json(written if isinstance(written, str) else json.dumps(written))
            except ValidationError as error:
                reply = None
                self.problems.append(str(error))
                continue
            problem = check(reply) if check is not None else None
            if problem is None:
                return reply
            self.problems.append(problem)
        fault = Fault.USER_LEAK if isinstance(self.problems[-1], LeakProblem) else Fault.USER_MALFORMED
        raise UnusableReplyError(fault, self.problems[-1], reply)

    @property
    def calls(self) -> int:
        return len(self.prompts)


def broken(prompt: Prompt, schema: type[BaseModel]) -> Any:
    """A model that cannot be reached."""
    raise FaultError(Fault.USER_UNAVAILABLE, "no answer")


def outside(prompt: Prompt) -> str:
    """What a model is told as instructions: the whole text as it is sent, less what stands between the fence's marks."""
    return _FENCED.sub("", f"{prompt.role}\n\n{fence(prompt.said)}")
