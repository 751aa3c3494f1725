"""Replies that are kept: sent once, passed by the check, whole whoever writes and is killed."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bao.trajectory import FaultError
from bao.users.cache import ReplyCache
from bao.users.llm import Prompt
from tests.support.simulators import PROMPT, YES, Verdict, ask, healthy, simulator_of, usage
from tests.support.stub_endpoint import Kind, StubEndpoint


def test_the_same_request_is_sent_once_and_another_anew(tmp_path: Path) -> None:
    with StubEndpoint(healthy) as stub:
        for _ in range(3):
            assert ask(stub, cache=tmp_path) == YES
        assert len(stub.requests) == 1
        assert usage(stub)["cache_hits"] == 2
        for settings in ({"model": "other"}, {"temperature": 1}, {"seed": 3}, {"max_tokens": 9}, {"body": {"top_k": 2}}):
            assert ask(stub, cache=tmp_path, **settings) == YES
        simulator_of(stub, cache=tmp_path).ask(Prompt("You know another.", PROMPT.said), Verdict)

        class Other(Verdict):
            sure: bool = True

        simulator_of(stub, cache=tmp_path).ask(PROMPT, Other)
        assert len(stub.requests) == 8
    assert ask(stub, cache=tmp_path) == YES  # the server is gone


def test_what_does_not_serve_is_not_kept(tmp_path: Path) -> None:
    with StubEndpoint(healthy, script=[Kind.EMPTY, Kind.EMPTY, Kind.WRONG_TYPES]) as stub:
        with pytest.raises(FaultError):
            ask(stub, cache=tmp_path)
        assert not list(tmp_path.rglob("*.json"))
        assert ask(stub, cache=tmp_path) == ask(stub, cache=tmp_path) == YES
        assert len(stub.requests) == 4


def test_a_kept_reply_passes_the_check_or_is_asked_for_anew(tmp_path: Path) -> None:
    answers = iter([healthy([]), {"fits": True, "reply": "No."}])
    with StubEndpoint(lambda messages: next(answers)) as stub:
        user = simulator_of(stub, cache=tmp_path)
        assert user.ask(PROMPT, Verdict) == YES
        assert user.ask(PROMPT, Verdict, lambda reply: "wrong" if reply == YES else None).reply == "No."


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:-5],
        lambda text: "",
        lambda text: "[]",
        lambda text: text.replace("Yes", "Noo"),
        lambda text: "\udcff" + text,
    ],
)
def test_a_damaged_entry_counts_as_absent_and_is_written_anew(damage: Callable[[str], str], tmp_path: Path) -> None:
    with StubEndpoint(healthy) as stub:
        ask(stub, cache=tmp_path)
        (entry,) = tmp_path.rglob("*.json")
        whole = entry.read_text()
        entry.write_bytes(damage(whole).encode("utf-8", "surrogateescape"))
        assert ask(stub, cache=tmp_path) == YES
        assert len(stub.requests) == 2
        assert entry.read_text() == whole


WRITER = """
import sys, itertools
from pathlib import Path
from bao.users.cache import ReplyCache, request_key
cache = ReplyCache(Path(sys.argv[1]))
print("begun", flush=True)
for number in itertools.count():
    cache.put(request_key({"n": number % 50}), f"{number % 50}:" + "x" * 20000)
"""


def test_processes_that_write_at_once_and_are_killed_leave_only_whole_entries(tmp_path: Path) -> None:
    from bao.users.cache import request_key

    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "begun\n"
    cache, read = ReplyCache(tmp_path), 0
    deadline = time.monotonic() + 0.5
    while time.monotonic() < deadline:
        for number in range(50):
            text = cache.get(request_key({"n": number}))
            assert text in (None, f"{number}:" + "x" * 20000)
            read += text is not None
    for writer in writers:
        writer.send_signal(signal.SIGKILL)
        writer.wait(10)
        assert writer.stdout is not None
        writer.stdout.close()
    assert read > 100
    # Every entry that has its name is whole: none reads as absent.
    assert all(cache.get("".join((path.parent.name, path.stem))) for path in tmp_path.rglob("[0-9a-f]*.json"))
