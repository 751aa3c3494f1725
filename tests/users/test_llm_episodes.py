"""Whole episodes with a model as the user: no fault changes what one is worth, nor how many play at once."""

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from bao.action import Action, ActionKind, Outcome, Parsed
from bao.errors import ConfigError
from bao.gyms.travel import Travel
from bao.rollout.episodes import play_all
from bao.trajectory import Fault
from bao.users.leaks import leak_check
from bao.users.llm import Prompt
from tests.support.simulators import Verdict, leaking, simulator_of
from tests.support.stub_endpoint import Kind, Messages, StubEndpoint


class Asking(Travel):
    """Each question goes to the model, and a yes ends the episode."""

    def on_action(self, content: str) -> Outcome:
        assert self.llm is not None
        reply = self.llm.ask(Prompt("You are asked.", {"question": content}), Verdict, leak_check(["elephant"]))
        return Outcome(reply.reply, 1.0, done=reply.fits, success=reply.fits)


class Asker:
    """Asks as many questions as its seed says, then the one that ends the episode."""

    name = "asker"

    def __init__(self, seed: int) -> None:
        self._left = seed % 3 + 1
        self._seed = seed

    def begin(self, system: str, opening: str) -> None:
        pass

    def act(self, observation: str) -> Parsed:
        self._left -= 1
        return Parsed("", Action(ActionKind.ACTION, f"{self._seed} {'more' if self._left else 'last'} {self._left}"), None)


def ending(messages: Messages) -> object:
    return {"fits": "last" in messages[1]["content"], "reply": f"heard {messages[1]['content'].split()[2]}"}


def play_asking(stub: StubEndpoint, count: int, concurrency: int, retries: int = 2, **settings: Any) -> list[Any]:
    user = simulator_of(stub, **settings)
    tasks = Asking.task_set("test", count).tasks
    return play_all(lambda: Asking(llm=user), lambda gym, seed: Asker(seed), tasks, retries=retries, concurrency=concurrency)


ALL_KINDS = dict.fromkeys(Kind, 0.02)


def test_no_fault_changes_what_an_episode_is_worth() -> None:
    with StubEndpoint(ending) as stub:
        clean = play_asking(stub, 150, 8)
    with StubEndpoint(ending, faults=ALL_KINDS, seed=1, leak=leaking) as stub:
        rough = play_asking(stub, 150, 16, retries=1, timeout=0.3)
        assert len([kind for kind, count in stub.drawn.items() if kind is not None and count]) == len(Kind)
    assert {episode.fault for episode in clean} == {None}
    for expected, episode in zip(clean, rough, strict=True):
        assert episode.task_id == expected.task_id
        if episode.fault is None:
            assert (episode.turns, episode.stop, episode.success) == (expected.turns, expected.stop, expected.success)
        else:
            assert episode.turns == expected.turns[: len(episode.turns)]
    assert sum(episode.fault is not None for episode in rough) < 15


def test_the_result_does_not_depend_on_how_many_play_at_once() -> None:
    def played(concurrency: int) -> list[Any]:
        with StubEndpoint(ending, faults={Kind.WRONG_TYPES: 0.3, Kind.ERROR: 0.3}, seed=2, latency=0.002) as stub:
            episodes = play_asking(stub, 40, concurrency, retries=0, attempts=2)
        return [(e.task_id, e.turns, e.stop, e.success, e.fault) for e in episodes]

    one = played(1)
    assert {fault for *_, fault in one} == {None, Fault.USER_MALFORMED, Fault.USER_UNAVAILABLE}
    assert [task for task, *_ in one] == [task.id for task in Asking.task_set("test", 40)]
    assert played(16) == one


def test_a_refusal_of_the_settings_ends_everything() -> None:
    with StubEndpoint(ending, refuses=lambda request: (401, "no")) as stub, pytest.raises(ConfigError, match="api_key_env"):
        play_asking(stub, 100, 8)
    assert len(stub.requests) <= 16


INTERRUPTED = """
import sys
from tests.support.stub_endpoint import Kind, StubEndpoint
from tests.users.test_llm_episodes import ending, play_asking
with StubEndpoint(ending, faults={Kind.HANG: 1.0}) as stub:
    print("begun", flush=True)
    try:
        play_asking(stub, 64, 16, timeout=600)
    except KeyboardInterrupt:
        sys.exit(130)
"""


def test_ctrl_c_ends_it_though_every_user_hangs() -> None:
    root = Path(__file__).parents[2]
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED], cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    time.sleep(1.0)
    start = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (130, "")
    assert time.monotonic() - start < 5
