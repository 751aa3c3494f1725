"""The travel gym: its tasks are provable and fairly split, its rewards bounded, its hidden wishes hidden."""

import random
from dataclasses import replace
from functools import cache
from itertools import combinations, product
from typing import Any

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from hypothesis import given
from hypothesis import strategies as st

from bao.action import Action, ActionKind
from bao.errors import ConfigError
from bao.gym import Gym
from bao.gyms.travel import Travel
from bao.gyms.travel.catalogue import (
    ASPECTS,
    ATTRIBUTE_WORDS,
    GENERIC_WORDS,
    LETTER_ASPECT,
    VALUE_ATTRIBUTE,
    VALUES_PER_ATTRIBUTE,
)
from bao.gyms.travel.tasks import LEVELS, MOST_ASKS, Source, load, split_of
from bao.rollout.episode import play
from bao.task import Split, Task, TaskSet
from bao.trajectory import StopReason, Trajectory


@cache
def whole(split: Split) -> TaskSet:
    return Travel.task_set(split)


def tasks(split: Split, size: int) -> TaskSet:
    return whole(split)[:size]


ALL_SPLITS = [task for split in Split for task in tasks(split, 200)]


@cache
def episodes(policy: str, size: int = 200) -> tuple[Trajectory, ...]:
    gym = Travel()
    make = Travel.scripted_policies()[policy]
    return tuple(play(gym, make(gym, seed), task, seed) for seed, task in enumerate(tasks(Split.TEST, size)))


def started(task: Task, **settings: Any) -> Travel:
    gym = Travel(**settings)
    gym.reset(seed=0, options={"task": task})
    return gym


# gymnasium's contract.


def test_gymnasium_accepts_the_gym() -> None:
    check_env(Travel(), skip_render_check=True)


def test_two_gyms_with_the_same_seed_give_the_same_texts() -> None:
    def texts(gym: Gym) -> list[tuple[str, str]]:
        found = []
        for seed in range(10):
            opening, info = gym.reset(seed=seed)
            found.append((opening, info["task_id"]))
            gym.action_space.seed(seed)
            ended = False
            while not ended:
                kind, content = gym.action_space.sample()
                reply, _, terminated, truncated, _ = gym.step(Action(kind, content))
                found.append((content, reply))
                ended = terminated or truncated
        return found

    used = Travel()
    used.reset(seed=99)
    used.step(Action("action", "Which area?"))
    assert texts(Travel()) == texts(Travel()) == texts(used)


def test_playing_leaves_the_global_generators_alone() -> None:
    before = random.getstate(), np.random.get_state()[1].tolist()
    gym = Travel()
    for policy in Travel.scripted_policies().values():
        play(gym, policy(gym, 0), Travel.task_set(Split.VALID, 3)[2], 0)
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before


def test_a_wrong_setting_is_named() -> None:
    with pytest.raises(ConfigError, match="volunteer_after=0 must be at least 1"):
        Travel(volunteer_after=0)


# The catalogue.


def test_every_value_names_one_attribute_and_every_attribute_one_aspect() -> None:
    attributes = [name for aspect in ASPECTS.values() for name in aspect.attributes]
    values = [value for aspect in ASPECTS.values() for row in aspect.attributes.values() for value in row]
    assert len(set(attributes)) == len(attributes)
    assert len(set(values)) == len(values)
    assert not set(values) & (set(attributes) | set(ASPECTS))
    assert all(len(row) == VALUES_PER_ATTRIBUTE for aspect in ASPECTS.values() for row in aspect.attributes.values())


def test_no_word_for_an_attribute_is_a_value_of_another() -> None:
    for word, named in (ATTRIBUTE_WORDS | GENERIC_WORDS).items():
        assert VALUE_ATTRIBUTE.get(word, named[0]) in named
    assert all(name in ATTRIBUTE_WORDS[name] for aspect in ASPECTS.values() for name in aspect.attributes)


# The tasks.


def test_best_and_acceptable_options_follow_from_the_rule() -> None:
    for task in ALL_SPLITS:
        for row, booking in zip(task.data["bookings"], load(task), strict=True):
            wished = {wish["attribute"]: wish["value"] for wish in row["wishes"]}
            fitting = [o for o in row["options"] if all(o["values"][name] == value for name, value in wished.items())]
            fitting.sort(key=lambda option: option["price"])
            assert [option["id"] for option in fitting] == [option.id for option in booking.acceptable]
            assert len(fitting) == 2
            assert fitting[0]["price"] < fitting[1]["price"]


def test_every_combination_of_the_wished_attributes_is_on_offer_twice() -> None:
    for task in ALL_SPLITS:
        for booking in load(task):
            names = [wish.attribute for wish in booking.wishes]
            offered = [tuple(option.values[name] for name in names) for option in booking.options]
            table = ASPECTS[booking.aspect].attributes
            assert sorted(offered) == sorted(2 * list(product(*(table[name] for name in names))))
            assert len({option.price for option in booking.options}) == len({o.id for o in booking.options}) == 32


def wished_combinations(several: TaskSet) -> set[tuple[str, frozenset[tuple[str, str]]]]:
    return {(b.aspect, frozenset((w.attribute, w.value) for w in b.wishes)) for task in several for b in load(task)}


def test_no_wished_combination_of_a_split_occurs_in_another() -> None:
    found = {split: wished_combinations(whole(split)) for split in Split}
    assert all(len(combination) > 10 for combination in found.values())
    for one, other in combinations(Split, 2):
        assert not found[one] & found[other]


def test_the_splits_share_all_combinations_as_they_say() -> None:
    shares = dict.fromkeys(Split, 0)
    for aspect in ASPECTS.values():
        for names in combinations(aspect.attributes, 2):
            for values in product(*(aspect.attributes[name] for name in names)):
                wished = dict(zip(names, values, strict=True))
                shares[split_of(aspect.name, wished)] += 1
                assert split_of(aspect.name, wished) == split_of(aspect.name, dict(reversed(wished.items())))
    assert list(shares.values()) == [172, 22, 46], "a combination that moves to another split makes old scores incomparable"
    assert np.array(list(shares.values())) / 240 == pytest.approx([0.7, 0.1, 0.2], abs=0.06)


def test_the_same_index_gives_the_same_task_whatever_else_was_made() -> None:
    assert Travel.task_set(Split.TEST, 40)[17] == Travel.task_set("test", 18)[17]
    assert Travel.task_set(Split.TEST, 18)[17] != Travel.task_set(Split.TRAIN, 18)[17]
    assert len({repr(task.data) for task in ALL_SPLITS}) == len(ALL_SPLITS)


def test_levels_are_honoured() -> None:
    assert {task.level for task in ALL_SPLITS} == set(LEVELS)
    for levels in ((2,), (5,), (3, 4)):
        several = Travel.task_set(Split.VALID, 12, levels)
        assert {task.level for task in several} == set(levels)
        assert all(len(load(task)) == task.level for task in several)
    with pytest.raises(ConfigError, match=r"levels=\(2, 7\) must be some of \(2, 3, 4, 5\)"):
        Travel.task_set(Split.TEST, 2, (2, 7))


def test_the_asked_size_is_the_size() -> None:
    assert [len(Travel.task_set(Split.TEST, size)) for size in (0, 1, 7)] == [0, 1, 7]
    assert [len(whole(split)) for split in Split] == [1000, 200, 200]


def test_one_to_five_wishes_are_only_in_the_users_head() -> None:
    asks = [sum(w.source == Source.ASK for b in load(task) for w in b.wishes) for task in ALL_SPLITS]
    assert min(asks) == 1
    assert max(asks) == MOST_ASKS == 5


# The rewards.


def test_the_oracle_earns_all_with_one_recommendation_for_each_aspect() -> None:
    for episode in episodes("oracle"):
        assert episode.task_return == pytest.approx(1)
        assert episode.user_effort == len(episode.turns) == episode.level
        assert episode.stop is StopReason.SUCCESS


def test_asking_for_what_is_needed_solves_every_task_within_the_horizon() -> None:
    gym = Travel()
    for split in Split:
        for index, task in enumerate(tasks(split, 200)):
            episode = play(gym, Travel.scripted_policies()["ask_needed"](gym, index), task, index)
            asks = sum(w.source == Source.ASK for b in load(task) for w in b.wishes)
            assert episode.task_return == pytest.approx(1)
            assert episode.success
            assert len(episode.turns) <= 16
            assert episode.user_effort == asks + task.level


def test_the_bounding_policies_keep_their_order() -> None:
    score = {name: np.mean([e.task_return for e in episodes(name)]) for name in Travel.scripted_policies()}
    effort = {name: np.mean([e.user_effort for e in episodes(name)]) for name in Travel.scripted_policies()}
    assert score["random"] < 0.3
    assert score["random"] < score["never_ask"] < 0.6
    assert score["never_ask"] < score["teacher"] < score["ask_needed"]
    assert score["never_ask"] < score["ask_all"]
    assert effort["never_ask"] == effort["oracle"]
    assert effort["never_ask"] < effort["ask_needed"] < effort["ask_all"] - 1


def test_whoever_lacks_one_wish_and_takes_the_cheapest_is_right_one_time_in_four() -> None:
    right = []
    for task in tasks(Split.TRAIN, 2000):
        for booking in load(task):
            known = booking.wishes[0]
            cheapest = next(o for o in booking.options if o.values[known.attribute] == known.value)
            right.append(cheapest in booking.acceptable)
    assert np.mean(right) == pytest.approx(0.25, abs=0.02)


TRIP = Travel.task_set(Split.TEST, 1, (2,))[0]
FIRST, SECOND = load(TRIP)


def verdict(option: str) -> tuple[str, float]:
    return started(TRIP).step(Action("answer", option))[:2]


def test_best_acceptable_and_wrong_options_earn_their_share() -> None:
    best, dearer = FIRST.acceptable
    wrong = next(option for option in FIRST.options if option not in FIRST.acceptable)
    assert verdict(best.id) == (f"{best.id} is perfect.", 0.5)
    assert verdict(f"I recommend {dearer.id.lower()}!") == (f"{dearer.id} is fine.", 0.4)
    assert verdict(wrong.id) == (f"{wrong.id} is not what I wanted.", 0.0)


def test_an_aspect_is_decided_once_and_for_all() -> None:
    gym = started(TRIP)
    best, dearer = FIRST.acceptable
    wrong = next(option for option in FIRST.options if option not in FIRST.acceptable)
    gym.step(Action("answer", wrong.id))
    for option in (best, dearer, wrong):
        assert gym.step(Action("answer", option.id))[:3] == (f"The {FIRST.aspect} is settled already.", 0.0, False)
    *_, reward, terminated, _, info = gym.step(Action("answer", SECOND.acceptable[0].id))
    assert (reward, terminated, info["success"], info["stop"]) == (0.5, True, False, StopReason.FAILURE)


def test_one_option_at_a_time_is_recommended() -> None:
    best, dearer = FIRST.acceptable
    everything = " ".join(option.id for option in FIRST.options)
    for content in (f"{best.id} or {dearer.id}", everything, f"{best.id} {best.id}", "the cheapest hotel", "H", "4"):
        gym = started(TRIP)
        reply, reward, terminated, _, info = gym.step(Action("answer", content))
        assert reply == "Recommend exactly one option by its id, please."
        assert (reward, terminated, info["involves_user"]) == (0.0, False, True)
        assert gym.step(Action("answer", best.id))[1] == 0.5, "a refused recommendation settles nothing"


def test_options_that_are_not_on_offer_are_refused() -> None:
    absent = next(a for a in ASPECTS.values() if a.name not in (FIRST.aspect, SECOND.aspect))
    for option in (f"{ASPECTS[FIRST.aspect].letter}99", f"{absent.letter}1"):
        assert verdict(option) == (f"There is no option {option}.", 0.0)


OPTION_IDS = st.builds(lambda letter, number: f"{letter}{number}", st.sampled_from(sorted(LETTER_ASPECT)), st.integers(0, 34))


def contents(task: Task) -> st.SearchStrategy[str]:
    """What a greedy, sloppy or hostile agent might write, the acceptable options among it."""
    fitting = st.sampled_from([option.id for booking in load(task) for option in booking.acceptable])
    ids = fitting | OPTION_IDS
    words = st.sampled_from([*ASPECTS, *VALUE_ATTRIBUTE, "history", *(n for a in ASPECTS.values() for n in a.attributes)])
    return st.one_of(
        fitting, ids, st.lists(ids, max_size=4).map(" ".join), st.lists(words, max_size=4).map(" ".join), st.text()
    )


@given(st.data())
def test_no_sequence_of_actions_earns_less_than_0_or_more_than_1(data: st.DataObject) -> None:
    task = data.draw(st.sampled_from(list(tasks(Split.TEST, 40))))
    gym = started(task)
    kinds = st.sampled_from([ActionKind.ANSWER, ActionKind.ANSWER, *sorted(Travel.kinds), ActionKind.NONE])
    actions = data.draw(st.lists(st.tuples(kinds, contents(task)), min_size=1, max_size=16))
    total, settled = 0.0, 0
    for kind, content in actions:
        reply, reward, terminated, truncated, info = gym.step(Action(kind, content))
        assert isinstance(reply, str)
        assert reply
        assert 0 <= reward <= 1 / task.level
        assert reward == 0 or kind == ActionKind.ANSWER
        settled += reward > 0
        total += reward
        assert info["success"] == (settled == task.level)
        if terminated or truncated:
            break
    assert 0 <= total <= 1 + 1e-9


# What the agent may know.


def with_other_asks(task: Task) -> Task:
    """The same trip and catalogue, every wish that is only in the user's head replaced by another."""
    bookings = []
    for row in task.data["bookings"]:
        table = ASPECTS[row["aspect"]].attributes
        wishes = []
        for wish in row["wishes"]:
            values = table[wish["attribute"]]
            other = values[(values.index(wish["value"]) + 1) % len(values)]
            wishes.append(wish | {"value": other} if wish["source"] == Source.ASK else wish)
        bookings.append(row | {"wishes": wishes})
    return replace(task, data={"bookings": bookings})


def all_searches() -> list[str]:
    searches = ["history", "trip", ""]
    for aspect in ASPECTS.values():
        choices = [["", *(f"{name} {value}" for value in values)] for name, values in aspect.attributes.items()]
        searches += [" ".join(filter(None, (aspect.name, *filters))) for filters in product(*choices)]
    return searches


def test_who_never_asks_sees_the_same_whatever_the_user_has_in_mind() -> None:
    searches = all_searches()
    for task in tasks(Split.TEST, 12):
        other = with_other_asks(task)
        assert [b.acceptable for b in load(task)] != [b.acceptable for b in load(other)]
        gyms = [Travel(horizon=len(searches) + 1) for _ in range(2)]
        views = [gym.reset(seed=1, options={"task": played}) for gym, played in zip(gyms, (task, other), strict=True)]
        assert views[0] == views[1]
        for search in searches:
            assert gyms[0].step(Action("search", search)) == gyms[1].step(Action("search", search))


def test_opening_and_history_name_only_the_wishes_that_belong_there() -> None:
    for task in tasks(Split.TEST, 100):
        gym = Travel()
        opening, _ = gym.reset(seed=0, options={"task": task})
        past = gym.step(Action("search", "history"))[0]
        for booking in load(task):
            for wish in booking.wishes:
                words = (opening.replace(".", "").replace(",", "").split(), past.replace(",", "").replace(".", "").split())
                shown = [wish.value in text for text in words]
                assert shown == [wish.source == Source.STATED, wish.source == Source.HISTORY]


def test_price_and_number_do_not_give_the_best_option_away() -> None:
    bookings = [booking for task in tasks(Split.TRAIN, 400) for booking in load(task)]
    rank = [booking.options.index(booking.acceptable[0]) for booking in bookings]
    number = [int(booking.acceptable[0].id[1:]) for booking in bookings]
    assert np.mean(rank) == pytest.approx((32 + 1) / 3 - 1, abs=0.8), "the lower of two places out of 32"
    assert np.mean(number) == pytest.approx(16.5, abs=0.8)


def test_info_holds_nothing_of_the_task() -> None:
    gym = Travel()
    _, info = gym.reset(seed=0, options={"task": TRIP})
    assert info == {"task_id": TRIP.id, "turn": 0}
    for action in (
        Action("search", "history"),
        Action("action", "Which area?"),
        Action("answer", "H1"),
        Action("none", "empty"),
    ):
        info = gym.step(action)[-1]
        assert set(info) == {"turn", "involves_user", "success", "stop"}
        assert [type(info[name]) for name in ("turn", "involves_user", "success")] == [int, bool, bool]


# Searching.


def test_a_search_lists_the_cheapest_matches() -> None:
    gym = started(TRIP)
    name, value = FIRST.wishes[0].attribute, FIRST.wishes[0].value
    found = [option for option in FIRST.options if option.values[name] == value]
    listed = ", ".join(f"{o.id} {o.price}" for o in found[:3])
    reply, reward, _, _, info = gym.step(Action("search", f"{FIRST.aspect} {name.upper()} {value}"))
    assert reply == f"{len(found)} match, cheapest first: {listed}."
    assert (reward, info["involves_user"]) == (0.0, False)
    assert len(found) == 8


def test_a_search_that_cannot_be_read_says_what_is_wrong() -> None:
    task = next(t for t in tasks(Split.TEST, 200) if {"hotel", "flight"} == {b.aspect for b in load(t)})
    gym = started(task)

    def searched(content: str) -> str:
        return gym.step(Action("search", content))[0]

    assert searched("something nice").startswith("Unknown search. Search history, or one of ")
    assert searched("car size van") == "The user did not ask for a car."
    assert searched("hotel price low") == "The hotel has no attribute price, only area, style, board."
    assert searched("hotel area") == "Give a value for area: beach, centre, hills, station."
    assert searched("hotel area moon") == "The area can be beach, centre, hills, station, not moon."
    assert searched("history, please").startswith("Past bookings: ")


def test_questions_involve_the_user_unless_only_answers_count() -> None:
    for convention, involved in (("everyday", True), ("paper", False)):
        gym = started(TRIP, convention=convention)
        assert gym.step(Action("action", "Which area?"))[-1]["involves_user"] is involved
        assert gym.step(Action("answer", "H1"))[-1]["involves_user"] is True


def test_the_horizon_ends_an_unfinished_trip() -> None:
    gym = started(TRIP, horizon=2)
    assert gym.step(Action("search", "history"))[3] is False
    *_, terminated, truncated, info = gym.step(Action("search", "history"))
    assert (terminated, truncated, info["stop"]) == (False, True, StopReason.MAX_TURNS)
