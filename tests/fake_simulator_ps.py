"""A simulator for tests of gyms: a callable gives the reply, and the seam's promises are kept around it."""

import re
from collections.abc import Callable
from typing import Any

from pydantic import ValidationError

from bao.trajectory import Fault, FaultError
from bao.users.llm import Check, Prompt, Reply, fence

_FENCED = re.compile(r"<(\w+) (\w+)>\n.*?\n</\1 \2>", re.DOTALL)


class FakeSimulator:
    """Validates what `answer` gives (fields of the reply) and checks it, in `tries` tries; then it is a fault.

    `asked` holds every prompt and `faults` what was wrong with the replies that were refused.
    """

    def __init__(self, answer: Callable[[Prompt, type[Any]], Any], tries: int = 2) -> None:
        self.asked: list[Prompt] = []
        self.faults: list[str] = []
        self._answer = answer
        self._tries = tries

    def ask(self, prompt: Prompt, schema: type[Reply], check: Check[Reply] | None = None) -> Reply:
        self.asked.append(prompt)
        for _ in range(self._tries):
            try:
                reply = schema.model_validate(self._answer(prompt, schema))
            except ValidationError as error:
                self.faults.append(str(error))
                continue
            fault = check(reply) if check is not None else None
            if fault is None:
                return reply
            self.faults.append(fault)
        raise FaultError(Fault.USER_MALFORMED, self.faults[-1])


def outside(prompt: Prompt) -> str:
    """What a model is told as instructions: the whole text as it is sent, less what stands between the fence's marks."""
    return _FENCED.sub("", f"{prompt.role}\n\n{fence(prompt.said)}")


def down(prompt: Prompt, schema: type[Any]) -> Any:
    """An `answer` of a simulator that cannot be reached."""
    raise FaultError(Fault.USER_UNAVAILABLE, "connection refused")
