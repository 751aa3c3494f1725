"""Idle searches and repeated questions: what they count, and that they show what the involvement rate can be made to hide."""

import dataclasses
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bao.action import Action, ParseFault
from bao.gyms.registry import make
from bao.measures import episode_measures
from bao.measures.redundancy import idle_searches, repeated_questions
from bao.rollout.episodes import play_all
from bao.rollout.information import with_information
from bao.train.shaping import Part, Shaping, shape
from bao.trajectory import StopReason, Trajectory, Turn
from tests.support.dodging import Dodging


def search(content: str, reply: str, **fields: Any) -> Turn:
    return dataclasses.replace(Turn("", Action("search", content), reply, 0.0, involves_user=False), **fields)


def ask(content: str, reply: str = "No.", **fields: Any) -> Turn:
    return dataclasses.replace(Turn("", Action("action", content), reply, 0.0, involves_user=True), **fields)


def episode(*turns: Turn, opening: str = "I need a trip.") -> Trajectory:
    return Trajectory("travel", "t", "p", 0, opening, turns, StopReason.FINISH, False, 16)


def test_a_search_is_idle_where_its_words_or_its_reply_were_there_before() -> None:
    first = search("hotel area=beach", "2 match: H1 90, H4 100.")
    assert idle_searches(episode(first)) == 0
    assert idle_searches(episode(first, search("Hotel, area=BEACH", "2 match: H1 90, H7 110."))) == 1
    assert idle_searches(episode(first, search("the hotels at the beach", "2 match: H1 90, H4 100"))) == 1
    assert idle_searches(episode(first, search("car", "3 match: C1 20."))) == 0
    assert idle_searches(episode(search("trip", "I need a trip."))) == 1  # the opening had said so


def test_known_bits_decide_where_the_gym_has_them() -> None:
    first = search("history", "Past bookings: hotel area beach.", information=2.0)
    assert idle_searches(episode(first, search("car", "No car matches.", information=0.0))) == 1
    assert idle_searches(episode(first, search("history", "Past bookings: hotel area beach.", information=2.0))) == 0


def test_questions_to_the_user_and_unreadable_turns_are_no_idle_searches() -> None:
    again = (ask("Which area?"), ask("Which area?"))
    assert idle_searches(episode(*again)) == 0
    broken = search("bad_json", "No action could be read.", parse_fault=ParseFault.BAD_JSON)
    assert idle_searches(episode(broken, broken)) == 0


def test_an_action_that_nobody_answers_is_idle_by_its_words_but_not_by_its_reply() -> None:
    probes = [dataclasses.replace(ask(text), involves_user=False) for text in ("Is it alive?", "Is it big?", "is it alive")]
    assert idle_searches(episode(*probes)) == 1  # the second "No." tells as much as the first


def test_a_question_is_repeated_by_what_it_asks() -> None:
    assert repeated_questions(episode(ask("Which area for the hotel?"), ask("The area of the hotel, please?"))) == 1
    assert repeated_questions(episode(ask("Which area for the hotel?"), ask("Which area for the flight?"))) == 0
    assert repeated_questions(episode(search("hotel", "a"), search("hotel", "a"))) == 0


def test_shares_are_of_all_turns_and_an_episode_without_turns_has_none() -> None:
    idle = search("history", "Past bookings: nothing.")
    found = episode_measures([episode(idle, idle, ask("Which area?"), ask("which area")), episode()])
    assert found["idle_searches"].tolist() == [1, 0]
    assert found["idle_search_rate"].tolist() == [0.25, 0]
    assert found["repeated_questions"].tolist() == [1, 0]
    assert found["repeated_question_rate"].tolist() == [0.25, 0]


TURNS = st.one_of(
    st.builds(search, st.sampled_from(["hotel", "car", "history"]), st.sampled_from(["a", "b", "c"])),
    st.builds(ask, st.sampled_from(["Which area?", "Which style?", "Which area, please?"])),
)


@given(st.lists(TURNS, max_size=12))
def test_counts_never_exceed_the_turns_they_count_among_and_an_echo_adds_one(turns: list[Turn]) -> None:
    found = episode(*turns)
    searches = [turn for turn in turns if not turn.involves_user]
    assert 0 <= idle_searches(found) <= len(searches)
    assert 0 <= repeated_questions(found) <= len(turns) - len(searches)
    for again in turns[:1]:
        echoed = episode(*turns, again)
        more = idle_searches(echoed) + repeated_questions(echoed)
        assert more == idle_searches(found) + repeated_questions(found) + 1


_PENALTIES = (Part.INFORMATION_SEEKING, Part.INFORMATION_GAIN)


def mean_measures(dodge: bool) -> dict[str, float]:
    """Mean measures of ``ask_needed`` on 60 travel trips, and mean penalties per episode at a coefficient of 1."""
    gym = make("travel", horizon=32)
    tasks = gym.task_set("test", 60, (2, 3, 4))
    asking = gym.scripted_policies()["ask_needed"](gym, 0)
    episodes = with_information(play_all(gym, Dodging(asking) if dodge else asking, tasks.tasks), gym, tasks)
    found = {name: float(values.mean()) for name, values in episode_measures(episodes).items()}
    settings = Shaping(is_coefficient=1.0, ig_coefficient=1.0)
    parts = [shape(each, settings).parts for each in episodes]
    penalties = {part: float(np.mean([one[part].sum() for one in parts])) for part in _PENALTIES}
    return found | {str(part): value for part, value in penalties.items()}


def test_searching_for_nothing_between_user_turns_lowers_the_involvement_rate_and_is_seen_as_idle() -> None:
    plain, dodging = mean_measures(dodge=False), mean_measures(dodge=True)
    assert dodging["score"] == plain["score"]
    assert dodging["user_effort"] == plain["user_effort"] > 5
    # The rate falls by a tenth and the penalty on consecutive user turns by all of it, for the same effort ..
    assert plain["user_involvement_rate"] - dodging["user_involvement_rate"] > 0.09
    assert plain["information_seeking"] < -2
    assert dodging["information_seeking"] == 0
    # .. while idle searches and the information-gain penalty show what was done.
    assert plain["idle_searches"] < 0.2
    assert dodging["idle_searches"] - plain["idle_searches"] > 2
    assert dodging["idle_search_rate"] > 0.15 > 0.03 > plain["idle_search_rate"]
    assert dodging["information_gain"] < plain["information_gain"] - 2
