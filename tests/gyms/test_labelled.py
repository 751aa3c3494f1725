"""The labelled questions: each is the model's to answer, one that is right about all of them is fit, one that nods is not."""

from collections import Counter
from typing import Any

import pytest
from pydantic import BaseModel

from bao.checks.model import ask, sample
from bao.checks.verdict import ModelVerdict, judge_outcomes
from bao.errors import ConfigError
from bao.gyms.probe import Probe, Role, probes
from bao.trajectory import FaultError
from bao.users.llm import Prompt
from tests.support.fake_simulator import FakeSimulator, broken
from tests.support.perfect import perfect

JUDGED = ("telepathy", "turtle", "intention", "travel", "search")
SETS = [(gym, Role.USER) for gym in (*JUDGED, "persuade", "tau")] + [(gym, Role.JUDGE) for gym in JUDGED]
WORDED = [("intention", Role.USER), ("travel", Role.USER), ("tau", Role.USER)]
"""Where no answer is a yes."""
every_set = pytest.mark.parametrize(("gym", "role"), SETS)


def verdict(gym: str, role: Role, respond: Any) -> ModelVerdict:
    return judge_outcomes([ask(probe, lambda notice: FakeSimulator(respond)) for probe in probes(gym, role)])


@every_set
def test_each_is_put_to_the_model_and_named_once(gym: str, role: Role) -> None:
    found = probes(gym, role)
    assert len({probe.name for probe in found}) == len(found) >= 30
    for probe in found:
        with pytest.raises(FaultError):
            probe.put(FakeSimulator(broken))


@every_set
def test_a_model_that_is_always_right_is_fit(gym: str, role: Role) -> None:
    found = verdict(gym, role, perfect(gym, role))
    assert found.mistakes == ()
    assert found.reasons == ()
    assert (found.leaks, found.malformed, found.repaired, found.faults) == (0, 0, 0, {})
    assert found.accuracy in (1.0, None)
    assert found.yes is None or found.yes["bias"] == 0


def nods(prompt: Prompt, schema: type[BaseModel]) -> dict[str, Any]:
    """Yes to everything, in every gym."""
    listed = prompt.role.count("(such as: ")
    count = prompt.role.partition("judged by these ")[2].partition(" ")[0]
    said = {"answer": "yes", "same": True, "equivalent": True, "scores": [1] * int(count or 1), "stance": "Strongly Disagree"}
    return {"thought": "", "reply": "Yes.", "covered": list(range(listed)), "about": "area", **said}


@pytest.mark.parametrize(("gym", "role"), [each for each in SETS if each not in WORDED])
def test_a_model_that_says_yes_to_everything_is_unfit(gym: str, role: Role) -> None:
    found = verdict(gym, role, nods)
    assert not found.fit
    assert found.accuracy is not None
    assert found.accuracy < 0.75


@pytest.mark.parametrize("gym", ["intention", "travel"])
def test_a_user_whose_words_never_serve_is_unfit_though_rules_say_them(gym: str) -> None:
    found = verdict(gym, Role.USER, lambda prompt, schema: {"reply": ""})
    assert (found.accuracy, found.own_words, found.faults) == (None, 0, {})
    assert found.repaired == found.questions
    assert "rules say the others" in found.reasons[0]


def test_telepathys_yes_and_no_are_asked_for_equally_often() -> None:
    counts = Counter(probe.label for probe in probes("telepathy", Role.USER))
    assert counts["yes"] == counts["no"] > 100
    found = verdict("telepathy", Role.USER, nods)
    assert found.yes is not None
    assert found.yes["bias"] == pytest.approx(0.5, abs=0.01)
    assert found.yes["of_wrong"] == 1


def test_a_gym_or_a_role_without_labelled_questions_is_named() -> None:
    with pytest.raises(ConfigError, match="no labelled questions for a judge: check user instead"):
        probes("persuade", Role.JUDGE)
    with pytest.raises(ConfigError, match="no labelled questions for a user: gyms with some: intention"):
        probes("function", Role.USER)


def test_a_sample_keeps_the_classes_in_their_shares() -> None:
    def probe(name: str, label: str) -> Probe:
        return Probe(name, label, lambda model: pytest.fail("asked"))

    found = [probe(f"a{n}", "a") for n in range(90)] + [probe(f"b{n}", "b") for n in range(90)]
    found += [probe(f"c{n}", "c") for n in range(20)]
    chosen = sample(found, 100)
    assert Counter(each.label for each in chosen) == {"a": 45, "b": 45, "c": 10}
    assert sample(found, 100) == chosen
    assert sample(found, 1000) == found
    assert Counter(each.label for each in sample(found, 40))["c"] == 8, "of a small class a few at least"
