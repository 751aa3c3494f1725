"""A chat model behind an OpenAI-compatible endpoint, as the agent.

The model is told the gym's rules and how to act (`bao.policies.conversation`), then each observation as it comes. It acts by
calling the one tool, ``interact(choice, content)``, or in the bracket form; its thoughts are those in ``reasoning``,
``reasoning_content``, between ``<think>`` tags and beside the action. A message without a readable action wastes the turn.

Only the transport can be at fault (``policy_timeout``, ``policy_malformed``, ``policy_refused``, ``policy_unavailable``):
whatever the model writes is played as it stands.
"""

import re
from collections.abc import Collection
from typing import Any, NoReturn

import numpy as np

from bao.action import ActionKind, Parsed, tool_schema
from bao.endpoint.asking import Allowance, Blame, RejectedError
from bao.endpoint.client import Endpoint
from bao.endpoint.keys import read_key
from bao.endpoint.nature import Nature
from bao.endpoint.refusal import is_of_one_request, mend, told
from bao.endpoint.reply import Completion
from bao.endpoint.shared import shared_endpoint
from bao.errors import ConfigError
from bao.policies.conversation import Conversation
from bao.policies.settings import ChatSettings
from bao.policy import CountedTurn
from bao.trajectory import Fault, FaultError, OutOfTokensError

POLICY = Blame(Fault.POLICY_TIMEOUT, Fault.POLICY_MALFORMED, Fault.POLICY_UNAVAILABLE, Fault.POLICY_REFUSED)
_ABOUT_TOOLS = re.compile(r"\btools?\b|tool[_-]|function", re.IGNORECASE)
_ABOUT_MESSAGES = re.compile(
    r"reasoning|thinking|arguments|tool_calls|refusal|annotations|\bmessages?\b|output_items|\bitem", re.I
)
_NOT_THE_FORM = (Nature.FILTER, Nature.OVERFLOW, Nature.CREDIT, Nature.REPLY_LIMIT)
"""Refusals that no other form of the conversation helps against."""


class ChatPolicy:
    """Plays one episode after another, one at a time."""

    def __init__(self, settings: ChatSettings, kinds: Collection[ActionKind | str], seed: int, name: str) -> None:
        """`kinds` are the choices that the gym offers. Raises `ConfigError` where the key is not in the environment."""
        self.name = name
        self.model = settings.model
        self.settings = settings
        self._kinds = kinds
        self._key = read_key(settings.api_key_env)
        self._fields = {} if settings.top_p is None else {"top_p": settings.top_p}
        if settings.seed is not None:
            mixed = np.random.SeedSequence([settings.seed % 2**64, seed % 2**64]).generate_state(1)[0]
            self._fields["seed"] = int(mixed) % 2**31

    def begin(self, system: str, opening: str) -> None:
        self._told = (system, opening)
        self._talk: Conversation | None = None
        self._written = 0

    def act(self, observation: str) -> Parsed:
        """The model's next turn, a `CountedTurn` where the endpoint counts its tokens.

        Raises `OutOfTokensError`, `FaultError`, and `ConfigError` where the endpoint refuses the settings.
        """
        settings, budget = self.settings, self.settings.episode_tokens
        most = settings.max_tokens if budget is None else min(settings.max_tokens, budget - self._written)
        if most < 1:
            raise OutOfTokensError
        allowance = Allowance(settings.turn_timeout)
        try:
            if self._talk is None:
                self._talk, completion = self._open(most, allowance)
            else:
                self._talk.heard(observation)
                completion = self._ask(self._talk, most, allowance)
        except FaultError as error:
            self._endpoint.counters.fault(error.fault)
            raise
        except RejectedError as error:
            self._rejected(error, most)
        parsed = self._without_key(self._talk.said(completion.message))
        for repair in self._talk.repairs:
            self._endpoint.counters.repair(repair)
            self._endpoint.tell(f"{settings.model}: calls are read with the repair {repair}, each of them counted")
        wrote = completion.tokens_out
        # Where nobody counts, a word is a token, as it is for other policies.
        self._written += parsed.words if wrote is None else wrote
        turn = CountedTurn.of(parsed, completion.tokens_in, wrote)
        if completion.full or (completion.cut and completion.limit < settings.max_tokens):
            raise OutOfTokensError(turn)
        return turn

    @property
    def _endpoint(self) -> Endpoint:
        return shared_endpoint(self.settings)

    @property
    def _where(self) -> str:
        return f"{self.settings.model} at {self.settings.base_url}"

    def _open(self, most: int, allowance: Allowance) -> tuple[Conversation, Completion]:
        """The first message, in the mode that is set or that the endpoint takes."""
        settings, endpoint, model = self.settings, self._endpoint, self.settings.model
        if settings.prompt is not None:
            talk = Conversation(*self._told, self._kinds)
            return talk, self._ask(talk, most, allowance)
        takes: bool | None = settings.mode == "tools"
        if settings.mode == "auto":
            takes = False if endpoint.found("text", model) else endpoint.found("tools", model)
        talk = Conversation(*self._told, self._kinds, tools=takes is not False)
        try:
            completion = self._ask(talk, most, allowance)
        except (RejectedError, FaultError) as error:
            if takes is not None or not _may_be_about_tools(error):
                raise
            return self._open_in_text(error, most, allowance)
        if settings.mode == "auto" and talk.tools:
            endpoint.prove("tools", model, value=True)
        return talk, completion

    def _open_in_text(
        self, error: RejectedError | FaultError, most: int, allowance: Allowance
    ) -> tuple[Conversation, Completion]:
        """The first message in text, where the refusal with tools that `error` was may have been for the tools."""
        endpoint, model = self._endpoint, self.settings.model
        talk = Conversation(*self._told, self._kinds, tools=False)
        try:
            completion = self._ask(talk, most, allowance)
        except RejectedError:
            raise error from None  # it was about something else
        if isinstance(error, RejectedError) and not _ABOUT_TOOLS.search(error.said):
            # One refusal that does not name the tools proves nothing of them: it may have been for anything that passed.
            again = Conversation(*self._told, self._kinds, tools=True)
            try:
                completion = self._ask(again, most, allowance)
            except (RejectedError, FaultError):
                pass
            else:
                endpoint.prove("tools", model, value=again.tools)
                return again, completion
        if endpoint.found("tools", model):
            raise FaultError(POLICY.refused, f"{model}: tools were refused, and taken in other requests ({error})")
        endpoint.prove("tools", model, value=False, note=f"{self._where} takes no tools ({error}): it acts in text")
        return talk, completion

    def _ask(self, talk: Conversation, most: int, allowance: Allowance) -> Completion:
        """The next message; where the conversation is refused for its form, in another that the endpoint takes."""
        endpoint, model = self._endpoint, self.settings.model
        talk.plain = talk.plain or bool(endpoint.found("plain", model))
        try:
            return self._complete(talk, most, allowance)
        except RejectedError as error:
            if error.nature in _NOT_THE_FORM or not talk.begun:
                raise
            first = error
        if not talk.is_plain and first.nature == Nature.REFUSED and first.status in (400, 422, 500):
            # Some endpoints refuse what they themselves sent: thoughts, or arguments that are not JSON.
            talk.plain = True
            try:
                completion = self._complete(talk, most, allowance)
            except RejectedError:
                talk.plain = bool(endpoint.found("plain", model))
            else:
                if _ABOUT_MESSAGES.search(first.said):
                    note = f"{self._where} does not take its own messages back whole ({first})"
                    endpoint.prove("plain", model, value=True, note=note)
                return completion
        if self.settings.mode != "auto" or not talk.has_calls or first.status not in (400, 422, 500):
            raise first
        tools = talk.tools
        talk.to_text()
        try:
            completion = self._complete(talk, most, allowance)
        except RejectedError as error:
            raise (error if error.nature in _NOT_THE_FORM else first) from None
        named = first.nature == Nature.ROLES or _ABOUT_TOOLS.search(first.said) is not None
        note = f"{self._where} does not take a call's answer back ({first}): it acts in text"
        if named and tools:
            endpoint.prove("text", model, value=True, note=note)
        else:
            endpoint.tell(note)
        return completion

    def _complete(self, talk: Conversation, most: int, allowance: Allowance) -> Completion:
        fields = self._fields_of(talk)
        return self._endpoint.complete(self.settings, talk.messages(), fields, POLICY, max_tokens=most, allowance=allowance)

    def _fields_of(self, talk: Conversation | None) -> dict[str, Any]:
        tools = talk.tools if talk is not None else self.settings.mode == "tools"
        return {**self._fields, **({"tools": [tool_schema(self._kinds)]} if tools else {})}

    def _rejected(self, error: RejectedError, most: int) -> NoReturn:
        """What grew too long ends its episode; a refusal of this request alone is a fault, one of the settings an error."""
        settings, endpoint = self.settings, self._endpoint
        if error.nature == Nature.OVERFLOW:
            endpoint.tell(f"{self._where}: episodes that outgrow its context end as token_budget ({error})")
            raise OutOfTokensError from None
        if error.nature == Nature.REPLY_LIMIT and most < settings.max_tokens:
            raise OutOfTokensError from None  # what the episode has left is less than the endpoint lets anyone ask for
        fields = self._fields_of(self._talk)
        if is_of_one_request(endpoint, settings, fields, error, POLICY):
            endpoint.counters.fault(POLICY.refused)
            raise FaultError(POLICY.refused, told(settings, error)) from None
        named = (
            f"agent.model={settings.model!r}, agent.mode={settings.mode!r}, agent.temperature={settings.temperature:g}, "
            f"agent.max_tokens={settings.max_tokens} or agent.body"
        )
        raise ConfigError(mend(settings, "agent", error, named)) from None

    def _without_key(self, parsed: Parsed) -> Parsed:
        """`parsed` without the key, which an endpoint may send back."""
        if self._key is None:
            return parsed
        kind, content = parsed.action
        return parsed._replace(
            thinking=parsed.thinking.replace(self._key, "***"),
            action=type(parsed.action)(kind, content.replace(self._key, "***")),
        )


def _may_be_about_tools(error: RejectedError | FaultError) -> bool:
    """Whether text may be taken where this was refused: servers do not always name it, or call it an error of their own."""
    if isinstance(error, RejectedError):
        if error.nature in _NOT_THE_FORM:
            return False
        return error.status in (400, 422) or _ABOUT_TOOLS.search(error.said) is not None
    return error.fault == Fault.POLICY_UNAVAILABLE and _ABOUT_TOOLS.search(error.detail) is not None
