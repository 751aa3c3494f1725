"""Labelled questions for a model that plays or judges travel (`bao.gyms.probe`), for a trip on which everything is booked."""

from collections.abc import Sequence
from typing import cast

import numpy as np

from bao.gyms.probe import Heard, Probe
from bao.gyms.readings import every
from bao.gyms.travel.catalogue import ASPECTS, ATTRIBUTE_ASPECT
from bao.gyms.travel.llm import ModelTraveller, Reading
from bao.gyms.travel.user import Topic
from bao.users.llm import Check, Prompt, Reply, Simulator

_NOTHING = "nothing"
_WISHES = {name: {key: values[0] for key, values in aspect.attributes.items()} for name, aspect in ASPECTS.items()}


def user() -> Sequence[Probe]:
    """Whose words tell the wish that was asked for, and nothing else."""
    return [_answered(question, about) for question, about in every("travel", "seen", "set_aside")]


def judge() -> Sequence[Probe]:
    return [_read(question, about) for question, about in every("travel", "seen", "set_aside")]


class _Reads:
    """A judge that is always right."""

    def __init__(self, about: str) -> None:
        self._reading = Reading(about=Topic.VAGUE if about == _NOTHING else about)

    def ask(self, prompt: Prompt, schema: type[Reply], check: Check[Reply] | None = None) -> Reply:
        return cast("Reply", self._reading)


def _traveller(model: Simulator, judge: Simulator) -> ModelTraveller:
    return ModelTraveller(_WISHES, np.random.default_rng(0), 99, model=model, judge=judge)


def _label(about: str) -> str:
    return _NOTHING if about == _NOTHING else f"the {ATTRIBUTE_ASPECT[about]}"


def _read(question: str, about: str) -> Probe:
    def put(model: Simulator) -> Heard:
        found = _traveller(model, model).read(question)
        said = found if found in ATTRIBUTE_ASPECT else _NOTHING
        return Heard(str(found), said == about, said != _NOTHING)

    return Probe(question, _label(about), put, yes=about != _NOTHING)


def _answered(question: str, about: str) -> Probe:
    def put(model: Simulator) -> Heard:
        traveller = _traveller(model, _Reads(about))
        said = traveller.answer(question)
        return Heard(said, not traveller.repaired, repaired=traveller.repaired)

    return Probe(question, _label(about), put, worded=True)
