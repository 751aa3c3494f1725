"""Turtle with a model as its user: fixed sentences, exact scores, few calls, no way around the fence."""

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from bao.action import Action
from bao.errors import ConfigError
from bao.gyms.turtle import Turtle
from bao.gyms.turtle.llm import Answer, ModelUser, Word
from bao.gyms.turtle.tasks import load
from bao.gyms.turtle.user import ACCOUNT_WORDS_MOST, Refusal, Reply
from bao.task import Task
from bao.trajectory import StopReason
from bao.users.llm import Prompt
from tests.support.fake_simulator import FakeSimulator, broken
from tests.support.gyms import started as begin
from tests.support.made_up_tasks import BARE_GUEST

ANSWERS = {
    "Is he blind?": "yes",
    "Is he poor?": "no",
    "Was it in winter?": "does not matter",
    "Had he a sister?": "cannot say",
    "Why did he pay twice?": "no question",
}
REPLIES = [Reply.YES, Reply.NO, Reply.IRRELEVANT, Reply.UNKNOWN, Reply.OPEN]
BLIND, DOG = "The guest is blind, so he needs no light.", "He has a dog, and it makes noise by day."


def model(prompt: Prompt, schema: type[BaseModel]) -> dict[str, Any]:
    """Knows a few answers, and scores an account by words."""
    if schema is Answer:
        return {"thought": "He is blind.", "answer": ANSWERS.get(prompt.said["question"], "cannot say")}
    account = prompt.said["account"]
    scores = [float("blind" in account), float("robbed" in account), float("dog" in account), 0.5 if "noise" in account else 0]
    return {"thought": "He is blind.", "scores": scores}


def judging(scores: Sequence[Any]) -> FakeSimulator:
    return FakeSimulator(lambda prompt, schema: {"thought": "", "scores": scores})


def started(llm: FakeSimulator, judge: FakeSimulator | None = None, task: Task = BARE_GUEST, **settings: Any) -> Turtle:
    gym: Turtle = begin(Turtle, task, user="llm", llm=llm, judge=judge, **settings)
    return gym


# Questions.


def test_each_answer_of_the_model_has_its_fixed_sentence() -> None:
    llm = FakeSimulator(model)
    gym = started(llm)
    assert [gym.step(Action("action", question))[0] for question in ANSWERS] == REPLIES
    assert {Word(answer) for answer in ANSWERS.values()} == set(Word)
    assert llm.calls == len(ANSWERS)


def test_the_model_knows_the_story_and_what_was_asked_before_and_no_criterion() -> None:
    llm = FakeSimulator(model)
    gym = started(llm)
    for question in ("Is he blind?", "Is he poor?"):
        gym.step(Action("action", question))
    first, last = llm.prompts
    assert first.role == last.role
    assert all(BARE_GUEST.data[told] in first.role for told in ("title", "surface", "bottom"))
    assert not any(row["statement"] in first.role for row in BARE_GUEST.data["criteria"])
    assert first.said == {"question": "Is he blind?"}
    assert last.said == {"question": "Is he poor?", "history": json.dumps({"question": "Is he blind?", "answer": "yes"})}


def test_an_account_of_the_greatest_permitted_length_is_judged() -> None:
    llm = FakeSimulator(model)
    assert started(llm).step(Action("answer", "blind " * ACCOUNT_WORDS_MOST))[1] == 0.5


# Accounts.


def test_each_turn_pays_what_it_adds_to_the_best_account_and_shows_what_is_wholly_covered() -> None:
    """Half of a criterion earns half its weight and is not shown, as in UserRL."""
    gym = started(FakeSimulator(broken), FakeSimulator(model))
    first = gym.step(Action("answer", DOG))
    assert first[:3] == ("Covered: There is a dog. Something is still missing.", 0.25, False)
    second = gym.step(Action("answer", BLIND))
    assert second[:2] == ("Covered: He cannot see. Something is still missing.", 0.25)
    assert gym.step(Action("answer", "He was noise itself."))[:2] == ("No point is wholly covered yet.", 0.0)
    assert gym.step(Action("answer", f"{BLIND} {DOG} He was robbed."))[1] == pytest.approx(0.45)


def test_the_judge_sees_the_statements_in_order_and_no_weight() -> None:
    judge = FakeSimulator(model)
    started(FakeSimulator(broken), judge).step(Action("answer", BLIND))
    (prompt,) = judge.prompts
    places = [prompt.role.index(f"{n}. {row['statement']}") for n, row in enumerate(BARE_GUEST.data["criteria"], start=1)]
    assert places == sorted(places)
    assert BARE_GUEST.data["bottom"] in prompt.role
    heavier = replace(
        BARE_GUEST,
        data={
            **BARE_GUEST.data,
            "criteria": [
                {**row, "weight": weight}
                for row, weight in zip(BARE_GUEST.data["criteria"], ("0.1", "0.1", "0.1", "0.7"), strict=True)
            ],
        },
    )
    started(FakeSimulator(broken), judge, heavier).step(Action("answer", BLIND))
    assert judge.prompts[1] == prompt
    assert prompt.said == {"account": BLIND}


def test_weights_that_floats_cannot_add_up_end_in_success() -> None:
    assert 0.5 + 0.2 + 0.2 + 0.1 < 1
    reply, reward, terminated, _, info = started(judging([1, 1.0, 1, 1])).step(Action("answer", BLIND))
    assert (reply, reward, terminated, info["stop"]) == ("That is the hidden story.", 1.0, True, StopReason.SUCCESS)


@given(st.lists(st.sampled_from([0, 0.5, 1, 1.0, 0.0]), min_size=4, max_size=4))
def test_scores_are_added_exactly(scores: list[float]) -> None:
    judged = ModelUser(load(BARE_GUEST), FakeSimulator(broken), judging(scores)).judge(BLIND)
    assert judged.verdicts == tuple(Fraction(int(2 * score), 2) for score in scores)
    exact = sum((2 * int(2 * s) * w for s, w in zip(scores, (5, 2, 2, 1), strict=True)), 0)
    assert started(judging(scores)).step(Action("answer", BLIND))[1] == exact / 40


# Faults.


def test_a_judge_that_counted_wrongly_is_told_so_and_may_correct_itself() -> None:
    written = iter([[1], [0, 0, 1, 0.25], [0, 0, 1, 0.5]])
    judge = FakeSimulator(lambda prompt, schema: {"thought": "", "scores": next(written)}, tries=3)
    assert started(FakeSimulator(broken), judge).step(Action("answer", BLIND))[1] == 0.25
    assert judge.problems == [
        "scores holds 1 numbers, and there are 4 statements: give one for each",
        "scores holds 0.25: give 0, 0.5 or 1",
    ]


# Nothing leaks, and nobody is talked round.


@given(
    st.lists(st.tuples(st.sampled_from(["action", "answer", "none"]), st.text(max_size=60)), max_size=12),
    st.sampled_from(list(Word)),
    st.lists(st.sampled_from([0, 0.5, 1]), min_size=4, max_size=4),
)
def test_the_agent_sees_fixed_sentences_and_wholly_covered_statements_only(
    turns: list[tuple[str, str]], word: Word, scores: list[float]
) -> None:
    """Whatever a model writes: here it tells the bottom in every reply."""
    secret = BARE_GUEST.data["bottom"]
    llm = FakeSimulator(
        lambda prompt, schema: {
            "thought": secret,
            "hint": secret,
            **({"answer": word} if schema is Answer else {"scores": scores}),
        }
    )
    gym = started(llm)
    statements = [row["statement"] for row, score in zip(BARE_GUEST.data["criteria"], scores, strict=True) if score == 1]
    judged = f"Covered: {' '.join(statements)} Something is still missing." if statements else "No point is wholly covered yet."
    allowed = {"action": {*Reply}, "answer": {*Refusal, judged, "That is the hidden story."}}
    for kind, content in turns:
        reply, _, terminated, _, info = gym.step(Action(kind, content))
        assert reply in allowed[kind] if kind in allowed else reply.startswith("No action could be read")
        assert set(info) == {"turn", "involves_user", "success", "stop"}
        if terminated:
            break


# What the agent is told, and UserRL's stories.


def test_the_instructions_fit_the_backend() -> None:
    scripted, llm = (Turtle(user=user, llm=FakeSimulator(model)).instructions() for user in Turtle.user_backends)
    assert "lists alternatives or keywords, or that contradicts the story, counts for nothing" in scripted
    assert "lists alternatives or keywords counts for nothing, and so does what contradicts the story" in llm
    assert "clear without those before it" in llm
    assert "clear without those before it" not in scripted
    assert "at most 40 words" in llm
    assert "at most 100 words" in llm


def test_the_scripted_user_says_that_a_bare_story_needs_a_model() -> None:
    with pytest.raises(ConfigError, match="or make the gym with user='llm'"):
        Turtle().reset(seed=0, options={"task": BARE_GUEST})


def test_an_annotated_story_is_played_by_a_model_as_well() -> None:
    gym = Turtle(user="llm", llm=FakeSimulator(lambda prompt, schema: model(prompt, schema)))
    gym.reset(seed=0, options={"task": Turtle.task_set("test")[0]})
    assert gym.step(Action("action", "Is he blind?"))[0] == Reply.YES


def test_every_userrl_story_can_end_in_success_and_flawed_surfaces_stay_marked(userrl_data: Path) -> None:
    tasks = Turtle.read_tasks(userrl_data / "turtle" / "stories.json")
    counts = {load(task).bottom: len(task.data["criteria"]) for task in tasks}

    def all_told(prompt: Prompt, schema: type[BaseModel]) -> dict[str, Any]:
        return {
            "thought": "",
            "scores": [1] * counts[re.findall(r"Hidden story: (.*?)\n\nThe account", prompt.role, re.DOTALL)[0]],
        }

    gym = Turtle(user="llm", llm=FakeSimulator(all_told), success_threshold=1)
    for task in tasks:
        gym.reset(seed=0, options={"task": task})
        reply, reward, terminated, _, info = gym.step(Action("answer", "Everything is told."))
        assert (reply, reward, terminated, info["stop"]) == ("That is the hidden story.", 1.0, True, StopReason.SUCCESS)
    assert (len(tasks), sum("flaw" in task.data for task in tasks)) == (471, 12)


def test_userrls_replies_hide_the_story(userrl_data: Path) -> None:
    gym = Turtle(user="llm", llm=FakeSimulator(lambda prompt, schema: {"thought": prompt.role, "answer": "yes"}))
    for task in Turtle.read_tasks(userrl_data / "turtle" / "test.parquet"):
        opening, info = gym.reset(seed=0, options={"task": task})
        assert task.data["bottom"] not in opening
        assert info.keys() == {"task_id", "turn"}
        assert gym.step(Action("action", "Did somebody die?"))[0] == Reply.YES
