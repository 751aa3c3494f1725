"""The gym: a task, its tools and its user behind gymnasium's five-method interface.

A gym declares its action kinds and which of them involve the user, and implements one hook per kind, ``on_search``,
``on_action``, ``on_answer``; the turn count, the horizon and ``finish`` are handled here. It knows no tokens and no policy,
gives the agent nothing but the text of its replies, and draws every random choice from its own generator.
"""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Protocol
from zlib import crc32

import gymnasium
import numpy as np

from bao.action import CHOICES, Action, ActionKind
from bao.action import Outcome as Outcome
from bao.errors import ConfigError, DataError, suggest
from bao.measure import Measure, figures
from bao.policy import Policy
from bao.task import Hidden, Split, Task, TaskSet
from bao.task_source import TaskSource
from bao.trajectory import StopReason
from bao.user import ASKED_ONLY, Nobody, Trait, User
from bao.users.llm import Simulator
from bao.users.persona import Persona, PersonaSession, check_supported, read_persona

MOST_TURNS = 32_767
"""The longest horizon: a trace holds the index of a token's turn in 16 bits."""


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


class Belief(Protocol):
    """What is possible as far as the transcript tells: that of a perfect listener, not of the agent."""

    def observe(self, action: Action, reply: str) -> float | None:
        """Take in one turn; the bits that a query told (0: nothing new), or None for what is no query or cannot be said.

        Called for every turn in order, so that what submissions reveal is known too.
        """


class Gym(gymnasium.Env[str, Action]):
    """Base of every gym. Subclasses set the class attributes and write `begin`, `instructions` and the hooks of their kinds."""

    metadata: ClassVar[dict[str, Any]] = {"render_modes": []}  # type: ignore[misc]
    name: ClassVar[str]
    version: ClassVar[int] = 1
    """Raised when a change makes scores incomparable; part of what identifies an episode."""
    about: ClassVar[str]
    """One line for ``bao gyms``."""
    kinds: ClassVar[frozenset[ActionKind]]
    """The action kinds on offer."""
    conventions: ClassVar[Mapping[str, frozenset[ActionKind]]] = {
        "everyday": frozenset({ActionKind.ACTION, ActionKind.ANSWER}),
        "paper": frozenset({ActionKind.ANSWER}),
    }
    """Which kinds involve the user, by the name of the convention; the first is the default."""
    horizon_default: ClassVar[int] = 16
    user_backends: ClassVar[tuple[str, ...]] = ("scripted",)
    judged_users: ClassVar[tuple[str, ...]] = ()
    """The users beside whom a model judges what rules cannot (`judge`)."""
    no_llm: ClassVar[str] = ""
    """Why no language model can play the user, where none can; shown by ``bao gyms`` and where one is asked for."""
    questions: ClassVar[frozenset[ActionKind]] = frozenset({ActionKind.ACTION})
    """The kinds that somebody answers, whatever the convention: what a persona's traits are about."""
    submissions: ClassVar[frozenset[ActionKind]] = frozenset({ActionKind.ANSWER})
    """The kinds that the user judges: one that earns nothing costs satisfaction."""
    traits: ClassVar[Mapping[str, tuple[Trait, ...]]] = {}
    """The traits that the users can have, by user; those of a user that is not named are `ASKED_ONLY`."""
    source: ClassVar[TaskSource] = TaskSource()
    """Its tasks, and who plays them without a model."""
    user: User
    """Whom the agent can ask in this episode; `begin` sets it."""

    def __init__(
        self,
        *,
        horizon: int | None = None,
        convention: str | None = None,
        user: str = "scripted",
        llm: Simulator | Mapping[str, Any] | None = None,
        judge: Simulator | Mapping[str, Any] | None = None,
        persona: str | Mapping[str, Any] | Persona | None = None,
    ) -> None:
        """`llm` plays the user where ``user="llm"`` and judges what rules cannot, unless `judge` is given for that.

        Either is a `Simulator`, or a table of `bao.users.settings.LLMSettings`, such as
        ``{"model": "qwen3", "base_url": "http://127.0.0.1:8000/v1"}``. `persona` is how the user takes being asked: a preset's
        name or a table (see `bao.users.persona`). Raises `ConfigError` naming the setting.
        """
        if horizon is not None and horizon < 1:
            raise ConfigError(f"horizon={horizon} must be at least 1 turn")
        if horizon is not None and horizon > MOST_TURNS:
            raise ConfigError(f"horizon={horizon} must be at most {MOST_TURNS} turns")
        if convention is not None and convention not in self.conventions:
            raise ConfigError(f"convention={convention!r} is unknown to {self.name}: {suggest(convention, self.conventions)}")
        if user == "llm" and self.no_llm:
            raise ConfigError(f"user='llm' is of no use to {self.name}: {self.no_llm}; leave it at 'scripted'")
        if user not in self.user_backends:
            raise ConfigError(f"user={user!r} is unknown to {self.name}: {suggest(user, self.user_backends)}")
        if user == "llm" and llm is None:
            raise ConfigError("user='llm' needs a model: give llm=.., its model and base_url (--user-model)")
        if judge is not None and user not in self.judged_users:
            needed = " or ".join(f"user={name!r}" for name in self.judged_users)
            raise ConfigError(
                f"judge is of no use to {self.name} with user={user!r}, where rules judge: leave it out"
                + (f", or play with {needed}" if needed else "")
            )
        self.horizon = horizon or self.horizon_default
        self.llm = _simulator(llm, "llm")
        self.judge = self.llm if judge is None else _simulator(judge, "judge")
        self.convention = convention or next(iter(self.conventions))
        self.user_backend = user
        self.user_kinds = self.conventions[self.convention]
        self.observation_space = TextSpace()
        self.action_space = ActionSpace(self.kinds)
        self.task: Task | None = None
        self.user = Nobody()
        self._hooks: dict[str, Callable[[str], Outcome]] = {kind: getattr(self, f"on_{kind}") for kind in self.kinds}
        self._hooks[ActionKind.NONE] = self.on_none
        self._involves = {kind: kind in self.user_kinds for kind in self._hooks}
        self._default_tasks: TaskSet | None = None
        self._turn = 0
        self._live = False
        self.persona = None if persona is None else read_persona(persona)
        self._persona_talk: PersonaSession | None = None
        if self.persona is not None:
            check_supported(self.persona, self.persona_traits(), f"the gym {self.name!r} with user={user!r}")

    # What a gym's author writes.

    @abstractmethod
    def begin(self, task: Task) -> str:
        """Set up the episode of `task`; return the opening text."""

    @abstractmethod
    def instructions(self) -> str:
        """What the agent is told once, before the opening: the rules, the kinds and their content formats."""

    def belief(self, task: Task) -> Belief | None:
        """A fresh record of what an agent can have inferred in an episode of `task`; None where this gym keeps none."""
        return None

    @classmethod
    def measures(cls) -> tuple[Measure, ...]:
        """Measures of its own, beside those of every gym: tables, frontier and report show them (`bao.measure`)."""
        return ()

    def on_action(self, content: str) -> Outcome:
        """A question to the user."""
        return Outcome(str(self.user.answer(content)))  # a user may answer with a member of a StrEnum

    def on_finish(self, content: str) -> Outcome:
        return Outcome("The episode is over.", done=True)

    def on_none(self, content: str) -> Outcome:
        """An unreadable action wastes its turn; the reply names the fault and repeats the format."""
        names = ", ".join(f"[{kind}]" for kind in CHOICES if kind in self.kinds)
        return Outcome(f"No action could be read ({content}). Begin with one of {names}.")

    # What a persona brings out in the user.

    def volunteer(self, rng: np.random.Generator) -> Outcome | None:
        """What the user tells unasked (`bao.user.User.volunteer`). It earns nothing."""
        return self.user.volunteer(rng)

    def mistaken(self, content: str, rng: np.random.Generator) -> Outcome | None:
        """A wrong answer to a question (`bao.user.User.mistaken`)."""
        return self.user.mistaken(content, rng)

    def evadable(self, content: str) -> bool:
        """Whether a vague answer may take the place of the answer to this (`bao.user.User.evadable`)."""
        return self.user.evadable(content)

    def persona_traits(self) -> tuple[Trait, ...]:
        """The traits that the user of this gym can have."""
        if self.questions.isdisjoint(self.kinds):
            return ()
        if self.user_backend in self.traits:
            return self.traits[self.user_backend]
        # A gym that writes the hooks itself states by that what its users can do.
        own = type(self) if self.user_backend in getattr(self, "persona_users", ("scripted",)) else Gym
        written = {Trait.VOLUNTEERING: own.volunteer is not Gym.volunteer, Trait.MISTAKES: own.mistaken is not Gym.mistaken}
        return (*ASKED_ONLY, *(trait for trait, is_written in written.items() if is_written))

    @property
    def satisfaction(self) -> float | None:
        """The estimate of the user's satisfaction with the episode as it stands, in [0, 1]; None without a persona."""
        return None if self._persona_talk is None else self._persona_talk.satisfaction

    @property
    def measured(self) -> dict[str, float] | None:
        """The figures of `measures` for the episode as it stands; None where the gym states none.

        Raises `ConfigError` on a figure that is none (`bao.measure.figures`).
        """
        own = self.measures()
        return figures(own, self) if own else None

    @property
    def repaired(self) -> int | None:
        """`bao.user.User.repaired` of the episode as it stands; None where no model plays the user."""
        return None if self.llm is None or self.user_backend == "scripted" else getattr(self.user, "repaired", 0)

    # What is asked about the gym's tasks, answered by its `source`.

    @classmethod
    def task_set(cls, split: Split | str, size: int | None = None, levels: tuple[int, ...] | None = None) -> TaskSet:
        """The gym's own tasks of a split, always the same ones; `size` takes or makes the first so many.

        Raises `ConfigError` on levels that it does not have and on a size that cannot be had.
        """
        return cls.source.task_set(cls.name, Split(split), size, levels)

    @classmethod
    def read_tasks(cls, path: Path, split: Split | str = Split.TEST) -> TaskSet:
        """Tasks from a file: JSON lines, or a format that the source has a reader for; `split` is that of those that name none.

        Raises `DataError` naming the file, the entry and the field.
        """
        return cls.source.read(cls.name, Path(path), Split(split), cls.check_task)

    @classmethod
    def check_task(cls, task: Task) -> None:
        """Raise `ValueError` or `KeyError` naming the field if ``task.data`` cannot be played."""
        cls.source.check_task(task)

    @classmethod
    def components(cls, task: Task) -> frozenset[str]:
        """What a task is made of that no two splits may share: its entity, story, claim, rule, world. By default its id."""
        return cls.source.components(task)

    @classmethod
    def hidden(cls, task: Task) -> tuple[Hidden, ...]:
        """The texts that an episode of `task` must not give away, and what may show each (`bao.task.Until`)."""
        return cls.source.hidden(task)

    @classmethod
    def scripted_policies(cls) -> Mapping[str, "Callable[[Gym, int], Policy]"]:
        """Scripted policies by name, each made from the gym that it will play in and a seed.

        ``oracle``, ``ask_all``, ``never_ask`` and ``random`` are always there.
        """
        return cls.source.policies

    @classmethod
    def bounds(cls) -> frozenset[str]:
        """Which of the scripted policies know the task, such as the oracle: frontier and report draw them as bounds."""
        return cls.source.bounds

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
        self._live = False
        opening = self.begin(task)
        if self.persona is not None:
            # Spawning takes nothing from the stream that the gym draws from. With the task in it, since the tasks of an
            # evaluation share a seed, and their users would all be vague, or wrong, at the same questions.
            drawn = int(self.np_random.spawn(1)[0].integers(2**32))
            chance = np.random.default_rng([drawn, crc32(task.id.encode())])
            self._persona_talk = PersonaSession(self.persona, self, self.questions, self.submissions, self.horizon, chance)
        self._live = True  # only now: where `begin` raises, no episode has begun
        return opening, {"task_id": task.id, "turn": 0}

    def step(self, action: Action) -> tuple[str, float, bool, bool, dict[str, Any]]:
        """One turn. ``info`` holds ``turn``, ``involves_user``, ``success`` and ``stop`` (a `StopReason` or None), and
        ``satisfaction`` where the user has a persona.

        Raises `RuntimeError` outside an episode, `ValueError` on a kind that the gym does not offer, and `FaultError` where
        the user simulator broke.
        """
        if not self._live:
            raise RuntimeError("the episode is over or has not begun: call reset() before step()")
        kind, content = action
        hook = self._hooks.get(kind)
        if hook is None:
            raise ValueError(f"{self.name} offers no action kind {kind!r}: {suggest(str(kind), map(str, self._hooks))}")
        turn = self._turn + 1
        talk = self._persona_talk
        reply, reward, done, success = hook(content) if talk is None else talk.respond(hook, kind, content)
        self._turn = turn  # only now: a turn in which the user broke has not been taken
        truncated = False
        stop = None
        if done:
            self._live = False
            stop = StopReason.SUCCESS if success else StopReason.FINISH if kind == ActionKind.FINISH else StopReason.FAILURE
        elif turn >= self.horizon:
            self._live = False
            truncated = True
            stop = StopReason.MAX_TURNS
        info: dict[str, Any] = {"turn": turn, "involves_user": self._involves[kind], "success": success, "stop": stop}
        if talk is not None:
            if talk.experience.left:
                info["stop"] = StopReason.USER_LEFT
            info["satisfaction"] = talk.satisfaction
        return reply, reward, done, truncated, info

    @property
    def np_random(self) -> np.random.Generator:
        if self._np_random is None:
            self._np_random = np.random.default_rng(getattr(self, "_seed", None))
        return self._np_random

    @np_random.setter
    def np_random(self, value: np.random.Generator) -> None:
        self._np_random = value


def _simulator(value: Simulator | Mapping[str, Any] | None, name: str) -> Simulator | None:
    if value is None:
        return None
    from bao.users.simulator import simulator  # HTTP and TLS take long to import, and most gyms do without

    return simulator(value, name)
