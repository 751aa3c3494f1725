"""What the user of every gym can do, and that a gym states it once."""

from typing import ClassVar

import numpy as np
import pytest

from bao.action import Action, Outcome
from bao.errors import ConfigError
from bao.gyms.registry import gym_class, gym_names, make
from bao.user import ASKED_ONLY, Trait, User


class Parrot(User):
    def answer(self, question: str) -> str:
        return question


def test_a_user_who_only_answers_has_nothing_to_tell_and_errs_in_nothing() -> None:
    user, rng = Parrot(), np.random.default_rng(0)
    assert (user.answer("Well?"), user.volunteer(rng), user.mistaken("Well?", rng)) == ("Well?", None, None)
    assert user.evadable("Well?")


PLAYED = [name for name in gym_names() if gym_class(name).questions & gym_class(name).kinds]
"""The gyms in which somebody can be asked."""


@pytest.mark.parametrize("name", PLAYED)
def test_a_user_can_do_what_its_gym_states(name: str) -> None:
    """And no more: what a user class writes of its own is among the traits."""
    gym = make(name)
    gym.reset(seed=0, options={"task": gym.task_set("test", 1)[0]})
    kind = type(gym.user)
    for trait, hook in ((Trait.VOLUNTEERING, "volunteer"), (Trait.MISTAKES, "mistaken")):
        assert (trait in gym.persona_traits()) == (getattr(kind, hook) is not getattr(User, hook)), trait
    assert set(ASKED_ONLY) <= set(gym.persona_traits())


@pytest.mark.parametrize("name", PLAYED)
def test_a_question_goes_to_the_user_of_the_episode(name: str) -> None:
    """A gym does not ask of which class its user is: whoever answers takes the place."""

    class Deaf(Parrot):
        def answer(self, question: str) -> str:
            return "Pardon?"

        reply = property(lambda self: lambda message: type("Reply", (tuple,), {})(("Pardon?", False)))
        ask = property(lambda self: lambda question: ("Pardon?", []))

        def outcome(self, reply: str, reward: float) -> Outcome:
            return Outcome(reply, reward)

    gym = make(name)
    gym.reset(seed=0, options={"task": gym.task_set("test", 1)[0]})
    gym.user = Deaf()
    assert gym.step(Action("action", "Well?"))[0] == "Pardon?"
    assert (gym.volunteer(gym.np_random), gym.mistaken("Well?", gym.np_random)) == (None, None)


@pytest.mark.parametrize("name", PLAYED)
def test_traits_are_stated_for_users_that_the_gym_has(name: str) -> None:
    cls = gym_class(name)
    assert set(cls.traits) <= set(cls.user_backends)
    assert all(tuple(trait for trait in Trait if trait in traits) == traits for traits in cls.traits.values())


def test_a_trait_that_is_not_stated_is_refused_with_those_that_are() -> None:
    with pytest.raises(ConfigError, match=r"persona\.volunteering=0\.35 is not supported by the gym 'turtle' .*mistakes\)"):
        make("turtle", persona="chatty")


def test_hooks_that_a_gym_writes_itself_count_as_stated() -> None:
    class Eager(gym_class("telepathy")):  # type: ignore[misc]
        traits: ClassVar[dict[str, tuple[Trait, ...]]] = {}

        def volunteer(self, rng: np.random.Generator) -> Outcome | None:
            return Outcome("By the way.")

    assert Eager().persona_traits() == (*ASKED_ONLY, Trait.VOLUNTEERING)
    assert Eager(user="judge").persona_traits() == ASKED_ONLY
