"""The travel gym: its tasks are provable and fairly split, its rewards bounded, its hidden wishes hidden."""

from collections import Counter
from dataclasses import replace
from itertools import permutations, product

import numpy as np
import pytest

from bao.action import Action
from bao.errors import ConfigError
from bao.gyms.travel import Travel
from bao.gyms.travel.catalogue import ASPECTS, ATTRIBUTE_WORDS, GENERIC_WORDS, VALUE_ATTRIBUTE, VALUES_PER_ATTRIBUTE
from bao.gyms.travel.tasks import MOST_ASKS, Source, load
from bao.rollout.episode import play
from bao.task import Split, Task
from bao.trajectory import StopReason
from tests.support.gyms import effort as effort_of
from tests.support.gyms import score as score_of
from tests.support.gyms import started, whole

ALL_SPLITS = [task for split in Split for task in whole(Travel, split)[:200]]


# gymnasium's contract.


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
            assert task.level == len(load(task))
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


def test_no_trip_occurs_twice() -> None:
    """So every task is a component of its own, and none is in two splits."""
    trips = [component for task in ALL_SPLITS for component in Travel.components(task)]
    assert len(set(trips)) == len(trips) == len(ALL_SPLITS)


def test_knowing_one_wish_tells_nothing_of_the_other() -> None:
    """Whoever learns from a split which wishes go together guesses the second no better than one time in four."""
    for split in Split:
        tasks = whole(Travel, split)
        half = len(tasks) // 2
        together: dict[tuple[str, str, str], Counter[str]] = {}
        for task in tasks[:half]:
            for booking in load(task):
                for known, other in permutations(booking.wishes):
                    together.setdefault((known.attribute, known.value, other.attribute), Counter())[other.value] += 1
        hits = [
            together[key].most_common(1)[0][0] == other.value
            for task in tasks[half:]
            for booking in load(task)
            for known, other in permutations(booking.wishes)
            if (key := (known.attribute, known.value, other.attribute)) in together
        ]
        assert len(hits) > 500
        assert np.mean(hits) == pytest.approx(0.25, abs=4 * 0.43 / len(hits) ** 0.5)


def test_one_to_five_wishes_are_only_in_the_users_head() -> None:
    asks = [sum(w.source == Source.ASK for b in load(task) for w in b.wishes) for task in ALL_SPLITS]
    assert min(asks) == 1
    assert max(asks) == MOST_ASKS == 5


# The rewards.


def test_asking_for_what_is_needed_solves_every_task_within_the_horizon() -> None:
    gym = Travel()
    for split in Split:
        for index, task in enumerate(whole(Travel, split)[:200]):
            episode = play(gym, Travel.scripted_policies()["ask_needed"](gym, index), task, index)
            asks = sum(w.source == Source.ASK for b in load(task) for w in b.wishes)
            assert episode.task_return == pytest.approx(1)
            assert episode.success
            assert len(episode.turns) <= 16
            assert episode.user_effort == asks + task.level


def test_the_bounding_policies_keep_their_order() -> None:
    score = {name: score_of(Travel, name) for name in Travel.scripted_policies()}
    effort = {name: effort_of(Travel, name) for name in Travel.scripted_policies()}
    assert score["random"] < 0.1
    assert score["random"] < score["never_ask"] < 0.6
    assert score["never_ask"] < score["ask_needed"]
    assert score["never_ask"] < score["ask_all"]
    assert effort["never_ask"] == effort["oracle"]
    assert effort["never_ask"] < effort["ask_needed"] < effort["ask_all"] - 1


def test_whoever_lacks_one_wish_and_takes_the_cheapest_is_right_one_time_in_four() -> None:
    right = []
    for task in whole(Travel, Split.TRAIN):
        for booking in load(task):
            known = booking.wishes[0]
            cheapest = next(o for o in booking.options if o.values[known.attribute] == known.value)
            right.append(cheapest in booking.acceptable)
    assert np.mean(right) == pytest.approx(0.25, abs=0.02)


TRIP = Travel.task_set(Split.TEST, 1, (2,))[0]
FIRST, SECOND = load(TRIP)


def verdict(option: str) -> tuple[str, float]:
    return started(Travel, TRIP).step(Action("answer", option))[:2]


def test_best_acceptable_and_wrong_options_earn_their_share() -> None:
    best, dearer = FIRST.acceptable
    wrong = next(option for option in FIRST.options if option not in FIRST.acceptable)
    assert verdict(best.id) == (f"{best.id} is perfect.", 0.5)
    assert verdict(f"I recommend {dearer.id.lower()}!") == (f"{dearer.id} is fine.", 0.4)
    assert verdict(wrong.id) == (f"{wrong.id} is not what I wanted.", 0.0)


def test_an_aspect_is_decided_once_and_for_all() -> None:
    gym = started(Travel, TRIP)
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
        gym = started(Travel, TRIP)
        reply, reward, terminated, _, info = gym.step(Action("answer", content))
        assert reply == "Recommend exactly one option by its id, please."
        assert (reward, terminated, info["involves_user"]) == (0.0, False, True)
        assert gym.step(Action("answer", best.id))[1] == 0.5, "a refused recommendation settles nothing"


def test_options_that_are_not_on_offer_are_refused() -> None:
    absent = next(a for a in ASPECTS.values() if a.name not in (FIRST.aspect, SECOND.aspect))
    for option in (f"{ASPECTS[FIRST.aspect].letter}99", f"{absent.letter}1"):
        assert verdict(option) == (f"There is no option {option}.", 0.0)


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
    for task in whole(Travel, Split.TEST)[:12]:
        other = with_other_asks(task)
        assert [b.acceptable for b in load(task)] != [b.acceptable for b in load(other)]
        gyms = [Travel(horizon=len(searches) + 1) for _ in range(2)]
        views = [gym.reset(seed=1, options={"task": played}) for gym, played in zip(gyms, (task, other), strict=True)]
        assert views[0] == views[1]
        for search in searches:
            assert gyms[0].step(Action("search", search)) == gyms[1].step(Action("search", search))


def test_opening_and_history_name_only_the_wishes_that_belong_there() -> None:
    for task in whole(Travel, Split.TEST)[:100]:
        gym = Travel()
        opening, _ = gym.reset(seed=0, options={"task": task})
        past = gym.step(Action("search", "history"))[0]
        for booking in load(task):
            for wish in booking.wishes:
                words = (opening.replace(".", "").replace(",", "").split(), past.replace(",", "").replace(".", "").split())
                shown = [wish.value in text for text in words]
                assert shown == [wish.source == Source.STATED, wish.source == Source.HISTORY]


def test_price_and_number_do_not_give_the_best_option_away() -> None:
    bookings = [booking for task in whole(Travel, Split.TRAIN)[:400] for booking in load(task)]
    rank = [booking.options.index(booking.acceptable[0]) for booking in bookings]
    number = [int(booking.acceptable[0].id[1:]) for booking in bookings]
    assert np.mean(rank) == pytest.approx((32 + 1) / 3 - 1, abs=0.8), "the lower of two places out of 32"
    assert np.mean(number) == pytest.approx(16.5, abs=0.8)


# Searching.


def test_a_search_lists_the_cheapest_matches() -> None:
    gym = started(Travel, TRIP)
    name, value = FIRST.wishes[0].attribute, FIRST.wishes[0].value
    found = [option for option in FIRST.options if option.values[name] == value]
    listed = ", ".join(f"{o.id} {o.price}" for o in found[:3])
    reply, reward, _, _, info = gym.step(Action("search", f"{FIRST.aspect} {name.upper()} {value}"))
    assert reply == f"{len(found)} match, cheapest first: {listed}."
    assert (reward, info["involves_user"]) == (0.0, False)
    assert len(found) == 8


def test_a_search_that_cannot_be_read_says_what_is_wrong() -> None:
    task = next(t for t in whole(Travel, Split.TEST)[:200] if {"hotel", "flight"} == {b.aspect for b in load(t)})
    gym = started(Travel, task)

    def searched(content: str) -> str:
        return gym.step(Action("search", content))[0]

    assert searched("something nice").startswith("Unknown search. Search history, or one of ")
    assert searched("car size van") == "The user did not ask for a car."
    assert searched("hotel price low") == "The hotel has no attribute price, only area, style, board."
    assert searched("hotel area") == "Give a value for area: beach, centre, hills, station."
    assert searched("hotel area moon") == "The area can be beach, centre, hills, station, not moon."
    assert searched("history, please").startswith("Past bookings: ")
