"""Defects of the reference that no single gym's tests cover, and a check that docs/defects.md names tests that exist."""

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bao.action import Action, ActionKind, Parsed, parse
from bao.gyms.registry import gym_class, gym_names, make
from bao.gyms.travel import Travel
from bao.gyms.travel.tasks import load
from bao.policies.prompt import system_text
from bao.rollout.episode import play
from bao.task import Task, TaskSet
from bao.trajectory import StopReason
from bao.users.llm import Prompt
from tests.support.simulators import Verdict, healthy, simulator_of
from tests.support.stub_endpoint import Kind, StubEndpoint

TESTS = Path(__file__).parent
NAMES = gym_names()
TRIP = Travel.task_set("test", 1, (2,))[0]


def test_every_test_named_in_the_table_of_defects_exists() -> None:
    table = (TESTS.parent / "docs" / "defects.md").read_text(encoding="utf-8")
    named = re.findall(r"`([\w/]+\.py)::(test_\w+)`", table)
    assert len(named) > 60
    assert table.count("::") == len(named), "a test is named in another form"
    for file, test in named:
        assert re.search(rf"^def {test}\(", (TESTS / file).read_text(encoding="utf-8"), re.MULTILINE), f"{file} has no {test}"
    rows = [row for row in table.splitlines() if row.startswith("| ") and "---" not in row and not row.endswith("| test |")]
    assert all("::" in row for row in rows), "a defect without a test"


@pytest.mark.parametrize("name", NAMES)
def test_the_seed_chooses_the_task(name: str) -> None:
    def drawn(seed: int) -> str:
        return make(name).reset(seed=seed)[1]["task_id"]

    chosen = [drawn(seed) for seed in range(10)]
    assert chosen == [drawn(seed) for seed in range(10)]
    assert len(set(chosen)) > 5


_opened: list[str] | None = None


def _note_opening(event: str, arguments: tuple[object, ...]) -> None:
    if event == "open" and _opened is not None:
        _opened.append(str(arguments[0]))


@contextmanager
def openings() -> Iterator[list[str]]:
    """The files that this process opens meanwhile."""
    global _opened
    if not getattr(sys, "_bao_audited", False):
        sys.addaudithook(_note_opening)
        sys._bao_audited = True  # type: ignore[attr-defined]
    _opened = noted = []
    try:
        yield noted
    finally:
        _opened = None


def test_openings_are_noted(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("text")
    with openings() as opened:
        (tmp_path / "file").read_text()
    assert opened == [str(tmp_path / "file")]


@pytest.mark.parametrize("name", NAMES)
def test_making_and_resetting_a_gym_opens_no_file(name: str) -> None:
    tasks = gym_class(name).task_set("test", 6)
    gym = make(name)
    for task in tasks:
        gym.reset(seed=0, options={"task": task})
    with openings() as opened:
        for seed in range(10):
            cls = type(gym)
            again = cls()
            again.reset(seed=seed, options={"task": tasks[seed % len(tasks)]})
            again.reset(seed=seed)
    assert opened == []


OFFLINE = """
import sys
def refuse(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
        raise AssertionError(f"{event} {arguments}")
sys.addaudithook(refuse)
import random
import numpy as np
random.seed(7), np.random.seed(7)
before = random.getstate(), np.random.get_state()[1].tolist()
from bao.gyms.registry import gym_class, gym_names, make
from bao.rollout.episodes import play_all
assert len(gym_names()) >= 8
for name in gym_names():
    for policy in ("ask_all", "random"):
        gym = make(name)
        play_all(gym, gym.scripted_policies()[policy](gym, 0), gym.task_set("test", 3).tasks)
assert (random.getstate(), np.random.get_state()[1].tolist()) == before
"""


def test_all_gyms_play_without_network_keys_noise_and_global_chance(tmp_path: Path) -> None:
    bare = {
        name: value for name, value in os.environ.items() if name in ("PATH", "PYTHONPATH", "SYSTEMROOT", "LD_LIBRARY_PATH")
    }
    done = subprocess.run([sys.executable, "-c", OFFLINE], env=bare, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", NAMES)
def test_every_gym_offers_a_finish_that_can_be_read(name: str) -> None:
    gym = make(name)
    assert ActionKind.FINISH in gym.kinds
    assert "[finish]" in system_text(gym)
    for written in ("[finish]", '{"name": "interact", "arguments": {"choice": "finish", "content": ""}}'):
        gym.reset(seed=0)
        *_, terminated, _, info = gym.step(parse(written, gym.kinds).action)
        assert (terminated, info["turn"]) == (True, 1)
        assert info["stop"] in (StopReason.FINISH, StopReason.SUCCESS)


class Notes:
    """Notes what it sees; asks, searches and answers by turns."""

    name = "notes"

    def __init__(self) -> None:
        self.seen: list[str] = []

    def begin(self, system: str, opening: str) -> None:
        self.seen = []

    def act(self, observation: str) -> Parsed:
        self.seen.append(observation)
        options = [booking.acceptable[0].id for booking in load(TRIP)]
        actions = [Action("search", "history"), *(Action("answer", option) for option in options)]
        return Parsed("", actions[len(self.seen) - 1], None)


def test_the_policy_sees_the_reply_and_nothing_else() -> None:
    policy, gym = Notes(), Travel()
    episode = play(gym, policy, TRIP, 0)
    assert [turn.reward for turn in episode.turns] == [0.0, 0.5, 0.5]
    again = Travel()
    opening, _ = again.reset(seed=0, options={"task": TRIP})
    replies = [again.step(turn.action)[0] for turn in episode.turns]
    assert policy.seen == [opening, *replies[:-1]]
    assert not any("0.5" in text or "reward" in text.lower() for text in policy.seen)


def started() -> tuple[Travel, list[str], list[str]]:
    """A trip of two aspects, with the best and a wrong option of each."""
    gym = Travel()
    gym.reset(seed=0, options={"task": TRIP})
    bookings = load(TRIP)
    best = [booking.acceptable[0].id for booking in bookings]
    wrong = [next(o.id for o in booking.options if o not in booking.acceptable) for booking in bookings]
    return gym, best, wrong


def test_a_refused_recommendation_uses_up_nothing() -> None:
    gym, best, wrong = started()
    for refused in (f"{best[0]}, {wrong[0]}", f"{best[0]}, {best[1]}", f"{best[0]} {best[0]}"):
        _, reward, terminated, _, _ = gym.step(Action("answer", refused))
        assert (reward, terminated) == (0.0, False)
    assert [gym.step(Action("answer", option))[1] for option in best] == [0.5, 0.5]


def test_a_trip_ends_when_all_is_decided_rightly_or_not() -> None:
    gym, best, wrong = started()
    assert gym.step(Action("answer", wrong[0]))[1:4] == (0.0, False, False)
    _, reward, terminated, truncated, info = gym.step(Action("answer", best[1]))
    assert (reward, terminated, truncated) == (0.5, True, False)
    assert (info["success"], info["stop"]) == (False, StopReason.FAILURE)


def test_the_catalogue_answers_every_search() -> None:
    gym = Travel(horizon=50)
    gym.reset(seed=0, options={"task": TRIP})
    aspect = load(TRIP)[0].aspect
    replies = {gym.step(Action("search", aspect))[0] for _ in range(49)}
    assert len(replies) == 1
    assert "match, cheapest first" in replies.pop()


def test_a_trip_has_the_same_options_however_it_is_loaded(tmp_path: Path) -> None:
    """Alone, among others, and from a file."""
    tasks = Travel.task_set("test", 40)
    tasks.write(tmp_path / "tasks.jsonl")
    read = Travel.read_tasks(tmp_path / "tasks.jsonl")
    TaskSet.of([read[7]]).write(tmp_path / "one.jsonl")
    alone = Travel.read_tasks(tmp_path / "one.jsonl")[0]

    def options(task: Task) -> list[tuple[str, ...]]:
        return [tuple(option.id for option in booking.options) for booking in load(task)]

    assert options(alone) == options(read[7]) == options(tasks[7])
    assert {len(booking) for booking in options(alone)} == {32}


def test_a_user_that_hangs_holds_up_nobody_else() -> None:
    """The first of five requests is never answered; the other four are, while its asker still waits."""
    ended: list[int] = []
    with StubEndpoint(healthy, script=(Kind.HANG,)) as stub:
        model = simulator_of(stub, timeout=2.0, attempts=2)

        def ask(number: int) -> None:
            model.ask(Prompt("You judge.", {"question": str(number)}), Verdict)
            ended.append(number)

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(5)]
        threads[0].start()
        while not stub.requests:
            time.sleep(0.005)
        for thread in threads[1:]:
            thread.start()
        for thread in threads:
            thread.join(30)
    assert sorted(ended) == [0, 1, 2, 3, 4]
    assert ended[-1] == 0
