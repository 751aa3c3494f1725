"""A chat model behind an OpenAI-compatible endpoint, as the agent.

The model is told the gym's rules and how to act (`bao.policies.conversation`), then each observation as it comes. It acts by
calling the one tool, ``interact(choice, content)``, or in the bracket form; its thoughts are those in ``reasoning``,
``reasoning_content``, between ``<think>`` tags and beside the action. A message without a readable action wastes the turn.

Only the transport can be at fault (``policy_timeout``, ``policy_malformed``, ``policy_refused``, ``policy_unavailable``):
whatever the model writes is played as it stands.
"""

import re
from collections.abc import Collection
from typing import NoReturn

import numpy as np

from bao.action import ActionKind, Parsed, tool_schema
from bao.endpoint.client import Allowance, Blame, Completion, RejectedError, read_key, shared_endpoint
from bao.endpoint.refusal import OF_ONE_REQUEST, mend
from bao.errors import ConfigError
from bao.policies.conversation import Conversation
from bao.policies.settings import ChatSettings
from bao.policy import CountedTurn
from bao.storage.folder import logger
from bao.trajectory import Fault, FaultError, OutOfTokensError

POLICY = Blame(Fault.POLICY_TIMEOUT, Fault.POLICY_MALFORMED, Fault.POLICY_UNAVAILABLE)
_ABOUT_TOOLS = re.compile(r"\btools?\b|tool[_-]|function", re.IGNORECASE)
_TOO_LONG = re.compile(r"context.{0,3}(length|window|size)|maximum context|too long|too many tokens", re.IGNORECASE)


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
            shared_endpoint(settings).counters.fault(error.fault)
            raise
        except RejectedError as error:
            self._rejected(error)
        parsed = self._without_key(self._talk.said(completion.message))
        wrote = completion.tokens_out
        # Where nobody counts, a word is a token, as it is for other policies.
        self._written += parsed.words if wrote is None else wrote
        turn = CountedTurn.of(parsed, completion.tokens_in, wrote)
        if completion.cut and most < settings.max_tokens:
            raise OutOfTokensError(turn)
        return turn

    def _open(self, most: int, allowance: Allowance) -> tuple[Conversation, Completion]:
        """The first message, in the mode that is set or that the endpoint takes."""
        settings, found, known = self.settings, shared_endpoint(self.settings).found, ("tools", self.settings.model)
        if settings.prompt is not None:
            talk = Conversation(*self._told, self._kinds)
            return talk, self._ask(talk, most, allowance)
        takes: bool | None = found.get(known) if settings.mode == "auto" else settings.mode == "tools"
        talk = Conversation(*self._told, self._kinds, tools=takes is not False)
        try:
            completion = self._ask(talk, most, allowance)
        except (RejectedError, FaultError) as error:
            if takes is not None or not _may_be_about_tools(error):
                raise
            talk = Conversation(*self._told, self._kinds, tools=False)
            try:
                completion = self._ask(talk, most, allowance)
            except RejectedError:
                raise error from None  # it was about something else
            if found.get(known) is None:
                logger.info("%s at %s takes no tools (%s): it acts in text", settings.model, settings.base_url, error)
        if settings.mode == "auto":
            found.setdefault(known, talk.tools)
        return talk, completion

    def _ask(self, talk: Conversation, most: int, allowance: Allowance) -> Completion:
        settings, endpoint, known = self.settings, shared_endpoint(self.settings), ("plain", self.settings.model)
        fields = {**self._fields, **({"tools": [tool_schema(self._kinds)]} if talk.tools else {})}
        plain: bool = endpoint.found.get(known, False)
        messages = talk.messages(plain=plain)
        try:
            return endpoint.complete(settings, messages, fields, POLICY, max_tokens=most, allowance=allowance)
        except RejectedError as error:
            if plain or error.status not in (400, 422) or talk.is_plain:
                raise
            # Some endpoints refuse what they themselves sent: thoughts, or arguments that are not JSON.
            messages = talk.messages(plain=True)
            try:
                completion = endpoint.complete(settings, messages, fields, POLICY, max_tokens=most, allowance=allowance)
            except RejectedError:
                raise error from None
            endpoint.found[known] = True
            logger.info("%s at %s does not take its own messages back whole (%s)", settings.model, settings.base_url, error)
            return completion

    def _rejected(self, error: RejectedError) -> NoReturn:
        """What grew too long ends its episode; a refusal for the content is a fault, one of the settings an error."""
        settings = self.settings
        if self._talk is not None and error.status in (400, 413) and _TOO_LONG.search(error.said):
            raise OutOfTokensError from None
        if error.answered and error.status in OF_ONE_REQUEST:
            shared_endpoint(settings).counters.fault(Fault.POLICY_REFUSED)
            raise FaultError(Fault.POLICY_REFUSED, f"{settings.model}: HTTP {error.status} {error.said}") from None
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
        return error.status in (400, 422) or _ABOUT_TOOLS.search(error.said) is not None
    return error.fault == Fault.POLICY_UNAVAILABLE and _ABOUT_TOOLS.search(error.detail) is not None
