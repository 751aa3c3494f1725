"""A travel gym that asks its model in every turn, and shows what it says: for tests of whoever waits for such gyms."""

import zlib
from typing import Any

from pydantic import BaseModel

from bao.action import Outcome
from bao.gyms.travel import Travel
from bao.users.llm import Prompt
from tests.support.stub_endpoint import Messages

WORDS = ("north", "south", "east", "west", "centre")


class Said(BaseModel):
    reply: str


class Asking(Travel):
    horizon_default = 4

    def on_action(self, content: str) -> Outcome:
        assert self.llm is not None
        assert self.task is not None
        said = self.llm.ask(Prompt("You are the user.", {"task": self.task.id, "question": content}), Said)
        return Outcome(f"{said.reply}, turn {self._turn}")

    on_none = on_action


def make_asking(llm: dict[str, Any]) -> Asking:
    return Asking(user="llm", llm=llm)


def word(messages: Messages) -> object:
    """The stub's answer: one word, which hangs on the whole of the message."""
    return {"reply": WORDS[zlib.crc32(messages[-1]["content"].encode()) % len(WORDS)]}
