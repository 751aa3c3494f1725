"""Models in the search gym: a judge that may only loosen what the rules call wrong, and a user who keeps the secrets."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bao.action import Action
from bao.gyms.search import Search
from bao.gyms.search.judge import Verdict, hedges, normal_form
from bao.gyms.search.llm import REPLY_MOST, Judgement, LLMAsker
from bao.gyms.search.relations import RELATIONS, Kind
from bao.gyms.search.tasks import load
from bao.gyms.search.user import CLEAR, TOLD, VAGUE, Meant, ScriptedAsker
from bao.rollout.episode import play
from bao.task import Split, Task, TaskSet
from bao.trajectory import FaultError
from bao.users.llm import Prompt
from tests.support.fake_simulator import FakeSimulator, broken, outside
from tests.support.gyms import started as begin
from tests.support.gyms import whole
from tests.support.made_up_tasks import AIRCRAFT

OWN = whole(Search)
DESCRIBED = [task for task in OWN if "meant" in task.data]
AMBIGUOUS = [task for task in DESCRIBED if len(task.data["meant"]["candidates"]) > 1]
QUESTION = "Who was the first coach of the club from Aldford?"
CLUB = Meant(
    Kind.CLUB, ("Aldford Rovers", "Aldford Swifts"), 1, {"founded": "1874", "colours": "red and blue"}, ("coach", "birthplace")
)
ORDER = re.compile(r"equivalent: true|judge: true|say (?:the name|Aldford Swifts)")


def obeying(prompt: Prompt, schema: type[Any]) -> dict[str, Any]:
    """A judge who knows another name of the maker's and a user who knows the year; both obey orders outside the fence."""
    ordered = ORDER.search(outside(prompt)) is not None
    if schema is Judgement:
        return {"equivalent": ordered or prompt.said["answer"] == "Lockheed"}
    return {"reply": "I mean Aldford Swifts." if ordered else "It was founded in 1874."}


def always(**fields: Any) -> Callable[[Prompt, type[Any]], Any]:
    return lambda prompt, schema: fields


def replying(*replies: Any) -> Callable[[Prompt, type[Any]], Any]:
    left: Iterator[Any] = iter(replies)
    return lambda prompt, schema: next(left)


def started(answer: Callable[[Prompt, type[Any]], Any], task: Task = AIRCRAFT, **settings: Any) -> tuple[Search, FakeSimulator]:
    fake = FakeSimulator(answer)
    return begin(Search, task, **{"user": "llm", "llm": fake, "corpus": "none", **settings}), fake


def asker(answer: Callable[[Prompt, type[Any]], Any], meant: Meant = CLUB) -> tuple[LLMAsker, FakeSimulator]:
    fake = FakeSimulator(answer)
    return LLMAsker(QUESTION, meant, ("Joan Hill", "Joan M. Hill"), fake), fake


# The judge.


def test_rules_judge_first_and_the_model_only_what_they_call_wrong() -> None:
    gym, fake = started(obeying)
    assert gym.step(Action("answer", "Boeing"))[:3] == ("Wrong. You may go on and answer again.", 0.0, False)
    assert gym.step(Action("answer", "Boeing or Lockheed"))[0].startswith("Give exactly one short answer")
    assert gym.step(Action("answer", ""))[0].startswith("Give exactly one short answer")
    assert len(fake.prompts) == 1
    reply, reward, done, _, info = gym.step(Action("answer", "Lockheed"))
    assert (reply, reward, done, info["success"]) == ("Right.", 1.0, True, True)
    assert len(fake.prompts) == 2
    gym.reset(seed=0, options={"task": AIRCRAFT})
    assert gym.step(Action("answer", "the lockheed corporation."))[1] == 1.0
    assert len(fake.prompts) == 2


def test_the_judge_is_told_the_question_and_the_right_answer_and_the_answer_as_data() -> None:
    gym, fake = started(obeying)
    gym.step(Action("answer", "Boeing"))
    (prompt,) = fake.prompts
    assert "Who built the fastest aircraft?" in prompt.role
    assert "Lockheed Corporation" in prompt.role
    assert prompt.said == {"answer": "Boeing"}
    assert "Boeing" not in prompt.role


HEDGED = [
    "{0} and {1}",
    "{0} & {1}",
    "{1}/{0}",
    "{0} or {1}",
    "{0}; {1}",
    "{0} plus {1}",
    "maybe {0}, maybe {1}",
    "{1}, perhaps {0}",
    "{0} but also {1}",
    "{0} - {1}",
    "{0}\u2014{1}",
    "not {1} but {0}",
    "{0}, alternatively {1}",
    "{0}\n{1}",
    "either {0}, {1}",
    "both {0}, {1}",
    "{0} vs. {1}",
    "{0}, if not {1}",
    "{1}. {0}",
    "{0} | {1}",
    "{0} + {1}",
    "{0}, {1}, {0}",
    "{0}, else {1}",
    "any of {0}, {1}",
    "{0} as well as {1}",
    "[{0}] {1}",
    "{0}, otherwise {1}",
    "{0}=1 {1}=2",
]


@pytest.mark.parametrize("form", HEDGED)
def test_a_hedge_is_refused_by_rule_before_a_judge_who_takes_everything(form: str) -> None:
    gym, fake = started(always(equivalent=True))
    for names in (("Lockheed Corporation", "Boeing"), ("Boeing", "Lockheed"), ("Fokker", "Airbus")):
        reply, reward, done, *_ = gym.step(Action("answer", form.format(*names)))
        assert (reward, done) == (0.0, False)
        assert "Lockheed" not in reply
    assert fake.prompts == []


def test_no_list_of_the_answer_with_others_passes_the_rules_on_any_own_task() -> None:
    others = sorted({task.data["answers"][0] for task in OWN})
    for number, task in enumerate(OWN):
        judge = load(task).judge
        for right in task.data["answers"]:
            other = next(o for o in (*others[number:], *others) if normal_form(o) not in map(normal_form, task.data["answers"]))
            for form in ("{0} {1}", "{1} {0}", "{0}, {1}", *HEDGED):
                assert judge.judge(form.format(right, other)) is not Verdict.RIGHT


def test_an_answer_may_be_joined_as_far_as_the_right_one_is() -> None:
    assert not hedges("Bangladesh and India", ["India and Bangladesh"])
    assert not hedges("Bangladesh & India", ["India and Bangladesh"])
    assert hedges("India and Bangladesh and Nepal", ["India and Bangladesh"])
    assert not hedges("Oranienburg, Prussia", ["Oranienburg, Germany"])
    assert not hedges("Thomas O. Paine Jr.", ["Thomas Paine"])
    assert not hedges("St. Louis", ["Saint Louis"])
    assert not hedges("Jean-Paul Sartre", ["Sartre"])


def test_numbers_that_differ_are_wrong_without_a_call() -> None:
    task = Task("n", "search", {"question": "How many?", "answers": ["1,234"]})
    gym, fake = started(always(equivalent=True), task)
    for answer in ("1235", "twelve", "12.5", "It was 1,233"):
        assert gym.step(Action("answer", answer))[1] == 0.0
    assert fake.prompts == []
    assert gym.step(Action("answer", "1234 people"))[1] == 1.0


def test_a_judge_of_its_own_judges_and_a_scripted_user_goes_on_answering() -> None:
    judge = FakeSimulator(always(equivalent=True))
    gym, user = started(broken, judge=judge)
    assert gym.step(Action("answer", "Lockheed"))[1] == 1.0
    assert (len(judge.prompts), len(user.prompts)) == (1, 0)
    gym = Search(judge=judge, corpus="none")
    gym.reset(seed=0, options={"task": AMBIGUOUS[0]})
    assert gym.step(Action("action", "?"))[0] == VAGUE
    assert len(judge.prompts) == 1


# The user.


def test_the_user_is_asked_once_a_question_and_told_what_it_means_and_knows() -> None:
    user, fake = asker(obeying)
    assert user.answer("When was it founded?") == "It was founded in 1874."
    (prompt,) = fake.prompts
    for known in (QUESTION, "Aldford Swifts", "It was founded in 1874.", "The colours are red and blue.", "club"):
        assert known in prompt.role
    assert "Joan" not in prompt.role  # the answer is not told to it
    assert "Rovers" not in prompt.role
    assert prompt.said == {"question": "When was it founded?"}


def test_where_the_question_is_clear_no_call_is_made() -> None:
    gym, fake = started(broken)
    assert gym.step(Action("action", "Which one do you mean?"))[0] == CLEAR
    assert fake.prompts == []


@pytest.mark.parametrize(
    ("question", "reply"),
    [
        ("Which one?", "I mean Aldford Swifts."),
        ("Which one?", "The Swifts, I think."),
        ("Which one?", "A-l-d-f-o-r-d S w i f t s"),
        ("Do you mean Aldford Rovers?", "No, the Swifts."),
        ("Who was the coach?", "It was Joan Hill."),
        ("Who was the coach?", "JOAN M. HILL!"),
        ("Who was the coach?", "J o a n H i l l"),
        ("Tell me everything.", "It was founded in 1874 and its colours are red and blue."),
        ("When was it founded?", "In 1875."),
        ("How many play there?", "About 11."),
        ("Which one?", "x" * (REPLY_MOST + 1)),
        ("Which one?", " "),
    ],
)
def test_a_reply_that_tells_what_it_should_not_is_asked_for_again_and_then_said_by_rule(question: str, reply: str) -> None:
    user, fake = asker(replying({"reply": reply}, {"reply": "That I do not know."}))
    assert user.answer(question) == "That I do not know."
    assert len(fake.problems) == 1
    assert user.repaired == 0
    user, _ = asker(always(reply=reply))
    assert user.answer(question) == ScriptedAsker(QUESTION, CLUB).answer(question)
    assert user.repaired == 1


@pytest.mark.parametrize(
    ("question", "reply"),
    [
        ("Do you mean Aldford Rovers or Aldford Swifts?", "I mean Aldford Swifts."),
        ("The Swifts?", "Yes, Aldford Swifts."),
        ("Was it in 1874 or 1880?", "It was in 1874, not in 1880."),
        ("Is it the one in red and blue from 1874?", "Yes, founded in 1874, in red and blue."),
        ("Was Joan Hill the coach?", "I do not know whether Joan Hill was."),
        ("Which town?", "From Aldford, as I said."),
        ("Which one?", "Name the ones that you found, please."),
    ],
)
def test_what_the_agent_named_may_be_named(question: str, reply: str) -> None:
    user, fake = asker(always(reply=reply))
    assert user.answer(question) == reply
    assert fake.problems == []


def test_every_fact_of_every_own_task_can_be_told_and_every_name_confirmed() -> None:
    for task in [task for split in Split for task in Search.task_set(split) if "meant" in task.data]:
        case = load(task)
        meant = case.meant
        assert meant is not None
        name = meant.candidates[meant.index]
        for relation, value in meant.facts.items():
            told = TOLD[relation].format(value=value)
            user = LLMAsker(case.question, meant, case.answers, FakeSimulator(always(reply=told), tries=1))
            assert user.answer(RELATIONS[relation].questions[0].format(x="it")) == told
        user = LLMAsker(case.question, meant, case.answers, FakeSimulator(always(reply=f"I mean {name}."), tries=1))
        assert user.answer(f"Do you mean {' or '.join(meant.candidates)}?") == f"I mean {name}."
        assert user.answer("Which one do you mean?") == VAGUE
        assert user.repaired == 1


@given(st.data())
def test_nothing_hidden_is_in_a_reply_or_in_info_whatever_the_model_says(data: st.DataObject) -> None:
    task = data.draw(st.sampled_from(AMBIGUOUS))
    meant = task.data["meant"]
    name, answers = meant["candidates"][meant["index"]], task.data["answers"]
    pieces = [name, *answers, *meant["facts"].values(), "I mean", "it is", "1234", "no"]
    reply = " ".join(data.draw(st.lists(st.sampled_from(pieces), min_size=1, max_size=4)))
    gym, _ = started(always(reply=reply), task)
    try:
        text, reward, done, _, info = gym.step(Action("action", "Which one is it?"))
    except FaultError:
        return
    assert (reward, done) == (0.0, False)
    for hidden in (name, *answers):
        assert hidden.casefold() not in text.casefold() or any(hidden in value for value in meant["facts"].values())
        assert hidden not in json.dumps(info)


# Whole episodes.


def knowing(prompt: Prompt, schema: type[Any]) -> dict[str, Any]:
    """A user who answers as the scripted one does, read off what it is told; a judge who accepts nothing."""
    if schema is Judgement:
        return {"equivalent": False}
    name = re.search(r"It is (.+)\. Never say this name", prompt.role)
    assert name is not None
    return {"reply": f"I mean {name[1]}." if name[1] in prompt.said["question"] else "I do not know."}


def test_the_scripted_researcher_plays_with_a_models_user_as_with_the_scripted_one() -> None:
    fake = FakeSimulator(knowing)
    gym, scripted = Search(user="llm", llm=fake), Search()
    for task in OWN[:60]:
        episodes = [play(each, Search.scripted_policies()["ask_needed"](each, 0), task, 0) for each in (gym, scripted)]
        assert episodes[0].turns == episodes[1].turns
        assert episodes[0].success
    assert 0 < len(fake.prompts) <= 60


def test_userrls_questions_are_played_closed_book_with_a_judge(userrl_data: Path, tmp_path: Path) -> None:
    corpus = tmp_path / "own.jsonl"
    corpus.write_text('{"title": "Uranus", "text": "Uranus is a planet."}\n', encoding="utf-8")
    tasks: TaskSet = Search.read_tasks(userrl_data / "bamboogle" / "test.parquet")
    for where in ("none", str(corpus)):
        fake = FakeSimulator(obeying)
        gym = Search(user="llm", llm=fake, corpus=where)
        for task in tasks:
            gym.reset(seed=0, options={"task": task})
            assert gym.step(Action("answer", "Another thing"))[1] == 0.0
            assert gym.step(Action("answer", task.data["answers"][0]))[1] == 1.0
        assert {prompt.said["answer"] for prompt in fake.prompts} == {"Another thing"}
        assert len(fake.prompts) == len(tasks)
