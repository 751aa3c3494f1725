"""The gym: a task, its tools and its user behind gymnasium's five-method interface.

A gym declares its action kinds and which of them involve the user, and implements one hook per kind, ``on_search``,
``on_action``, ``on_answer``; the turn count, the horizon and ``finish`` are handled here. It knows no tokens and no policy,
gives the agent nothing but the text of its replies, and draws every random choice from its own generator.
"""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import gymnasium
import numpy as np

from bao.action import CHOICES, Action, ActionKind
from bao.belief import Belief
from bao.errors import ConfigError, DataError, suggest
from bao.task import Split, Task, TaskSet
from bao.trajectory import StopReason
from bao.users.llm import Simulator

if TYPE_CHECKING:
    from bao.policies import Policy


class Outcome(NamedTuple):
    """What one action led to."""

    reply: str
    reward: float = 0.0
    """Normalised so that a whole episode earns at most 1."""
    done: bool = False
    success: bool = False


class TextSpace(gymnasium.Space[str]):
    """Any text of up to ``max_length`` characters."""

    def __init__(self, max_length: int = 100_000) -> None:
        super().__init__(shape=None, dtype=None)
        self.max_length = max_length

    def contains(self, x: Any) -> bool:
        return isinstance(x, str) and len(x) <= self.max_length

    def sample(self, mask: Any = None, probability: Any = None) -> str:
        return " ".join(self.np_random.choice(["hotel", "3", "beach", "?", "area"], size=4))

    @property
    def is_np_flattenable(self) -> bool:
        return False

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TextSpace) and other.max_length == self.max_length

    __hash__ = None  # type: ignore[assignment]


class ActionSpace(gymnasium.Space[Action]):
    """The actions of the given kinds, with free text as content."""

    def __init__(self, kinds: frozenset[ActionKind]) -> None:
        super().__init__(shape=None, dtype=None)
        self.kinds = tuple(kind for kind in CHOICES if kind in kinds)
        self._text = TextSpace()

    def seed(self, seed: Any = None) -> Any:
        self._text.seed(seed)
        return super().seed(seed)

    def contains(self, x: Any) -> bool:
        return isinstance(x, tuple) and len(x) == 2 and x[0] in (*self.kinds, ActionKind.NONE) and isinstance(x[1], str)

    def sample(self, mask: Any = None, probability: Any = None) -> Action:
        return Action(self.kinds[int(self.np_random.integers(len(self.kinds)))], self._text.sample())

    @property
    def is_np_flattenable(self) -> bool:
        return False

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ActionSpace) and other.kinds == self.kinds

    __hash__ = None  # type: ignore[assignment]


class Gym(gymnasium.Env[str, Action]):
    """Base of every gym. Subclasses set the class attributes, `begin`, the hooks of their kinds and the class methods."""

    metadata: ClassVar[dict[str, Any]] = {"render_modes": []}  # type: ignore[misc]
    name: ClassVar[str]
    version: ClassVar[int] = 1
    """Raised when a change makes scores incomparable; part of what identifies an episode."""
    about: ClassVar[str]
    """One line for ``bao gyms``."""
    kinds: ClassVar[frozenset[ActionKind]]
    """The action kinds on offer."""
    conventions: ClassVar[Mapping[str, frozenset[ActionKind]]]
    """Which kinds involve the user, by the name of the convention; the first is the default."""
    horizon_default: ClassVar[int] = 16
    user_backends: ClassVar[tuple[str, ...]] = ("scripted",)

    def __init__(
        self, *, horizon: int | None = None, convention: str | None = None, user: str = "scripted",
        llm: Simulator | None = None, judge: Simulator | None = None,
    ) -> None:  # fmt: skip
        """`llm` plays the user where ``user="llm"`` and judges what rules cannot, unless `judge` is given for that."""
        if horizon is not None and horizon < 1:
            raise ConfigError(f"horizon={horizon} must be at least 1 turn")
        if convention is not None and convention not in self.conventions:
            raise ConfigError(f"convention={convention!r} is unknown to {self.name}: {suggest(convention, self.conventions)}")
        if user not in self.user_backends:
            raise ConfigError(f"user={user!r} is unknown to {self.name}: {suggest(user, self.user_backends)}")
        if user == "llm" and llm is None:
            raise ConfigError("user='llm' needs a model: give llm=.., its model and base_url")
        self.horizon = horizon or self.horizon_default
        self.llm = llm
        self.judge = judge or llm
        self.convention = convention or next(iter(self.conventions))
        self.user_backend = user
        self.user_kinds = self.conventions[self.convention]
        self.observation_space = TextSpace()
        self.action_space = ActionSpace(self.kinds)
        self.task: Task | None = None
        self._hooks: dict[str, Callable[[str], Outcome]] = {kind: getattr(self, f"on_{kind}") for kind in self.kinds}
        self._hooks[ActionKind.NONE] = self.on_none
        self._involves = {kind: kind in self.user_kinds for kind in self._hooks}
        self._default_tasks: TaskSet | None = None
        self._turn = 0
        self._live = False

    # What a gym's author writes.

    @abstractmethod
    def begin(self, task: Task) -> str:
        """Set up the episode of `task`; return the opening text."""

    @abstractmethod
    def instructions(self) -> str:
        """What the agent is told once, before the opening: the rules, the kinds and their content formats."""

    @classmethod
    @abstractmethod
    def task_set(cls, split: Split | str, size: int | None = None, levels: tuple[int, ...] | None = None) -> TaskSet:
        """The gym's own tasks of a split, always the same ones; `size` takes or makes the first so many."""

    @classmethod
    def read_tasks(cls, path: Path, split: Split | str = Split.TEST) -> TaskSet:
        """Tasks from a file; gyms whose reference data has its own format override this."""
        return TaskSet.read(path, cls.name, cls.check_task)

    @classmethod
    @abstractmethod
    def check_task(cls, task: Task) -> None:
        """Raise `ValueError` or `KeyError` naming the field if ``task.data`` cannot be played."""

    @classmethod
    @abstractmethod
    def scripted_policies(cls) -> "Mapping[str, Callable[[Gym, int], Policy]]":
        """Scripted policies by name, each made from the gym that it will play in and a seed.

        ``oracle``, ``ask_all``, ``never_ask`` and ``random`` are always there: they bound every plot.
        """

    def belief(self, task: Task) -> Belief | None:
        """A fresh record of what an agent can have inferred in an episode of `task`; None where this gym keeps none."""
        return None

    def on_finish(self, content: str) -> Outcome:
        return Outcome("The episode is over.", done=True)

    def on_none(self, content: str) -> Outcome:
        """An unreadable action wastes its turn; the reply names the fault and repeats the format."""
        names = ", ".join(f"[{kind}]" for kind in CHOICES if kind in self.kinds)
        return Outcome(f"No action could be read ({content}). Begin with one of {names}.")

    # gymnasium's interface.

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        """Start an episode of ``options["task"]``, or of a task drawn with `seed` from the test split.

        Raises `DataError` on a task of another gym.
        """
        if seed is not None:
            self._np_random = None  # made on first use, so that a gym without chance pays nothing for it
            self._seed = seed
        task = options.get("task") if options else None
        if task is None:
            if self._default_tasks is None:
                self._default_tasks = self.task_set(Split.TEST)
            task = self._default_tasks[int(self.np_random.integers(len(self._default_tasks)))]
        elif task.gym != self.name:
            raise DataError(f"task {task.id!r} is of the gym {task.gym!r}, and this is {self.name!r}: make that gym for it")
        self.task = task
        self._turn = 0
        self._live = True
        return self.begin(task), {"task_id": task.id, "turn": 0}

    def step(self, action: Action) -> tuple[str, float, bool, bool, dict[str, Any]]:
        """One turn. ``info`` holds ``turn``, ``involves_user``, ``success`` and ``stop`` (a `StopReason` or None).

        Raises `RuntimeError` outside an episode, `ValueError` on a kind that the gym does not offer, and `FaultError` where
        the user simulator broke.
        """
        if not self._live:
            raise RuntimeError("the episode is over or has not begun: call reset() before step()")
        kind, content = action
        hook = self._hooks.get(kind)
        if hook is None:
            raise ValueError(f"{self.name} offers no action kind {kind!r}: {suggest(str(kind), map(str, self._hooks))}")
        self._turn = turn = self._turn + 1
        reply, reward, done, success = hook(content)
        truncated = False
        stop = None
        if done:
            self._live = False
            stop = StopReason.SUCCESS if success else StopReason.FINISH if kind == ActionKind.FINISH else StopReason.FAILURE
        elif turn >= self.horizon:
            self._live = False
            truncated = True
            stop = StopReason.MAX_TURNS
        return reply, reward, done, truncated, {
            "turn": turn, "involves_user": self._involves[kind], "success": success, "stop": stop,
        }  # fmt: skip

    @property
    def np_random(self) -> np.random.Generator:
        if self._np_random is None:
            self._np_random = np.random.default_rng(getattr(self, "_seed", None))
        return self._np_random

    @np_random.setter
    def np_random(self, value: np.random.Generator) -> None:
        self._np_random = value


GROUP = "bao.gyms"
"""Entry-point group under which packages offer gyms: ``name = "module:Class"``."""


def gym_class(name: str) -> type[Gym]:
    """The gym class of an entry point. Raises `ConfigError` naming the nearest known gym."""
    found = {entry.name: entry for entry in entry_points(group=GROUP)}
    if name not in found:
        raise ConfigError(f"gym={name!r} is unknown: {suggest(name, found)}")
    loaded = found[name].load()
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
        raise ConfigError(f"the gym {name!r} does not take these settings: {error}") from error
