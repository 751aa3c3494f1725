"""A language model in the place of a real one: a function from prompt and schema to what it writes."""

from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ValidationError

from bao.trajectory import Fault, FaultError
from bao.users.llm import Check, Prompt, Reply

Writes = Callable[[Prompt, type[BaseModel]], dict[str, Any]]


class FakeModel:
    """Keeps every prompt; a reply that does not validate or does not pass its check is a fault at once."""

    def __init__(self, writes: Writes) -> None:
        self._writes = writes
        self.prompts: list[Prompt] = []

    def ask(self, prompt: Prompt, schema: type[Reply], check: Check[Reply] | None = None) -> Reply:
        self.prompts.append(prompt)
        try:
            reply = schema.model_validate(self._writes(prompt, schema))
        except ValidationError as error:
            raise FaultError(Fault.USER_MALFORMED, str(error)) from error
        complaint = check(reply) if check else None
        if complaint:
            raise FaultError(Fault.USER_MALFORMED, complaint)
        return reply
