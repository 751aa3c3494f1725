"""A model as a user, behind a stub of an endpoint."""

from typing import Any

from pydantic import BaseModel

from bao.users.llm import Prompt
from bao.users.settings import llm_settings
from bao.users.simulator import LLMSimulator
from tests.support.stub_endpoint import Messages, StubEndpoint

PROMPT = Prompt("You know the story.", {"question": "Had they met?"})


class Verdict(BaseModel):
    fits: bool
    reply: str


def healthy(messages: Messages) -> object:
    return {"fits": True, "reply": "Yes."}


def leaking(messages: Messages) -> object:
    return {"fits": True, "reply": "Yes, the elephant did."}


def ask(stub: StubEndpoint, **settings: Any) -> Verdict:
    return simulator_of(stub, **settings).ask(PROMPT, Verdict)


def simulator_of(stub: StubEndpoint, **settings: Any) -> LLMSimulator:
    quick = {"model": "stub", "base_url": stub.base_url, "timeout": 2.0, "backoff": 0.001, "attempts": 3}
    return LLMSimulator(llm_settings(quick | settings))


def usage(stub: StubEndpoint) -> dict[str, Any]:
    return simulator_of(stub).usage.to_json()


YES = Verdict(fits=True, reply="Yes.")
