"""Gyms that wait for somebody hold up no other episode, and change none; the engine leaves nobody behind who is not to be."""

import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from pydantic import BaseModel

from bao.models.engine import Engine
from bao.models.workers import Rollouts, Workers
from bao.policies.prompt import PromptForm
from bao.rollout.request import GymLimits, Limits, Request
from bao.rollout.waiting import LateError, WaitingPool
from bao.trajectory import Fault, FaultError, StopReason, Trajectory
from bao.users.llm import Prompt, Simulator
from bao.users.simulator import simulator
from tests.support.asking_gym import WORDS, Asking, make_asking, word
from tests.support.fake_simulator import FakeSimulator
from tests.support.small_model import asking_local
from tests.support.stub_endpoint import Kind, StubEndpoint

LOCAL = asking_local()
TASKS = Asking.task_set("train", 6, (2, 3))
LIMITS = Limits(16, 200)
REQUESTS = [Request(task, 10 * i + g, 0.1) for i, task in enumerate(TASKS) for g in range(4)]


def played(
    user: Simulator | dict[str, Any],
    *,
    requests: Sequence[Request] = REQUESTS,
    rows: int = 64,
    temperature: float = 1.0,
    on_episode: Any = None,
    **gym_limits: Any,
) -> list[Trajectory]:
    engine = Engine(
        LOCAL.model,
        LOCAL.template,
        lambda: Asking(user="llm", llm=user),
        limits=LIMITS,
        rows=rows,
        temperature=temperature,
        form=PromptForm.BRIEF,
        gym_limits=GymLimits(**gym_limits),
    )
    return engine.run(requests, on_episode=on_episode)


def at(stub: StubEndpoint, **settings: Any) -> dict[str, Any]:
    return {"model": "stub", "base_url": stub.base_url, **settings}


def timeless(episodes: Sequence[Trajectory]) -> list[Trajectory]:
    return [replace(episode, seconds=0.0) for episode in episodes]


def ids(episodes: Sequence[Trajectory]) -> list[list[int]]:
    return [episode.trace.ids.tolist() for episode in episodes if episode.trace]


def calling() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("bao-call-")]


def gone(within: float = 20.0) -> bool:
    """Whether the threads end, once nobody waits any more."""
    deadline = time.monotonic() + within
    while calling() and time.monotonic() < deadline:
        time.sleep(0.01)
    return not calling()


def test_waiting_gyms_overlap_up_to_the_ceiling_and_give_what_they_give_one_after_another() -> None:
    with StubEndpoint(word) as stub:
        serial = played(at(stub))
        assert stub.most_at_once == 1
    with StubEndpoint(word, latency=0.2) as stub:
        together = played(at(stub), at_once=7)
        assert stub.most_at_once == 7
        assert len(stub.requests) == sum(len(episode.turns) for episode in together)
    with StubEndpoint(word, latency=0.02) as stub:
        few = played(at(stub), at_once=3, rows=5)
        assert stub.most_at_once == 3
    assert timeless(serial) == timeless(together) == timeless(few)
    assert ids(serial) == ids(together) == ids(few)
    assert {episode.stop for episode in serial} <= {StopReason.MAX_TURNS, StopReason.FINISH, StopReason.TOKEN_BUDGET}
    assert {turn.reply.split(",")[0] for episode in serial for turn in episode.turns} >= set(WORDS)


def test_a_run_after_one_that_asked_too_much_begins_at_the_ceiling_again() -> None:
    with StubEndpoint(word, latency=0.1, script=[Kind.RATE_LIMIT]) as stub:
        user = simulator(at(stub, backoff=0.0))
        played(user, at_once=8)
        stub.most_at_once = 0
        played(user, at_once=8)
        assert stub.most_at_once == 8
        assert stub.drawn[Kind.RATE_LIMIT] == 1


def test_rows_that_await_a_reply_sample_nothing_and_a_groups_prompt_is_fed_once() -> None:
    engines = [
        Engine(
            LOCAL.model,
            LOCAL.template,
            lambda: Asking(user="llm", llm=FakeSimulator(by_question)),
            limits=LIMITS,
            form=PromptForm.BRIEF,
            gym_limits=GymLimits(at_once),
        )
        for at_once in (0, 8)
    ]
    for engine in engines:
        engine.run(REQUESTS[:8])  # two groups
    assert engines[1].stats.sampled == engines[0].stats.sampled
    assert engines[1].stats.prefilled == engines[0].stats.prefilled


def by_question(prompt: Prompt, schema: type[BaseModel]) -> Any:
    return word([{"content": repr(sorted(prompt.said.items()))}])


def breaking(prompt: Prompt, schema: type[BaseModel]) -> Any:
    """A model that is down for some questions, always the same ones."""
    if by_question(prompt, schema)["reply"] == "west":
        raise FaultError(Fault.USER_UNAVAILABLE, prompt.said["task"])
    return by_question(prompt, schema)


def test_a_fault_in_a_thread_ends_its_own_episode_as_it_does_without_threads() -> None:
    serial, threaded = (played(FakeSimulator(breaking), at_once=at_once, rows=9) for at_once in (0, 5))
    assert timeless(serial) == timeless(threaded)
    faulty = [episode for episode in threaded if episode.fault is not None]
    assert 0 < len(faulty) < len(threaded)
    assert all(episode.fault_detail == episode.task_id for episode in faulty)


class Unsteady:
    """Breaks in the first `times` requests of each task."""

    def __init__(self, times: int, fault: Fault = Fault.USER_TIMEOUT) -> None:
        self.times, self.fault = times, fault
        self.asked: dict[str, int] = {}

    def __call__(self, prompt: Prompt, schema: type[BaseModel]) -> Any:
        task = prompt.said["task"]
        self.asked[task] = self.asked.get(task, 0) + 1
        if self.asked[task] <= self.times:
            raise FaultError(self.fault)
        return by_question(prompt, schema)


ONE_EACH = REQUESTS[::4]


@pytest.mark.parametrize("at_once", [0, 3])
def test_an_episode_that_breaks_gets_its_tries_and_then_is_what_it_would_have_been(at_once: int) -> None:
    expected = timeless(played(FakeSimulator(by_question), requests=ONE_EACH))
    assert timeless(played(FakeSimulator(Unsteady(2)), requests=ONE_EACH, at_once=at_once, tries=3)) == expected
    told: list[int] = []
    lost = played(
        FakeSimulator(Unsteady(2)), requests=ONE_EACH, at_once=at_once, tries=2, on_episode=lambda index, _: told.append(index)
    )
    assert {episode.fault for episode in lost} == {Fault.USER_TIMEOUT}
    assert sorted(told) == list(range(len(ONE_EACH)))
    code = Unsteady(1, Fault.GYM_ERROR)
    assert {episode.fault for episode in played(FakeSimulator(code), requests=ONE_EACH, at_once=at_once, tries=3)} == {
        Fault.GYM_ERROR
    }


class Holding:
    """Holds some requests until `release`."""

    def __init__(self, holds: Callable[[Prompt], bool]) -> None:
        self.holds = holds
        self.release = threading.Event()
        self.held = threading.Semaphore(0)

    def __call__(self, prompt: Prompt, schema: type[BaseModel]) -> Any:
        if self.holds(prompt):
            self.held.release()
            self.release.wait(60)
        return by_question(prompt, schema)


def test_an_episode_whose_gym_never_answers_is_left_behind_and_the_others_go_on() -> None:
    user = Holding(lambda prompt: prompt.said["task"] == TASKS[1].id)
    try:
        episodes = played(FakeSimulator(user), requests=ONE_EACH, at_once=1, seconds=0.5, rows=3)
    finally:
        user.release.set()
    assert [episode.fault for episode in episodes] == [Fault.EPISODE_TIMEOUT if i == 1 else None for i in range(6)]
    assert "episode_timeout=0.5 s" in episodes[1].fault_detail
    assert gone()


def test_what_a_gym_may_take_is_counted_over_the_whole_episode() -> None:
    def slow(prompt: Prompt, schema: type[BaseModel]) -> Any:
        time.sleep(0.2)
        return by_question(prompt, schema)

    (episode,) = played(FakeSimulator(slow), requests=REQUESTS[:1], at_once=1, seconds=0.5, temperature=0.0)
    assert episode.fault is Fault.EPISODE_TIMEOUT
    assert 1 <= len(episode.turns) <= 2


def test_an_error_of_a_gym_is_raised_and_its_threads_end() -> None:
    def wrong(prompt: Prompt, schema: type[BaseModel]) -> Any:
        raise ZeroDivisionError("in the gym's code")

    with pytest.raises(ZeroDivisionError, match="in the gym's code"):
        played(FakeSimulator(wrong), at_once=5)
    assert gone()


def test_an_error_in_on_episode_ends_it_all() -> None:
    def enough(index: int, trajectory: Trajectory) -> None:
        raise RuntimeError("enough")

    user = FakeSimulator(by_question)
    with pytest.raises(RuntimeError, match="enough"):
        played(user, at_once=2, on_episode=enough)
    assert gone()
    assert user.calls < 4 * len(REQUESTS)


def test_ctrl_c_is_heard_while_every_row_waits_and_leaves_no_thread_once_the_replies_are_there() -> None:
    user = Holding(lambda prompt: True)

    def interrupt() -> None:
        for _ in range(4):
            user.held.acquire()
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        played(FakeSimulator(user), at_once=4)
    assert len(calling()) == 4
    user.release.set()
    assert gone()


def test_calls_after_the_end_are_not_begun() -> None:
    release, begun = threading.Event(), []

    def call(number: int) -> None:
        begun.append(number)
        release.wait(60)

    calls: WaitingPool[int] = WaitingPool(2)
    for number in range(6):
        calls.submit(number, partial(call, number))
    while len(begun) < 2:
        time.sleep(0.01)
    calls.close()
    release.set()
    assert gone()
    assert begun == [0, 1]


def test_a_call_that_is_late_makes_room_for_the_next() -> None:
    release = threading.Event()
    calls: WaitingPool[str] = WaitingPool(1)
    calls.submit("late", partial(release.wait, 60), 0.05)
    calls.submit("next", lambda: "done")
    found = []
    while calls.outstanding:
        found += calls.collect(wait=True)
    assert [(each.owner, each.result, type(each.error)) for each in found] == [
        ("late", None, LateError),
        ("next", "done", type(None)),
    ]
    calls.close()
    release.set()
    assert gone()
    assert calls.collect() == []


def test_a_call_that_came_back_too_late_is_late_though_nobody_looked_meanwhile() -> None:
    calls: WaitingPool[str] = WaitingPool(1)
    calls.submit("slow", partial(time.sleep, 0.05), 0.01)
    while calls._returned.empty():
        time.sleep(0.01)
    assert [type(each.error) for each in calls.collect()] == [LateError]
    calls.close()
    assert gone()


@pytest.mark.slow
@pytest.mark.parametrize(("at_once", "most"), [(3, 3), (1, 1)])
def test_processes_share_the_ceiling_and_give_what_one_gives(at_once: int, most: int) -> None:
    with StubEndpoint(word) as stub:
        expected = played(at(stub))
    with StubEndpoint(word, latency=0.1) as stub:
        rollouts = Rollouts(partial(make_asking, at(stub)), LIMITS, form=PromptForm.BRIEF, gym_limits=GymLimits(at_once))
        with Workers(LOCAL.model, LOCAL.template, rollouts, count=2) as workers:
            told: list[int] = []
            found = workers.rollout(REQUESTS, unit=4, on_episode=lambda index, _: told.append(index))
        assert stub.most_at_once == most
    assert timeless(found) == timeless(expected)
    assert sorted(told) == list(range(len(REQUESTS)))


@pytest.mark.slow
def test_workers_that_wait_are_ended_at_once_by_an_error_here() -> None:
    with StubEndpoint(word, latency=30.0) as stub:
        rollouts = Rollouts(partial(make_asking, at(stub)), LIMITS, form=PromptForm.BRIEF, gym_limits=GymLimits(4))
        workers = Workers(LOCAL.model, LOCAL.template, rollouts, count=2)
        processes = list(workers._processes)

        def interrupt() -> None:
            while not stub.requests:
                time.sleep(0.01)
            os.kill(os.getpid(), signal.SIGINT)

        threading.Thread(target=interrupt, daemon=True).start()
        with pytest.raises(KeyboardInterrupt), workers:
            workers.rollout(REQUESTS)
        assert [process.exitcode for process in processes] == [-signal.SIGKILL] * 2
