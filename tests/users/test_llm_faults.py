"""A user that fails three times in ten, in every way there is, changes which episodes count, never what they are worth."""

import re
from collections import Counter
from functools import partial
from typing import Any

import pytest

from bao import make
from bao.gyms.travel import Travel
from bao.gyms.travel.catalogue import VALUE_ATTRIBUTE
from bao.gyms.travel.llm import _EVADED
from bao.gyms.travel.user import ScriptedTraveller, Topic
from bao.measures import fault_counts, healthy, summarize
from bao.rollout.episodes import play_all
from bao.task import Split
from bao.trajectory import Fault, StopReason, Trajectory
from tests.support.stub_endpoint import Kind, Messages, StubEndpoint

EPISODES = 1000
RATE, LEAKS = 0.3, 0.08
_QUESTION = re.compile(r"<question \w+>\n(.*)\n</question \w+>", re.DOTALL)
_FACT = re.compile(r'^\w+, \w+: "(\w+)"$', re.MULTILINE)


def judges(messages: Messages) -> bool:
    return "You say what the agent's question to the user is about" in messages[0]["content"]


def healthy_answer(messages: Messages) -> dict[str, Any]:
    """What a faithful judge and a faithful user say."""
    question = _QUESTION.search(messages[1]["content"])
    assert question is not None
    if judges(messages):
        return {"about": ScriptedTraveller.classify(question[1]) or "vague"}
    known = _FACT.search(messages[0]["content"])
    return {"reply": f"I would like {known[1]}." if known else "What do you mean?"}


def leaking_answer(messages: Messages) -> dict[str, Any]:
    """A judge has nothing to give away; a user blurts out what else there might be."""
    answer = healthy_answer(messages)
    return answer if judges(messages) else {"reply": f"{answer['reply']} Or {', '.join(list(VALUE_ATTRIBUTE)[::3])}."}


def played(stub: StubEndpoint, **settings: Any) -> list[Trajectory]:
    llm = {"model": "stub", "base_url": stub.base_url, "backoff": 0.01, "concurrency": 32, **settings}
    return play_all(
        partial(make, "travel", user="llm", llm=llm),
        Travel.scripted_policies()["teacher"],
        Travel.task_set(Split.TEST, 200).tasks,
        range(EPISODES // 200),
        concurrency=32,
        retries=0,
    )


@pytest.mark.slow
def test_a_thousand_episodes_with_a_user_that_fails_in_every_way() -> None:
    with StubEndpoint(healthy_answer) as stub:
        sound = played(stub)
    # Leaks come more often than the rest: only one that comes twice in a row ends an episode, and only wordings can leak.
    faults = dict.fromkeys(Kind, (RATE - LEAKS) / (len(Kind) - 1)) | {Kind.LEAK: LEAKS}
    with StubEndpoint(healthy_answer, leak=leaking_answer, faults=faults, seed=1, retry_after="0.02") as stub:
        shaken = played(stub, timeout=0.5, attempts=2)
        drawn = stub.drawn
    assert all(episode.fault is None for episode in sound)
    assert len(shaken) == len(sound) == EPISODES

    # Every kind really came, three times in ten in all.
    assert set(Kind) <= set(drawn)
    assert sum(drawn[kind] for kind in Kind) / drawn.total() == pytest.approx(RATE, abs=0.02)

    # The counts add up, and both what broke on the way and what broke in the reply was met.
    counted = fault_counts(shaken)
    assert sum(counted.values()) + len(healthy(shaken)) == EPISODES
    assert counted == {str(fault): n for fault in Fault for n in [Counter(e.fault for e in shaken)[fault]]}
    for fault in (Fault.USER_TIMEOUT, Fault.USER_UNAVAILABLE, Fault.USER_MALFORMED):
        assert counted[fault] > 0, counted
    assert counted[Fault.USER_LEAK] == 0, "what leaks is known, and said by rule"
    assert summarize(shaken)["repaired"]["mean"] > 0 == summarize(sound)["repaired"]["mean"]

    # An episode that a fault ended is marked as one, and no measure sees it. All others are what they would have been.
    summary = summarize(shaken)
    assert summary["episodes"] == len(healthy(shaken))
    assert summary["faults"] == counted
    for episode, expected in zip(shaken, sound, strict=True):
        assert (episode.task_id, episode.seed) == (expected.task_id, expected.seed)
        if episode.fault is not None:
            assert (episode.stop, episode.success) == (StopReason.FAULT, False)
            assert [t.action for t in episode.turns] == [t.action for t in expected.turns[: len(episode.turns)]]
        else:
            assert [(t.action, t.reward) for t in episode.turns] == [(t.action, t.reward) for t in expected.turns]
            assert sum(t != o for t, o in zip(episode.turns, expected.turns, strict=True)) <= (episode.repaired or 0)
            assert (episode.stop, episode.success) == (expected.stop, expected.success)

    # The agent was told nothing but what a healthy user says, or a rule.
    told = {turn.reply for episode in sound for turn in episode.turns}
    told |= {turn.reply.replace("What do you mean?", _EVADED[Topic.VAGUE]) for episode in sound for turn in episode.turns}
    assert {turn.reply for episode in shaken for turn in episode.turns} <= told

    # Which episodes are lost depends on how much they ask, so means may differ by that; within their intervals they do not.
    expected_summary = summarize(sound)
    for measure in ("score", "success", "user_effort"):
        a, b = summary[measure], expected_summary[measure]
        assert a["low"] <= b["mean"] <= a["high"], (measure, a, b)
