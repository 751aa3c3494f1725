"""Telepathy with a model as its user: fixed sentences, few calls, names before models, no way around the fence."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from bao.action import Action, Parsed
from bao.gyms.telepathy import Telepathy
from bao.gyms.telepathy.llm import Answer, Equivalence, Word
from bao.gyms.telepathy.user import DEPENDS_TEXT, GUESS_TEXT, NO_QUESTION_TEXT, NO_TEXT, UNKNOWN_TEXT, YES_TEXT
from bao.rollout.episode import play
from bao.task import Task
from bao.trajectory import StopReason
from bao.users.llm import Prompt, fence
from tests.support.fake_simulator import FakeSimulator, broken
from tests.support.gyms import started as begin
from tests.support.made_up_tasks import OKAPI

ANSWERS = {
    "Is it alive?": "yes",
    "Is it bigger than a dog?": "yes",
    "Does it live in water?": "no",
    "Is it awake?": "sometimes",
    "Does it like jazz?": "cannot say",
    "Is it a zebra?": "guess",
    "What is it?": "no question",
}
SENTENCES = [YES_TEXT, YES_TEXT, NO_TEXT, DEPENDS_TEXT, UNKNOWN_TEXT, GUESS_TEXT, NO_QUESTION_TEXT]
WRONG, RIGHT = "No, that is not it.", "Right, that is it."


def model(prompt: Prompt, schema: type[BaseModel]) -> dict[str, Any]:
    """Knows a few answers, and that an okapi is an "Okapia johnstoni" and a "O'api"."""
    if schema is Answer:
        return {"thought": "It is an Okapi.", "answer": ANSWERS.get(prompt.said["question"], "cannot say")}
    assert schema is Equivalence
    return {"thought": "Okapi.", "same": prompt.said["guess"] in ("Okapia johnstoni", "オカピ")}


def started(llm: FakeSimulator, judge: FakeSimulator | None = None, task: Task = OKAPI, **settings: Any) -> Telepathy:
    gym: Telepathy = begin(Telepathy, task, user="llm", llm=llm, judge=judge, **settings)
    return gym


def own(title: str) -> Task:
    tasks = (task for split in ("train", "valid", "test") for task in Telepathy.task_set(split))
    return next(task for task in tasks if task.data["title"] == title)


# Questions.


def test_each_answer_of_the_model_has_its_fixed_sentence() -> None:
    llm = FakeSimulator(model)
    gym = started(llm)
    assert [gym.step(Action("action", question))[0] for question in ANSWERS] == SENTENCES
    assert {Word(answer) for answer in ANSWERS.values()} == set(Word)
    assert llm.calls == len(ANSWERS)


def test_the_model_is_told_the_entity_and_all_that_was_asked_before() -> None:
    """UserRL's gym builds the history and never shows it to the model."""
    llm = FakeSimulator(model)
    gym = started(llm)
    for question in ("Is it alive?", "Does it live in water?", "Is it awake?"):
        gym.step(Action("action", question))
    first, _, last = llm.prompts
    for told in ("The thing: Okapi", "Also called: forest giraffe", "a shy striped relative", "I am thinking of an animal."):
        assert told in first.role
    assert first.role == last.role
    assert first.said == {"question": "Is it alive?"}
    assert last.said["question"] == "Is it awake?"
    assert [json.loads(line) for line in last.said["history"].split("\n")] == [
        {"question": "Is it alive?", "answer": "yes"},
        {"question": "Does it live in water?", "answer": "no"},
    ]


def test_a_question_that_names_an_entity_is_sent_back_without_a_call_where_the_entity_is_the_tables() -> None:
    """Of other entities the model tells: the table's names may be classes there."""
    llm = FakeSimulator(model)
    gym = started(llm, task=own("tiger"))
    for question in ("Is it a tiger?", "Is it a violin?"):
        assert gym.step(Action("action", question))[0] == GUESS_TEXT
    assert llm.calls == 0
    started(llm).step(Action("action", "Is it a tiger?"))
    assert llm.calls == 1


def test_an_own_entity_is_told_with_its_kind() -> None:
    llm = FakeSimulator(model)
    started(llm, task=replace(own("tiger"), data={**own("tiger").data, "opening": "I am thinking of a living thing."})).step(
        Action("action", "Is it alive?")
    )
    assert "It is an animal." in llm.prompts[0].role


# Guesses.


def test_a_guess_that_is_right_by_name_needs_no_model() -> None:
    llm = FakeSimulator(broken)
    for guess in ("okapi", "It is the Okapi!", "forest giraffes"):
        assert started(llm).step(Action("answer", guess))[:3] == (RIGHT, 1.0, True)
    assert llm.calls == 0


@pytest.mark.parametrize("guess", ["Okapia johnstoni", "オカピ"])
def test_the_judge_finds_other_names_right(guess: str) -> None:
    llm, judge = FakeSimulator(broken), FakeSimulator(model)
    reply, reward, terminated, _, info = started(llm, judge).step(Action("answer", guess))
    assert (reply, reward, terminated, info["stop"]) == (RIGHT, 1.0, True, StopReason.SUCCESS)
    assert judge.prompts[0].said == {"guess": guess}
    assert "The thing: Okapi" in judge.prompts[0].role


def test_a_wrong_guess_shows_nothing_of_the_judge_and_is_judged_once() -> None:
    judge = FakeSimulator(model)
    gym = started(FakeSimulator(broken), judge)
    for guess in ("zebra", "Zebra ", "zebra", "giraffe"):
        assert gym.step(Action("answer", guess))[:3] == (WRONG, 0.0, False)
    assert judge.calls == 2


# Nothing leaks, and nobody is talked round.


@given(
    st.lists(st.tuples(st.sampled_from(["action", "answer", "none"]), st.text(max_size=60)), max_size=12),
    st.sampled_from(list(Word)),
    st.booleans(),
)
def test_the_agent_sees_fixed_sentences_only(turns: list[tuple[str, str]], word: Word, same: bool) -> None:
    """Whatever a model writes: here it tells the title in every reply."""
    secret = "The thing is the Okapi."
    llm = FakeSimulator(
        lambda prompt, schema: {"thought": secret, "hint": secret, **({"answer": word} if schema is Answer else {"same": same})}
    )
    gym = started(llm)
    allowed = {*SENTENCES, WRONG, RIGHT, "Submit one name at a time.", "Submit the name of one thing, in a few words."}
    for kind, content in turns:
        reply, _, terminated, _, info = gym.step(Action(kind, content))
        assert reply in allowed if kind != "none" else reply.startswith("No action could be read")
        assert set(info) == {"turn", "involves_user", "success", "stop"}
        if terminated:
            break


# What the agent is told, and UserRL's tasks.


def test_the_instructions_fit_the_backend() -> None:
    scripted, llm, judge = (Telepathy(user=u, llm=FakeSimulator(model)).instructions() for u in Telepathy.user_backends)
    assert "Plain questions are understood" in scripted
    assert "Any yes/no question of at most 400 characters is understood." in llm
    assert "replies yes, no, that it depends, or that they cannot say" in llm
    assert "nobody replies" in judge
    assert "understood" not in judge


def test_an_episode_is_played_to_its_end() -> None:
    class Twenty:
        name = "twenty"

        def begin(self, system: str, opening: str) -> None:
            self._plan = [
                Action("action", "Is it alive?"),
                Action("action", "Is it a zebra?"),
                Action("answer", "zebra"),
                Action("answer", "Okapia johnstoni"),
            ]

        def act(self, observation: str) -> Any:
            return Parsed("", self._plan.pop(0), None)

    episode = play(Telepathy(user="llm", llm=FakeSimulator(model)), Twenty(), OKAPI, 0)
    assert [turn.reply for turn in episode.turns] == [YES_TEXT, GUESS_TEXT, WRONG, RIGHT]
    assert (episode.success, episode.task_return, episode.user_effort) == (True, 1.0, 4)


def test_userrls_tasks_are_played_with_their_gloss(userrl_data: Path) -> None:
    llm = FakeSimulator(model)
    gym = Telepathy(user="llm", llm=llm)
    for task in Telepathy.read_tasks(userrl_data / "telepathy" / "test.parquet"):
        gym.reset(seed=0, options={"task": task})
        assert gym.step(Action("action", "Is it alive?"))[0] == YES_TEXT
        assert task.data["title"] in llm.prompts[-1].role
        assert task.data["gloss"] in llm.prompts[-1].role
        assert task.data["title"] not in fence(llm.prompts[-1].said)
        assert gym.step(Action("answer", task.data["title"]))[1] == 1.0
    assert llm.calls == 41
