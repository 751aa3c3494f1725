"""The claims of the persuade gym: fairly split, whole, and hidden; and UserRL's, which are read and not played."""

from collections import Counter
from itertools import combinations, product
from pathlib import Path

import pytest

from bao.action import Action
from bao.errors import ConfigError
from bao.gyms.persuade import Persuade
from bao.gyms.persuade.agents import GENERIC
from bao.gyms.persuade.tasks import concepts, is_userrl, load, plain, shared
from bao.gyms.persuade.words import Kind
from bao.task import Split, Task, TaskSet
from tests.support.gyms import every_task, started, whole


def test_each_claim_is_held_by_several_users() -> None:
    claims = {split: {task.data["claim"] for task in whole(Persuade, split)} for split in Split}
    assert {split: len(found) for split, found in claims.items()} == {"train": 52, "valid": 12, "test": 43}


def test_no_claim_and_no_consideration_occurs_in_two_splits() -> None:
    for one, other in combinations(Split, 2):
        first, second = whole(Persuade, one), whole(Persuade, other)
        assert shared(first, second, "claim") == ()
        texts = [{row["text"] for task in tasks for row in task.data["considerations"]} for tasks in (first, second)]
        assert not texts[0] & texts[1]
        plains = [{plain(text) for text in found} for found in texts]
        assert not plains[0] & plains[1]
        reasons = [{task.data["reason"] for task in tasks} for tasks in (first, second)]
        assert not reasons[0] & reasons[1]
        # Nor one that differs in a few words: the marked concepts are never those of another split.
        ideas = [{frozenset(concepts(text)) for text in found} for found in texts]
        assert not ideas[0] & ideas[1]


def test_no_two_considerations_of_different_splits_are_nearly_alike() -> None:
    sets = {}
    for split in Split:
        texts = {plain(row["text"]) for task in whole(Persuade, split) for row in task.data["considerations"]}
        sets[split] = [(text, {word for word in text.split() if len(word) > 3}) for text in texts]
    for one, other in combinations(Split, 2):
        for (text, words), (near, others) in product(sets[one], sets[other]):
            shared = len(words & others)
            assert shared <= 3 or shared / len(words | others) < 0.5, (text, near)


def test_every_claim_has_six_to_nine_typed_considerations_and_six_weigh() -> None:
    for task in every_task(Persuade):
        case = load(task)
        assert 6 <= len(case.considerations) <= 9
        assert sum(each.weighs for each in case.considerations) == 6
        assert task.level == len(case.considerations) - 6
        assert {each.kind for each in case.considerations if each.weighs}.isdisjoint(
            each.kind for each in case.considerations if not each.weighs
        )


def test_users_who_hold_the_same_claim_differ_in_what_weighs() -> None:
    per_claim = Counter(task.data["claim"] for task in every_task(Persuade))
    personas = {(task.data["claim"], tuple(task.data["weighs"])) for task in every_task(Persuade)}
    assert len(personas) == sum(per_claim.values())


def test_nothing_hidden_is_in_what_the_agent_sees_at_first() -> None:
    gym = Persuade()
    for task in every_task(Persuade):
        opening, info = gym.reset(seed=0, options={"task": task})
        case = load(task)
        seen = f"{gym.instructions()} {opening} {info}"
        assert case.claim in opening
        assert case.reason not in seen
        assert not any(each.text in seen for each in case.considerations)
        for word in Kind:
            assert opening.count(str(word)) == case.claim.count(str(word))
    assert len({Persuade().instructions() for _ in range(3)}) == 1


CLAIM_ONLY = Task("u", "persuade", {"claim": "Tea is better than coffee", "argument": "Because it is."})


def test_a_task_without_considerations_loads_but_the_scripted_user_refuses_to_play_it() -> None:
    Persuade.check_task(CLAIM_ONLY)
    gym = started(Persuade, whole(Persuade)[0])
    with pytest.raises(ConfigError, match=r"user='scripted' cannot play the task 'u': UserRL's tasks hold no considerations"):
        gym.reset(seed=0, options={"task": CLAIM_ONLY})
    with pytest.raises(RuntimeError, match="reset"):
        gym.step(Action("answer", GENERIC[0]))


def test_shared_claims_are_found_whatever_their_case_and_final_stop() -> None:
    def tasks(*claims: str) -> TaskSet:
        return TaskSet.of(Task(f"{i}", "persuade", {"claim": claim, "argument": claim}) for i, claim in enumerate(claims))

    one, other = tasks("Tea is good.", "Rain  is wet", "Snow"), tasks("tea is good", "Rain is wet.", "Hail")
    assert shared(one, other, "claim") == ("Rain  is wet", "Tea is good.")
    assert len(shared(one, other, "argument")) == 2
    assert shared(one, tasks(), "claim") == ()


def test_userrls_files_load_and_are_not_played(userrl_data: Path) -> None:
    folder = userrl_data / "persuasion"
    train, test = (Persuade.read_tasks(folder / f"{split}.parquet") for split in ("train", "test"))
    assert (len(train), len(test)) == (378, 42)
    assert {task.split for task in train} == {Split.TRAIN}
    assert {task.split for task in test} == {Split.TEST}
    gym = Persuade()
    for task in (*train, *test):
        assert is_userrl(task)
        assert task.data.keys() == {"claim", "argument"}
        with pytest.raises(ConfigError, match="UserRL's tasks hold no considerations"):
            gym.reset(seed=0, options={"task": task})


def test_userrls_test_claims_all_occur_in_its_training_set_and_ours_do_not(userrl_data: Path) -> None:
    folder = userrl_data / "persuasion"
    train, test = (Persuade.read_tasks(folder / f"{split}.parquet") for split in ("train", "test"))
    assert (len({task.data["claim"] for task in train}), len({task.data["claim"] for task in test})) == (61, 27)
    assert len(shared(train, test, "claim")) == 27
    assert len({task.data["argument"] for task in test}) == 41
    assert len(shared(train, test, "argument")) == 10
    for split in Split:
        assert shared(whole(Persuade, split), train, "claim") == ()
