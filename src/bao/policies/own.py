"""Anyone's agent in Python as a policy: a class or a factory, or a plain function of the messages; each may be async.

An object made by the class or the factory plays one episode: ``act(observation)`` returns its turn, and where it has a
``begin(system, opening)``, that is called first. A function gets the whole talk as chat messages each time. A turn is a text,
read as a model's is (`bao.parse`), an `Action`, or a pair of a thinking text and an `Action`.

An exception is the agent's own: its traceback is logged, and the episode ends with nothing earned (``policy_error``). A
`FaultError` by which the agent says what else broke is taken at its word.
"""

import inspect
import os
import re
import traceback
from collections.abc import Awaitable, Callable, Collection
from typing import Any

from bao.action import CHOICES, Action, ActionKind, Parsed, ParseFault, parse, render
from bao.errors import ConfigError
from bao.policies.calling import Caller, CallTimeoutError
from bao.policies.conversation import BY_TEXT
from bao.policies.loading import said
from bao.policies.settings import OwnSettings
from bao.storage.folder import logger
from bao.trajectory import Fault, FaultError, PolicyError

SHAPES = (
    "give a class or a function that makes an agent with act(observation), or a function of the messages: see docs/agents.md"
)
_SECRET = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD)$", re.IGNORECASE)
_KEYLIKE = re.compile(r"\b(sk|pk|rk)-\S{6,}")
_OF_A_POLICY = tuple(fault for fault in Fault if fault.startswith("policy_") and fault is not Fault.POLICY_ERROR)
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


class WrongShapeError(Exception):
    """The agent is, or gave, what is no agent or no turn."""


class OwnAgent:
    """Makes the agents of all episodes; the first at once, so that what cannot start is known before anything is played."""

    def __init__(self, text: str, value: Any, settings: OwnSettings) -> None:
        """`value` is what `text` names. Raises `ConfigError` where it is of no accepted shape or raises."""
        self.text = text
        self.seconds = settings.turn_timeout
        self.played = False
        """Whether any turn was ever taken."""
        try:
            self._is_function = _is_message_function(value)
            self._make = (lambda: value) if self._is_function else value
            self._ready = [self._made()]
        except WrongShapeError as error:
            raise ConfigError(f"policy={text!r}: {error}") from None
        except CallTimeoutError as error:
            raise ConfigError(f"policy={text!r} does not start: {error} (--turn-timeout)") from None
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise ConfigError(f"policy={text!r} does not start: {without_secrets(said(_own(error)))}") from error

    def policy(self, kinds: Collection[ActionKind | str], name: str) -> "OwnPolicy":
        """A policy for one episode at a time in a gym that offers `kinds`."""
        return OwnPolicy(self, kinds, name)

    def take(self) -> "tuple[Caller, Callable[[str, str], Any], Callable[[str], Any]]":
        """The next agent: the thread that it lives in, its ``begin`` and its ``act``."""
        try:
            return self._ready.pop()
        except IndexError:
            return self._made()

    def _made(self) -> "tuple[Caller, Callable[[str, str], Any], Callable[[str], Any]]":
        call = Caller(self.seconds)
        agent = call(self._make)
        if self._is_function:
            made = _FunctionAgent(agent)
            return call, made.begin, made.act
        act = getattr(agent, "act", None)
        if not callable(act):
            raise WrongShapeError(f"it makes {_a(agent)} without an act(observation): {SHAPES}")
        begin = getattr(agent, "begin", None)
        if begin is not None and not _takes(begin, 2):
            raise WrongShapeError("its begin must take the system text and the opening: begin(system, opening)")
        if not _takes(act, 1):
            raise WrongShapeError("its act must take the observation and nothing else: act(observation)")
        return call, begin or _nothing, act


class OwnPolicy:
    """Plays one episode after another, each with an agent made for it."""

    def __init__(self, agent: OwnAgent, kinds: Collection[ActionKind | str], name: str) -> None:
        self.name = name
        self._agent = agent
        self._kinds = kinds

    def begin(self, system: str, opening: str) -> None:
        """Make the agent, and tell it the rules and the opening. Raises `FaultError` and `PolicyError`."""
        self._turn = 0
        self._opening = opening

        def start() -> None:
            self._call, begin, self._act = self._agent.take()
            self._call(begin, f"{system}\n{BY_TEXT}", opening)

        self._guarded(start)

    def act(self, observation: str) -> Parsed:
        """The agent's next turn. Raises `FaultError`, `PolicyError`, and `ConfigError` where the first of all is no turn."""
        self._turn += 1
        parsed: Parsed = self._guarded(lambda: read_turn(self._call(self._act, observation), self._kinds))
        self._agent.played = True
        return parsed

    def _guarded(self, step: Callable[[], Any]) -> Any:
        agent, turn = self._agent, self._turn
        try:
            return step()
        except CallTimeoutError as error:
            raise FaultError(Fault.POLICY_TIMEOUT, f"{agent.text}: {error} in turn {turn}") from None
        except WrongShapeError as error:
            if not agent.played:
                raise ConfigError(f"policy={agent.text!r}: {error}") from None
            raise PolicyError(f"{agent.text}, turn {turn}: {error}") from None
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            if isinstance(error, FaultError) and error.fault in _OF_A_POLICY:
                raise
            error = _own(error)
            told = without_secrets("".join(traceback.format_exception(error)))
            logger.error("%s raised in turn %d of the episode that opens %r:\n%s", agent.text, turn, self._opening[:200], told)
            raise PolicyError(f"{agent.text}, turn {turn}: {without_secrets(said(error))[:500]}") from None


class _FunctionAgent:
    """An episode as the chat messages that a function is given."""

    def __init__(self, function: Callable[[list[dict[str, str]]], Any]) -> None:
        self._function = function

    def begin(self, system: str, opening: str) -> None:
        self._messages = [{"role": "system", "content": system}]

    def act(self, observation: str) -> Any:
        self._messages.append({"role": "user", "content": observation})
        value = self._function([dict(message) for message in self._messages])
        return self._later(value) if inspect.isawaitable(value) else self._said(value)

    async def _later(self, value: Awaitable[Any]) -> Any:
        return self._said(await value)

    def _said(self, value: Any) -> Any:
        self._messages.append({"role": "assistant", "content": _as_text(value)})
        return value


def read_turn(value: Any, kinds: Collection[ActionKind | str]) -> Parsed:
    """What an agent returned, as a turn in a gym that offers `kinds`. Raises `WrongShapeError` where it is none."""
    if isinstance(value, str):
        return parse(value, kinds).keeping(value)
    thinking, action = ("", value) if isinstance(value, Action) else value if _is_pair(value) else (None, None)
    if thinking is None or action is None:
        raise WrongShapeError(f"it gave {_a(value)} for a turn: a text, an Action or (thinking, Action) is one")
    kind, content = action
    if not isinstance(kind, str) or not isinstance(content, str):
        raise WrongShapeError(f"it gave an Action of {_a(kind)} and {_a(content)}: both must be texts")
    thinking, content = (_LONE_SURROGATE.sub("\ufffd", text) for text in (thinking, content))
    if kind not in CHOICES or kind not in kinds:
        return _unreadable(thinking, Action(kind, content), ParseFault.UNKNOWN_CHOICE)
    if not content.strip() and kind != ActionKind.FINISH:
        return _unreadable(thinking, Action(kind, content), ParseFault.EMPTY_CONTENT)
    return Parsed(thinking, Action(ActionKind(kind), content), None)


def _unreadable(thinking: str, action: Action, fault: ParseFault) -> Parsed:
    return Parsed(thinking, Action(ActionKind.NONE, str(fault)), fault).keeping(render(thinking, action))


def without_secrets(text: str) -> str:
    """`text` without the values of environment variables that are called a key, token, secret or password, or what looks like
    a key: clients quote in their errors the key that was refused."""
    for name, value in os.environ.items():
        if _SECRET.search(name) and len(value) >= 6:
            text = text.replace(value, "***")
    return _KEYLIKE.sub("***", text)


def _is_pair(value: Any) -> bool:
    return isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], str) and isinstance(value[1], Action)


def _as_text(value: Any) -> str:
    if isinstance(value, Action):
        return render("", value)
    return render(*value) if _is_pair(value) else str(value)


def _is_message_function(value: Any) -> bool:
    """Whether it is a function of the messages, or else makes an agent. Raises `WrongShapeError` where it is neither."""
    if callable(value) and not inspect.isclass(value) and not callable(getattr(value, "act", None)):
        if _takes(value, 0):
            return False
        if _takes(value, 1):
            return True
    elif inspect.isclass(value) and _takes(value, 0):
        return False
    raise WrongShapeError(f"{_described(value)}: {SHAPES}")


def _takes(function: Callable[..., Any], count: int) -> bool:
    """Whether `function` can be called with `count` arguments; what does not tell its signature is believed to."""
    try:
        inspect.signature(function).bind(*[None] * count)
    except TypeError:
        return False
    except ValueError:
        return True
    return True


def _described(value: Any) -> str:
    if inspect.isclass(value):
        return "the class cannot be made without arguments"
    return "it takes several arguments" if callable(value) and not hasattr(value, "act") else f"it is {_a(value)}"


def _a(value: Any) -> str:
    return f"{'an' if type(value).__name__[0] in 'AEIOUaeiou' else 'a'} {type(value).__name__}"


def _nothing(system: str, opening: str) -> None:
    pass


def _own(error: BaseException) -> BaseException:
    """`error` with the frames of the agent's code alone, where any is left."""
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_globals.get("__name__", "").startswith(("bao.", "concurrent.", "asyncio.")):
        frames = frames.tb_next
    return error.with_traceback(frames or error.__traceback__)
