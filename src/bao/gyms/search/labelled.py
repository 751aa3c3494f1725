"""Labelled questions and answers for a model that plays or judges search (`bao.gyms.probe`).

The user knows one made-up thing by all that a user may know of its kind. Where candidates are named, the thing that it means
is once among them and once not, where that can be.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from bao.gyms.probe import Heard, Probe
from bao.gyms.readings import every
from bao.gyms.search.judge import ExactJudge, Verdict
from bao.gyms.search.llm import LLMAsker, LLMJudge
from bao.gyms.search.relations import Kind
from bao.gyms.search.user import Meant
from bao.users.llm import Simulator

CANDIDATES: Mapping[Kind, tuple[str, ...]] = {
    Kind.COMPANY: ("Cosorin Works", "Havella Brothers", "Solamont and Sons"),
    Kind.PERSON: ("Ada Finch", "Bruno Lovell"),
    Kind.CLUB: ("Aldford Rovers", "Aldford Swifts"),
    Kind.BRIDGE: ("Balado Bridge", "Fusarc Bridge", "Rosova Bridge"),
    Kind.BOOK: ("The Idle Ferry", "The Last Garden"),
}
_QUESTION: Mapping[Kind, str] = {
    Kind.COMPANY: "How many people work for the maker of clocks from Aldford?",
    Kind.PERSON: "In which town did the poet die?",
    Kind.CLUB: "How many seats has the ground of the club from Aldford?",
    Kind.BRIDGE: "Which river does the old bridge cross?",
    Kind.BOOK: "How many pages has the first novel of Joan Hill?",
}
_FACTS: Mapping[Kind, Mapping[str, str]] = {
    Kind.COMPANY: {"founded": "1874", "founder": "Clara Reed", "emblem": "otter", "owner": "Melvane Mills"},
    Kind.PERSON: {"born": "1823", "studied": "Northgate School", "teacher": "Edwin Marsh"},
    Kind.CLUB: {"colours": "green and gold", "coach": "Hugo Lane", "founded": "1896"},
    Kind.BRIDGE: {"architect": "Ida Quill", "material": "brick", "span": "412", "opened": "1861"},
    Kind.BOOK: {"published": "1931", "publisher": "Harrow Press", "setting": "Norwick"},
}
_NO = re.compile(r"\b(?:no|not|none|neither|nor|never)\b|n't\b", re.IGNORECASE)


def user() -> Sequence[Probe]:
    found: list[Probe] = []
    for kind, question, reading in every("search", "seen", "set_aside"):
        found += _of(Kind(kind), question, reading)
    return found


def judge() -> Sequence[Probe]:
    return [_judged(*row) for row in every("search", "answers")]


def _of(kind: Kind, question: str, reading: str) -> Iterator[Probe]:
    if not reading.startswith("candidates"):
        yield _told(kind, question, reading)
        return
    named = {int(place) for place in reading.split()[1:]}
    others = [place for place in range(len(CANDIDATES[kind])) if place not in named]
    for place in (max(named), *others[:1]):
        yield _named(kind, question, place, place in named)


def _asker(kind: Kind, place: int, model: Simulator) -> LLMAsker:
    return LLMAsker(_QUESTION[kind], Meant(kind, CANDIDATES[kind], place, _FACTS[kind], ()), ("unknown to the user",), model)


def _told(kind: Kind, question: str, reading: str) -> Probe:
    def put(model: Simulator) -> Heard:
        asker = _asker(kind, 0, model)
        said = asker.answer(question)
        told = [relation for relation, value in _FACTS[kind].items() if value.casefold() in said.casefold()]
        denied = not told and _is_closed(question) and bool(_NO.search(said))  # what was suggested is another value
        right = not told if reading == "nothing" else told == [reading] or denied
        return Heard(said, right, repaired=asker.repaired)

    return Probe(f"{kind}: {question}", "asks for nothing" if reading == "nothing" else "asks for a fact", put)


def _is_closed(question: str) -> bool:
    return question.split()[0].casefold() in ("is", "was", "do", "does", "did", "has", "have", "are")


def _named(kind: Kind, question: str, place: int, right: bool) -> Probe:
    def put(model: Simulator) -> Heard:
        asker = _asker(kind, place, model)
        said = asker.answer(question)
        name = CANDIDATES[kind][place].casefold().removeprefix("the ")
        yes = name in said.casefold() or not _NO.search(said)
        return Heard(said, yes == right, yes, asker.repaired)

    label = "names what is meant" if right else "names others only"
    return Probe(f"{kind}: {question} ({CANDIDATES[kind][place]} is meant)", label, put, yes=right)


def _judged(question: str, gold: str, answer: str, right: bool) -> Probe:
    def put(model: Simulator) -> Heard:
        said = LLMJudge(question, (gold,), ExactJudge((gold,)), model).judge(answer) is Verdict.RIGHT
        return Heard("right" if said else "wrong", said is right, said)

    return Probe(f"{question} {answer}", "right" if right else "wrong", put, yes=right)
