"""The gyms that are installed, by name."""

import inspect
from importlib.metadata import entry_points
from typing import Any

from bao.errors import ConfigError, suggest
from bao.gym import Gym

_NO_SETTINGS = frozenset({"self", "args", "kwargs", "settings"})
_MOVED = "Hidden, Until, Outcome, Policy and Belief"
"""Names that gyms need, and that other modules once held."""
GROUP = "bao.gyms"
"""Entry-point group under which packages offer gyms: ``name = "module:Class"``."""


def gym_class(name: str) -> type[Gym]:
    """The gym class of an entry point. Raises `ConfigError` naming the nearest known gym, or what keeps it from loading."""
    found = {entry.name: entry for entry in entry_points(group=GROUP)}
    if name not in found:
        raise ConfigError(f"gym={name!r} is unknown: {suggest(name, found)}")
    try:
        loaded = found[name].load()
    except (ImportError, AttributeError) as error:
        if isinstance(error, ImportError) and (error.name or "").partition(".")[0] == "bao":
            raise ConfigError(
                f"gym={name!r} is installed as {found[name].value!r}, written for an earlier version ({error}): import "
                f"{_MOVED} from bao itself (from bao import Hidden), and other names as docs/own_gym.md has them"
            ) from error
        raise ConfigError(
            f"gym={name!r} is installed as {found[name].value!r}, which cannot be loaded ({error}): install its package again, "
            "or uninstall it"
        ) from error
    if not (isinstance(loaded, type) and issubclass(loaded, Gym)):
        raise ConfigError(f"the entry point {name!r} gives {loaded!r}, which is not a bao.Gym")
    return loaded


def gym_names() -> list[str]:
    return sorted(entry.name for entry in entry_points(group=GROUP))


def make(name: str, **settings: Any) -> Gym:
    """A gym by name, with its settings: ``bao.make("travel", user="scripted", horizon=12)``."""
    cls = gym_class(name)
    try:
        return cls(**settings)
    except TypeError as error:
        makers = [vars(kind)["__init__"] for kind in cls.__mro__ if "__init__" in vars(kind)]
        known = {key for make_one in makers for key in inspect.signature(make_one).parameters} - _NO_SETTINGS
        for key in settings:
            if key not in known:
                raise ConfigError(f"gym.settings.{key} is no setting of the gym {name!r}: {suggest(key, known)}") from error
        raise ConfigError(f"the gym {name!r} does not take these settings: {error}") from error
