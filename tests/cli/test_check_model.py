"""`bao check user` and `bao check judge`: against a server, stopped and continued, and what `bao eval` makes of them."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import bao as package
from tests.cli.support import Bao, refused
from tests.support.perfect import telepathic
from tests.support.stub_endpoint import Messages, StubEndpoint

_THING = re.compile("^The thing: (.*)$", re.MULTILINE)
_QUESTION = re.compile(r"<question \w+>\n(.*)\n</question \w+>", re.DOTALL)


def knows(messages: Messages) -> dict[str, Any]:
    thing, question = _THING.search(messages[0]["content"]), _QUESTION.search(messages[1]["content"])
    assert thing is not None
    assert question is not None
    return {"thought": "", "answer": telepathic(thing[1], question[1])}


def nods(messages: Messages) -> dict[str, Any]:
    return {"thought": "", "answer": "yes", "same": True}


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BAO_STATE", str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.fixture
def good() -> Iterator[StubEndpoint]:
    with StubEndpoint(knows) as stub:
        yield stub


def check(bao: Bao, stub: StubEndpoint, *more: str | Path, role: str = "user") -> Any:
    model = (f"good@{stub.base_url}", "--gym", "telepathy")
    return bao("check", role, *model, "--set", f"gym.settings.{'llm' if role == 'user' else role}.backoff=0.001", *more)


def test_a_good_user_is_fit(bao: Bao, good: StubEndpoint, state: Path) -> None:
    done = check(bao, good, "--questions", "40")
    assert done.status == 0, done
    assert done.out.splitlines()[-1] == "fit"
    for part in ("yes", "20", "1.00 [0.84, 1.00]", "seconds a reply", "0 leaks, 0 malformed, 0 repaired, 0 faults"):
        assert part in done.out, part
    (record,) = state.rglob("check.json")
    kept = json.loads(record.read_text())
    assert (kept["fit"], kept["model"], kept["gym"], kept["role"]) == (True, "good", "telepathy", "user")
    assert kept["questions"] == len(good.requests) == 42


def test_a_user_who_nods_is_unfit(bao: Bao) -> None:
    with StubEndpoint(nods) as stub:
        done = check(bao, stub, "--questions", "40", "--json")
        assert done.status == 1
        found = json.loads(done.out)
        assert found["fit"] is False
        assert found["yes"]["bias"] == pytest.approx(0.5, abs=0.05)
        assert found["yes"]["of_wrong"] == 1
        assert (found["classes"]["yes"]["mean"], found["classes"]["no"]["mean"]) == (1, 0)
        assert found["seconds"]["median"] > 0
        assert check(bao, stub, role="judge").status == 1


def test_a_folder_of_a_finished_check_asks_nothing_again(bao: Bao, good: StubEndpoint, tmp_path: Path) -> None:
    first = check(bao, good, "--questions", "20", "--out", tmp_path / "out")
    asked = len(good.requests)
    assert check(bao, good, "--questions", "20", "--out", tmp_path / "out").out == first.out
    assert len(good.requests) == asked
    more = ("--questions", "20", "--set", "gym.settings.llm.temperature=1", "--out", tmp_path / "out")
    refused(check(bao, good, *more), "temperature")
    check(bao, good, "--questions", "20")
    check(bao, good, "--questions", "20")
    assert len(good.requests) == 3 * asked, "without a folder, a finished check is begun anew"


@pytest.mark.parametrize("folder", [(), ("--out", "out")])
def test_what_was_asked_before_an_outage_is_kept(
    bao: Bao, folder: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    down = True

    def refuses(request: Any) -> tuple[int, str] | None:
        return (503, "busy") if down and len(stub.requests) > 12 else None

    with StubEndpoint(knows, refuses=refuses) as stub:
        options = ("--questions", "30", "--concurrency", "1", "--set", "gym.settings.llm.attempts=1", *folder)
        stopped = check(bao, stub, *options)
        assert stopped.status == 1
        assert "12 of 32 replies are kept" in stopped.error
        down, before = False, len(stub.requests)
        done = check(bao, stub, *options)
        assert done.status == 0, done
        assert len(stub.requests) - before == 20


def test_replies_that_serve_no_purpose_are_faults_and_make_it_unfit(bao: Bao) -> None:
    with StubEndpoint(lambda messages: "I would rather chat.") as stub:
        done = check(bao, stub, "--questions", "10", "--json")
    found = json.loads(done.out)
    assert done.status == 1
    assert found["faults"] == {"user_malformed": found["questions"]}
    assert found["malformed"] == found["replies"] == 2 * found["questions"]
    assert any("100% of the questions end in a fault" in reason for reason in found["reasons"])


def test_mistakes_are_one_line(bao: Bao, good: StubEndpoint) -> None:
    model = f"good@{good.base_url}"
    refused(bao("check", "user", "good", "--gym", "telepathy"), "bao check user", "MODEL@BASE_URL")
    refused(bao("check", "user", model, "--gym", "telepaty"), "telepaty", "telepathy")
    refused(bao("check", "judge", model, "--gym", "tau"), "no labelled questions for a judge", "check user")
    refused(bao("check", "user", model, "--gym", "function"), "no labelled questions")
    refused(check(bao, good, "--questions", "0"), "questions=0")
    refused(check(bao, good, "--set", "gym.settings.api_key=sk-secret"), "gym.settings.api_key")
    assert good.requests == []


def test_python_gives_what_the_command_prints(bao: Bao, good: StubEndpoint, tmp_path: Path) -> None:
    found = package.check_user(f"good@{good.base_url}", gym="telepathy", questions=20, out=tmp_path / "out", progress=False)
    assert found.fit
    assert json.loads((tmp_path / "out" / "check.json").read_text()) == json.loads(json.dumps(found.to_json()))


# What an evaluation makes of it.


def evaluate(bao: Bao, stub: StubEndpoint, out: Path, *more: str) -> tuple[str, dict[str, Any]]:
    model = ("--gym", "telepathy", "--user-model", f"good@{stub.base_url}", "--tasks", "2", *more)
    done = bao("eval", "scripted:never_ask", *model, "--out", out)
    assert done.status == 0, done
    return done.error, json.loads((out / "summary.json").read_text())


def test_eval_warns_of_a_model_that_nobody_checked(bao: Bao, tmp_path: Path) -> None:
    def answers(messages: Messages) -> dict[str, Any]:
        return nods(messages) if "guesses" in messages[0]["content"] else knows(messages)

    with StubEndpoint(answers) as stub:
        error, summary = evaluate(bao, stub, tmp_path / "a")
        assert f"`bao check user good@{stub.base_url} --gym telepathy` measures it" in error
        assert "bao check judge" in error
        assert summary["checks"] == {"user": None, "judge": None}
        assert check(bao, stub, "--questions", "20").status == 0
        assert check(bao, stub, role="judge").status == 1
        error, summary = evaluate(bao, stub, tmp_path / "b")
        assert "as the user" not in error
        assert "as the judge of telepathy is unfit: accuracy 0.50 is below 0.75" in error
        assert (summary["checks"]["user"]["fit"], summary["checks"]["judge"]["fit"]) == (True, False)
        assert summary["checks"]["user"]["accuracy"] == 1
        error, _ = evaluate(bao, stub, tmp_path / "c", "--set", "gym.settings.llm.temperature=1")
        assert "as the user of telepathy was checked under other settings" in error


def test_without_a_model_nothing_is_said(bao: Bao, tmp_path: Path) -> None:
    done = bao("eval", "scripted:never_ask", "--gym", "telepathy", "--tasks", "2", "--out", tmp_path / "out")
    assert done.error == ""
    assert "checks" not in json.loads((tmp_path / "out" / "summary.json").read_text())
