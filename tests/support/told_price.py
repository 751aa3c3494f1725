"""A scripted policy ``rational`` that goes by the price it is told, and gyms with the scripted policies that a test wants."""

import re
from collections.abc import Callable

import pytest

from bao.action import ActionKind, Parsed
from bao.gym import Gym
from bao.policies.scripted import turn
from bao.policy import Policy

MakeScripted = Callable[[Gym, int], Policy]
DEAR = 15
"""The price in percent from which on the policy below is silent."""


class Thrifty:
    """Plays as `within` where a user turn is cheap, and finishes at once where it is dear."""

    name = "rational"

    def __init__(self, within: Policy) -> None:
        self._within = within

    def begin(self, system: str, opening: str) -> None:
        price = re.search(r"a user turn costs (\d+) percent", system)
        self._silent = price is not None and int(price[1]) >= DEAR
        self._within.begin(system, opening)

    def act(self, observation: str) -> Parsed:
        return turn(ActionKind.FINISH) if self._silent else self._within.act(observation)


def with_policies(monkeypatch: pytest.MonkeyPatch, gym: type[Gym], **policies: MakeScripted | None) -> None:
    """Until the test ends, `gym` has these scripted policies too, and lacks those that are None."""
    there = {**gym.scripted_policies(), **policies}
    found = {name: make for name, make in there.items() if make is not None}
    monkeypatch.setattr(gym, "scripted_policies", staticmethod(lambda: found))


def thrifty(gym: Gym, seed: int) -> Policy:
    """As ``ask_needed``, which the gym has to have, up to `DEAR`."""
    return Thrifty(type(gym).scripted_policies()["ask_needed"](gym, seed))
