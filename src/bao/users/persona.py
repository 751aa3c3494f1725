"""Personas: how a user takes being asked, over the user of any gym, scripted or a language model.

A persona stands between the agent and the gym's hooks. It can let the user leave (*patience*), evade a question
(*vagueness*), tell something unasked (*volunteering*) or say something wrong (*mistakes*). Patience and vagueness need
nothing of a gym but that it has somebody to ask (`bao.gym.Gym.questions`); the others take a user who can (`bao.user.User`), as
a gym states in `Gym.traits`. A trait that a user cannot have is refused instead of being ignored.

Chance comes from a generator spawned from the episode's own, so the gym's random stream is what it is without a persona, and
what the user has been asked, and answers, is worded as it would be.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from bao.action import Outcome
from bao.errors import ConfigError, suggest
from bao.user import Character, Trait
from bao.users.repetition import gist, same
from bao.users.satisfaction import UserExperience, satisfaction

VAGUE = (
    "Hm, let me think about that one.",
    "I do not have that in my head just now.",
    "Good question. I would have to think.",
    "Well, you know how it is.",
)
OUT_OF_PATIENCE = "I have no time for more questions. Goodbye."
ASKED_ALREADY = "You have asked me that already. Goodbye."


@dataclass(frozen=True, slots=True)
class Persona:
    """How a user takes being asked. The defaults are a user without traits. Raises `ConfigError` on values out of range."""

    patience: int | None = None
    """Questions that the user answers; at the next one the user leaves. None: never leaves."""
    repeats: int = 0
    """Repeated questions that a user with patience bears; at the next one the user leaves."""
    vagueness: float = 0.0
    """Probability that a question is answered vaguely. Nothing is lost: the same question may be asked again, and that is no
    repetition."""
    volunteering: float = 0.0
    """Probability that an answer to a question also tells something unasked."""
    mistakes: float = 0.0
    """Probability that the answer to a question is wrong, where the gym has something to get wrong there. Each question is
    taken anew, so asking once more mostly gives the truth; but it is a repetition."""

    def __post_init__(self) -> None:
        for name, least in (("patience", 1), ("repeats", 0)):
            value = getattr(self, name)
            if (name, value) != ("patience", None) and (type(value) is not int or value < least):
                raise ConfigError(f"persona.{name}={value!r} must be a whole number of at least {least}")
        if self.repeats and self.patience is None:
            raise ConfigError(f"persona.repeats={self.repeats} has no effect on a user who never leaves: set patience as well")
        for name in (Trait.VAGUENESS, Trait.VOLUNTEERING, Trait.MISTAKES):
            value = getattr(self, name)
            if type(value) not in (int, float) or not 0 <= value <= 1:
                raise ConfigError(f"persona.{name}={value!r} must be a probability, from 0 to 1")

    @property
    def traits(self) -> tuple[Trait, ...]:
        """The traits that it has."""
        return tuple(trait for trait in Trait if getattr(self, trait))


PRESETS: Mapping[str, Persona] = {
    "patient": Persona(patience=12, repeats=2),
    "busy": Persona(patience=4),
    "vague": Persona(vagueness=0.35),
    "chatty": Persona(volunteering=0.35),
    "unreliable": Persona(vagueness=0.1, mistakes=0.2),
}
"""Personas by name: values set by hand to be told apart, measured on nobody."""

_SETTINGS = ("preset", *(field.name for field in fields(Persona)))


def read_persona(value: "str | Mapping[str, Any] | Persona") -> Persona:
    """A persona from a setting: a preset's name, or a mapping of `Persona`'s fields, with ``preset`` to start from one.

    Raises `ConfigError` naming the key, the value and the fix.
    """
    if isinstance(value, Persona):
        return value
    if isinstance(value, str):
        if value not in PRESETS:
            raise ConfigError(f"persona={value!r} is unknown: {suggest(value, PRESETS)}")
        return PRESETS[value]
    if not isinstance(value, Mapping):
        raise ConfigError(f"persona={value!r} must be a name ({', '.join(PRESETS)}) or a table such as {{patience = 4}}")
    for key in value:
        if key not in _SETTINGS:
            raise ConfigError(f"persona.{key} is no setting: {suggest(str(key), _SETTINGS)}")
    given = dict(value)
    base = read_persona(given.pop("preset")) if "preset" in given else Persona()
    return Persona(**{field.name: given.get(field.name, getattr(base, field.name)) for field in fields(Persona)})


def check_supported(persona: Persona, supported: Sequence[Trait], where: str) -> None:
    """Raises `ConfigError` naming the first trait that the user of `where`, a gym, cannot have."""
    for trait in persona.traits:
        if trait not in supported:
            raise ConfigError(
                f"persona.{trait}={getattr(persona, trait)} is not supported by {where} "
                f"(supported: {', '.join(supported) or 'no trait'}): leave {trait} out"
            )


class PersonaSession:
    """One episode of `user` with a persona.

    `questions` and `submissions`: the kinds of action that the user answers and judges. `most`: the questions after which a
    user without patience would have had enough. `rng` is the persona's own.
    """

    def __init__(
        self,
        persona: Persona,
        user: Character,
        questions: Collection[str],
        submissions: Collection[str],
        most: int,
        rng: np.random.Generator,
    ) -> None:
        self._persona, self._user = persona, user
        self._questions, self._submissions, self._most = questions, submissions, most
        # Decisions and words have streams of their own, so that what is said does not shift what will be decided.
        self._chance, self._words = rng.spawn(2)
        self._answered: list[frozenset[str]] = []
        self.experience = UserExperience()

    @property
    def satisfaction(self) -> float:
        """The estimate for the episode as it stands, in [0, 1]. See `bao.users.satisfaction`."""
        return satisfaction(self.experience, self._persona.patience or self._most)

    def respond(self, hook: Callable[[str], Outcome], kind: str, content: str) -> Outcome:
        """What an action leads to: what the gym's `hook` gives, unless the persona comes between."""
        if kind in self._questions:
            outcome = self._question(hook, content)
        else:
            outcome = hook(content)
            if kind in self._submissions and outcome.reward <= 0 and not outcome.success:
                self.experience.wrong += 1
        self.experience.earned += outcome.reward
        self.experience.success = outcome.success
        return outcome

    def _question(self, hook: Callable[[str], Outcome], content: str) -> Outcome:
        persona, experience = self._persona, self.experience
        # Three draws for every question, used or not, so that a trait's chances do not depend on the other traits.
        vague, wrong, more = (self._chance.random(3) < (persona.vagueness, persona.mistakes, persona.volunteering)).tolist()
        asked = gist(content)
        repeated = any(same(asked, before) for before in self._answered)
        experience.questions += 1
        experience.repeated += repeated
        if persona.patience is not None:
            if repeated and experience.repeated > persona.repeats:
                return self._leave(ASKED_ALREADY)
            if experience.questions > persona.patience:
                return self._leave(OUT_OF_PATIENCE)
        if vague and self._user.evadable(content):
            outcome = Outcome(VAGUE[int(self._words.integers(len(VAGUE)))])
        else:
            if not repeated:
                self._answered.append(asked)
            outcome = (self._user.mistaken(content, self._words) if wrong else None) or hook(content)
        if more and not outcome.done:
            return self._with_more(outcome)
        return outcome

    def _with_more(self, outcome: Outcome) -> Outcome:
        told = self._user.volunteer(self._words)
        if told is None:
            return outcome
        return Outcome(f"{outcome.reply} {told.reply}", outcome.reward + told.reward, told.done, told.success)

    def _leave(self, words: str) -> Outcome:
        self.experience.left = True
        return Outcome(words, done=True)
