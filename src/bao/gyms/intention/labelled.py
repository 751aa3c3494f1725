"""Labelled questions for a model that plays or judges intention (`bao.gyms.probe`), about its frames as a whole."""

from collections.abc import Sequence

import numpy as np

from bao.gyms.intention.frames import Frame, all_frames
from bao.gyms.intention.llm import Judge, ModelUser
from bao.gyms.intention.tasks import MissingDetail, VagueTask
from bao.gyms.intention.user import Requester
from bao.gyms.probe import Heard, Probe
from bao.gyms.readings import every
from bao.users.llm import Simulator
from bao.users.voice import Voice

_LABELS = ("about nothing", "about one detail", "about several")


def user() -> Sequence[Probe]:
    """Whose words tell what was asked about, and nothing else."""
    return [_answered(*row) for row in _rows()]


def judge() -> Sequence[Probe]:
    return [_read(*row) for row in _rows()]


def _rows() -> list[tuple[VagueTask, str, tuple[int, ...]]]:
    """A request with all its details open, a question, and the indices of those that it is about."""
    requests = {frame.name: _whole(frame) for frame in all_frames()}
    rows = []
    for name, question, about in every("intention", "seen", "set_aside"):
        descriptions = [each.description for each in requests[name].missing]
        rows.append((requests[name], question, tuple(map(descriptions.index, about))))
    return rows


def _whole(frame: Frame) -> VagueTask:
    missing = [
        MissingDetail(description=d.description, importance=d.importance, inquiry=d.inquiry, options=list(d.options))
        for d in frame.details
    ]
    return VagueTask(category=frame.category, task=frame.task, missing_details=missing)


def _named(request: VagueTask, indices: Sequence[int]) -> str:
    return ", ".join(request.missing[index].description for index in indices) or "nothing"


def _read(request: VagueTask, question: str, about: tuple[int, ...]) -> Probe:
    def put(model: Simulator) -> Heard:
        found = Judge(model, request).read(question)
        return Heard(_named(request, found), set(found) == set(about), bool(found))

    return Probe(f"{request.task} {question}", _LABELS[min(len(about), 2)], put, yes=bool(about))


def _answered(request: VagueTask, question: str, about: tuple[int, ...]) -> Probe:
    def put(model: Simulator) -> Heard:
        asker = Requester(request, np.random.default_rng(0))
        asker.speaker = ModelUser(request.opening, Voice(model, asker.unsaid))
        asker.read = lambda _: about
        said = asker.answer(question)
        return Heard(said, not asker.repaired, repaired=asker.repaired)

    return Probe(f"{request.task} {question}", _LABELS[min(len(about), 2)], put, worded=True)
