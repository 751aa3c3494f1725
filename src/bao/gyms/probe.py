"""Probes: labelled questions that a gym puts to a model in the place of its user or its judge, to see what it makes of them.

A gym's probes are in the module ``labelled`` beside it, as functions named after the roles: ``user()`` and ``judge()``, each
giving a list. A gym of one's own may have them too.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from importlib.util import find_spec

from bao.errors import ConfigError
from bao.gym import Gym
from bao.gyms.registry import gym_class, gym_names
from bao.users.llm import Simulator


class Role(StrEnum):
    """What a model may be in a gym."""

    USER = "user"
    JUDGE = "judge"


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of a probe."""

    said: str
    right: bool
    yes: bool | None = None
    """Whether the model said yes (the guess is right, the question is about something), where the probe is such a question."""
    repaired: int = 0
    """Replies that rules said."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One labelled question."""

    name: str
    """What tells it from the others of its gym and role, for people as well."""
    label: str
    """The class in which it counts."""
    put: Callable[[Simulator], Heard]
    """Put it to a model. Raises `bao.trajectory.FaultError` as an episode would end."""
    yes: bool | None = None
    """Whether yes is right, where the probe is a question of yes or no."""
    worded: bool = False
    """Whether the rules see to it that what is said is right, so that all there is to see is whose words they are."""


def probes(gym: str, role: Role) -> Sequence[Probe]:
    """Raises `ConfigError` where the gym has none for this role."""
    has = [each for each in Role if _functions(gym_class(gym), each)]
    if role not in has:
        instead = f"check {' or '.join(has)} instead" if has else f"gyms with some: {', '.join(_with(role))}"
        raise ConfigError(f"gym={gym!r} has no labelled questions for a {role}: {instead}")
    found: Sequence[Probe] = _functions(gym_class(gym), role)[0]()
    return found


def _functions(gym: type[Gym], role: Role) -> list[Callable[[], Sequence[Probe]]]:
    name = f"{gym.__module__.rpartition('.')[0]}.labelled"
    if name == ".labelled" or find_spec(name) is None:
        return []
    found = getattr(import_module(name), role, None)
    return [] if found is None else [found]


def _with(role: Role) -> list[str]:
    return [name for name in gym_names() if _functions(gym_class(name), role)]
