"""Anyone's agent in Python: whatever shape it has it is played alike, and what goes wrong in it is named and never scored."""

import gc
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bao.action import Action, ActionKind, Parsed, ParseFault
from bao.errors import ConfigError
from bao.gyms.travel import Travel
from bao.gyms.travel.agents import POLICIES
from bao.policies.agents import open_agent
from bao.policies.own import WrongShapeError, read_turn
from bao.rollout.episodes import play_all
from bao.storage.episodes import read_episodes
from bao.trajectory import Fault, StopReason, Trajectory
from tests.support.command_line import bao

TASKS = Travel.task_set("test", 6).tasks
ROOT = Path(__file__).parents[2]

RULE = """
import asyncio
from bao import Action, parse, render
from bao.gyms.travel import Travel
from bao.gyms.travel.agents import POLICIES

class Rule:
    def begin(self, system, opening):
        self.policy = POLICIES["ask_needed"](Travel(), 0)
        self.policy.begin(system, opening)

    def turn(self, observation):
        return self.policy.act(observation).action

class Text(Rule):
    def act(self, observation):
        return render("I think.", self.turn(observation))

class Acts(Rule):
    def act(self, observation):
        kind, content = self.turn(observation)
        return Action(str(kind), content)

class Pairs(Rule):
    def act(self, observation):
        return "I think.", self.turn(observation)

class Later(Rule):
    async def begin(self, system, opening):
        await asyncio.sleep(0)
        super().begin(system, opening)

    async def act(self, observation):
        await asyncio.sleep(0.001)
        return render("I think.", self.turn(observation))

def make():
    return Pairs()

async def make_later():
    return Later()

def reply(messages):
    rule = Rule()
    told = [each["content"] for each in messages if each["role"] == "user"]
    rule.begin(messages[0]["content"], told[0])
    said = [each["content"] for each in messages if each["role"] == "assistant"]
    turns = [rule.turn(each) for each in told]
    assert [parse(each).action for each in said] == turns[:-1]
    messages.clear()
    return render("", turns[-1])

async def reply_later(messages):
    await asyncio.sleep(0.001)
    return reply(messages)
"""


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], str]:
    """Writes an agent's file; its path."""

    def write(code: str, name: str = "mine.py") -> str:
        (tmp_path / name).write_text(code, encoding="utf-8")
        return str(tmp_path / name)

    return write


Write = Callable[..., str]


def played(policy: str, count: int = 1, concurrency: int = 1, retries: int = 2, **settings: Any) -> list[Trajectory]:
    agent = open_agent(policy, settings)
    tasks = TASKS[:count]
    return play_all(Travel, lambda gym, seed: agent.make(gym, seed, "mine"), tasks, concurrency=concurrency, retries=retries)


def scripted(count: int) -> list[Trajectory]:
    return play_all(Travel(), POLICIES["ask_needed"](Travel(), 0), TASKS[:count])


def worth(episodes: list[Trajectory]) -> list[Any]:
    return [(e.task_id, e.stop, e.success, e.fault, [(t.action, t.reply, t.reward) for t in e.turns]) for e in episodes]


@pytest.mark.parametrize("name", ["Text", "Acts", "Pairs", "Later", "make", "make_later", "reply", "reply_later"])
@pytest.mark.parametrize("concurrency", [1, 4])
def test_every_shape_of_the_rule_is_worth_what_it_is_worth_scripted(name: str, concurrency: int, write: Write) -> None:
    assert worth(played(f"{write(RULE)}:{name}", len(TASKS), concurrency)) == worth(scripted(len(TASKS)))


def test_thinking_is_kept(write: Write) -> None:
    for name in ("Text", "Pairs"):
        (episode,) = played(f"{write(RULE)}:{name}")
        assert {turn.thinking for turn in episode.turns} == {"I think."}


def test_each_episode_has_an_object_of_its_own_made_told_and_asked_in_one_thread(write: Write) -> None:
    code = """
import threading
made = []
class Agent:
    def __init__(self):
        self.seen = [threading.get_ident()]
        made.append(self)
    def begin(self, system, opening):
        assert "begins with its kind in brackets" in system and opening
        self.seen.append(threading.get_ident())
    def act(self, observation):
        self.seen.append(threading.get_ident())
        return "[finish]"
"""
    path = write(code, "counted.py")
    assert {episode.stop for episode in played(f"{path}:Agent", 4, 2)} == {StopReason.FINISH}
    made = sys.modules["bao_agent_counted"].made
    assert [len(each.seen) for each in made] == [3] * 4
    assert all(len(set(each.seen)) == 1 for each in made)
    assert len({each.seen[0] for each in made} - {threading.get_ident()}) > 0


def test_the_thread_of_an_agent_ends_with_its_episode(write: Write) -> None:
    path = write("class Agent:\n    def act(self, observation): return '[finish]'\n", "brief.py")
    played(f"{path}:Agent", 6)
    gc.collect()
    deadline = time.monotonic() + 5
    while alive := [each for each in threading.enumerate() if each.name == "bao-agent"]:
        assert time.monotonic() < deadline, alive
        time.sleep(0.01)


def test_a_client_of_the_module_serves_the_coroutines_of_all_episodes(write: Write) -> None:
    code = """
import asyncio
lock = asyncio.Lock()
loops = set()
async def reply(messages):
    async with lock:  # bound to the loop that first waits for it
        await asyncio.sleep(0.002)
        loops.add(id(asyncio.get_running_loop()))
        return "[finish]"
"""
    path = write(code, "shared.py")
    assert {episode.fault for episode in played(f"{path}:reply", 6, 6)} == {None}
    assert len(sys.modules["bao_agent_shared"].loops) == 1


def test_a_plain_function_may_run_an_event_loop_of_its_own(write: Write) -> None:
    code = """
import asyncio
async def think(): return "[finish]"
def reply(messages): return asyncio.run(think())
"""
    assert played(f"{write(code)}:reply")[0].stop == StopReason.FINISH


# What a turn is.


@pytest.mark.parametrize(
    ("value", "turn"),
    [
        ("[search] history", Parsed("", Action(ActionKind.SEARCH, "history"), None)),
        ("<think>so</think> hm", Parsed("so hm", Action(ActionKind.NONE, "no_action"), ParseFault.NO_ACTION)),
        (Action("search", "history"), Parsed("", Action(ActionKind.SEARCH, "history"), None)),
        (("hm", Action("finish")), Parsed("hm", Action(ActionKind.FINISH), None)),
        (Action("buy", "x"), Parsed("[buy] x", Action(ActionKind.NONE, "unknown_choice"), ParseFault.UNKNOWN_CHOICE)),
        (Action("none", "x"), Parsed("[none] x", Action(ActionKind.NONE, "unknown_choice"), ParseFault.UNKNOWN_CHOICE)),
        (Action("answer", "H1"), Parsed("[answer] H1", Action(ActionKind.NONE, "unknown_choice"), ParseFault.UNKNOWN_CHOICE)),
        (Action("search", " "), Parsed("[search]", Action(ActionKind.NONE, "empty_content"), ParseFault.EMPTY_CONTENT)),
        (("\ud800", Action("search", "\udfff")), Parsed("\ufffd", Action(ActionKind.SEARCH, "\ufffd"), None)),
    ],
)
def test_a_turn_is_a_text_an_action_or_a_pair(value: Any, turn: Parsed) -> None:
    found = read_turn(value, frozenset({ActionKind.SEARCH, ActionKind.FINISH}))
    assert found == turn
    assert isinstance(found.action.kind, ActionKind)


@pytest.mark.parametrize(
    "value",
    [None, 3, b"[finish]", ("search", "history"), ("hm", "[finish]"), ["[finish]"], Action("search", 3), (3, Action("x"))],
)
def test_anything_else_is_no_turn(value: Any) -> None:
    with pytest.raises(WrongShapeError, match=r"an Action or|must be texts"):
        read_turn(value, frozenset(ActionKind))


# What cannot start.


@pytest.mark.parametrize(
    ("code", "name", "named"),
    [
        ("import no_such_thing", "Agent", r"cannot be imported: ModuleNotFoundError: .*no_such_thing.* \(mine\.py, line 1\)"),
        ("x = 1\nx = 1 / 0", "Agent", r"ZeroDivisionError: division by zero \(mine\.py, line 2\)"),
        ("def f(:", "Agent", r"SyntaxError: .*\(mine\.py, line 1\)"),
        ("import sys; sys.exit(3)", "Agent", "SystemExit: 3"),
        ("class Agnet: pass", "Agent", r"has no Agent: did you mean 'Agnet'\?"),
        ("class Agent: pass", "Agent", r"an Agent without an act\(observation\)"),
        ("class Agent:\n act = 3", "Agent", r"without an act"),
        ("Agent = 3", "Agent", "it is an int: give a class"),
        ("class Agent:\n def act(self): pass", "Agent", "its act must take the observation"),
        ("class Agent:\n def act(self, a): pass\n def begin(self, a): pass", "Agent", "begin must take"),
        ("class Agent:\n def __init__(self, x): pass", "Agent", "cannot be made without arguments"),
        (
            "class Agent:\n def __init__(self): raise ValueError('no model')",
            "Agent",
            r"does not start: ValueError: no model \(mine\.py, line 2\)",
        ),
        ("class A:\n def act(self, o): pass\nAgent = A()", "Agent", "it is an A: give a class"),
        ("def Agent(a, b): pass", "Agent", "it takes several arguments"),
        ("def Agent(): return 'x'", "Agent", "makes a str"),
        ("import time\ndef Agent(): time.sleep(9)", "Agent", r"does not start: no answer within 0\.3 s"),
    ],
)
def test_what_cannot_start_is_an_error_that_names_it(code: str, name: str, named: str, write: Write) -> None:
    with pytest.raises(ConfigError, match=named):
        open_agent(f"{write(code)}:{name}", {"turn_timeout": 0.3})


def test_a_missing_file_module_or_setting_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for policy, settings, named in (
        ("nowhere.py:Agent", {}, "there is no file nowhere.py here"),
        ("nowhere:Agent", {}, "there is no module 'nowhere'"),
        ("scriptd:oracle", {}, "did you mean scripted:"),
        ("opanai:x@http://h/v1", {}, "did you mean openai:"),
        ("oracle", {}, "give scripted:NAME"),
        ("mine.py", {}, "such as mine.py:Agent"),
        ("scripted:", {}, "is unknown: give"),
        ("json:loads", {"tempreature": 1}, "agent.tempreature is no setting"),
        ("openai", {}, "openai:MODEL@BASE_URL"),
    ):
        with pytest.raises(ConfigError, match=re.escape(named)):
            open_agent(policy, settings)


def test_a_module_is_found_in_the_working_folder_and_its_neighbours_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "neighbour_of_mine.py").write_text("SAY = '[finish]'")
    for path in ("module_of_mine.py", "deep/file.py"):
        (tmp_path / path).write_text("def reply(messages):\n    from neighbour_of_mine import SAY\n    return SAY\n")
    assert played("deep/file.py:reply")[0].stop == StopReason.FINISH
    assert played("module_of_mine:reply")[0].stop == StopReason.FINISH
    assert open_agent("module_of_mine:reply", {}).name == "module_of_mine.reply"


def test_a_first_turn_that_is_none_ends_everything(write: Write) -> None:
    with pytest.raises(ConfigError, match="it gave a NoneType for a turn"):
        played(f"{write('def reply(messages): pass')}:reply", 6)


# What goes wrong later.

MOODY = """
import os
class Agent:
    def begin(self, system, opening):
        self.opening, self.turn = opening, 0
    def act(self, observation):
        self.turn += 1
        if self.turn == 2 and "hotel" in self.opening:
            {broken}
        return "[search] history" if self.turn < 3 else "[finish]"
"""


@pytest.mark.parametrize(
    ("broken", "detail"),
    [
        ("raise KeyError('wish')", r"turn 2: KeyError: 'wish' \(mine\.py, line 9\)"),
        ("return 7", "turn 2: it gave an int"),
        ("exit(1)", "turn 2: SystemExit: 1"),
        ("raise Exception", "turn 2: Exception"),
        ("from bao import Fault, FaultError; raise FaultError(Fault.USER_TIMEOUT)", "turn 2: FaultError: user_timeout"),
        ("from bao import Fault, FaultError; raise FaultError(Fault.POLICY_ERROR)", "turn 2: FaultError: policy_error"),
    ],
)
def test_an_exception_is_the_agents_own_and_leaves_the_other_episodes_alone(broken: str, detail: str, write: Write) -> None:
    episodes = played(f"{write(MOODY.format(broken=broken))}:Agent", len(TASKS), 3)
    faulty = [episode for episode in episodes if "hotel" in episode.opening]
    assert 0 < len(faulty) < len(episodes)
    for episode in episodes:
        if episode in faulty:
            assert (episode.stop, episode.fault, len(episode.turns)) == (StopReason.POLICY_ERROR, None, 1)
            assert (episode.task_return, episode.success) == (0.0, False)
            assert re.search(detail, episode.fault_detail)
        else:
            assert (episode.stop, episode.fault) == (StopReason.FINISH, None)


def test_an_exception_is_not_tried_again_and_an_outage_that_the_agent_names_is(write: Write) -> None:
    code = """
from bao import Fault, FaultError
calls = []
class Agent:
    def act(self, observation):
        calls.append(1)
        if len(calls) < 3:
            raise {error}
        return "[finish]"
"""
    for error, stop, count in (
        ("ValueError", StopReason.POLICY_ERROR, 1),
        ("FaultError(Fault.POLICY_UNAVAILABLE, 'down')", StopReason.FINISH, 3),
    ):
        (episode,) = played(f"{write(code.format(error=error), 'tried.py')}:Agent")
        assert (episode.stop, episode.fault) == (stop, None)
        assert len(sys.modules["bao_agent_tried"].calls) == count


@pytest.mark.parametrize(
    "code",
    [
        "import time\ndef reply(messages): time.sleep(30)",
        "import asyncio\nasync def reply(messages): await asyncio.sleep(30)",
        "import time\nasync def reply(messages): time.sleep(30)",
    ],
)
def test_a_turn_that_takes_too_long_is_a_fault_and_the_next_agent_plays(code: str, write: Write) -> None:
    start = time.monotonic()
    (episode,) = played(f"{write(code)}:reply", turn_timeout=0.1, retries=0)
    assert time.monotonic() - start < 3
    assert (episode.fault, episode.turns) == (Fault.POLICY_TIMEOUT, ())
    assert "no answer within 0.1 s in turn 1" in episode.fault_detail
    quick = "async def reply(messages): return '[finish]'"
    assert played(f"{write(quick, 'quick.py')}:reply")[0].stop == StopReason.FINISH


def test_a_coroutine_that_takes_too_long_is_cancelled(write: Write) -> None:
    code = """
import asyncio
ended = []
async def reply(messages):
    try:
        await asyncio.sleep(30)
    except asyncio.CancelledError:
        ended.append(1)
        raise
"""
    played(f"{write(code, 'cancelled.py')}:reply", turn_timeout=0.1, retries=0)
    deadline = time.monotonic() + 5
    while not sys.modules["bao_agent_cancelled"].ended:
        assert time.monotonic() < deadline
        time.sleep(0.01)


# The command line.


def bao_process(*arguments: str, cwd: Path, **environment: str) -> Any:
    return subprocess.run(
        [sys.executable, "-m", "bao", *arguments],
        cwd=cwd,
        env={**os.environ, "COLUMNS": "200", **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def blocks() -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "agents.md").read_text(encoding="utf-8"), re.DOTALL)


def test_the_agents_of_the_documentation_run_as_written(tmp_path: Path) -> None:
    agent, function = blocks()
    assert len([line for line in agent.splitlines() if line.strip()]) <= 10
    (tmp_path / "my_agent.py").write_text(agent)
    (tmp_path / "function.py").write_text(function)
    done = bao_process("eval", "my_agent.py:Agent", "--gym", "travel", "--tasks", "50", "--out", "runs/mine", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    summary = json.loads((tmp_path / "runs/mine/summary.json").read_text())
    assert (summary["policy"], summary["episodes"], summary["unparsable"]["mean"]) == ("my_agent.Agent", 50, 0)
    assert summary["score"]["mean"] > 0
    assert summary["user_effort"]["mean"] > 1
    done = bao_process("eval", "function:reply", "--tasks", "5", "--concurrency", "2", "--out", "runs/function", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    episodes = read_episodes(tmp_path / "runs/function/episodes.parquet")
    assert {tuple(turn.action.kind for turn in each.turns) for each in episodes} == {("search", "finish")}


def test_a_traceback_is_in_the_log_and_no_secret_in_any_file(tmp_path: Path) -> None:
    secret, quoted = "wJalrXUtnFEMIbPxRfiCY", "sk-quotedbyaclient123"
    broken = f"raise RuntimeError('refused: ' + os.environ['MY_API_KEY'] + ' and {quoted}')"
    (tmp_path / "mine.py").write_text(MOODY.format(broken=broken.replace(quoted, quoted[:3] + "' + '" + quoted[3:])))
    done = bao_process("eval", "mine.py:Agent", "--tasks", "10", "--out", "out", cwd=tmp_path, MY_API_KEY=secret)
    assert done.returncode == 0, done.stderr
    summary = json.loads((tmp_path / "out/summary.json").read_text())
    assert (summary["episodes"], sum(summary["faults"].values())) == (10, 0)
    assert 0 < summary["policy_errors"] < 10
    assert f"its own code raised in {summary['policy_errors']} of 10 episodes" in done.stderr
    log = (tmp_path / "out/log.txt").read_text()
    assert "Traceback (most recent call last)" in log
    assert 'mine.py", line 9, in act' in log
    assert "RuntimeError: refused: *** and ***" in log
    assert "bao/policies" not in log
    episodes = read_episodes(tmp_path / "out/episodes.parquet")
    assert any("RuntimeError: refused: ***" in each.fault_detail for each in episodes)
    shown = [done.stdout, done.stderr, repr(episodes)]
    shown += [path.read_bytes().decode("latin-1") for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert not [text for text in shown if secret in text or quoted in text]


def test_results_of_two_versions_of_an_agent_never_mix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    agent = blocks()[0]
    Path("mine.py").write_text(agent)
    line = ("eval", "mine.py:Agent", "--tasks", 3, "--out", "out")
    assert bao(*line) == bao(*line) == 0
    Path("mine.py").write_text(agent.replace("Which area", "What area"))
    assert bao(*line) == 2
    assert "agent.source is" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("policy", "named"),
    [
        ("mine.py:Empty", "without an act(observation)"),
        ("scriptd:oracle", "did you mean scripted:"),
        ("mine.py", "mine.py:Agent"),
        ("mine.py:reply", "it gave a NoneType for a turn"),
    ],
)
def test_a_wrong_policy_is_one_line_and_leaves_no_result(
    policy: str, named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text("def reply(messages): return None\nclass Empty: pass\n")
    assert bao("eval", policy, "--tasks", 2, "--out", "out") == 2
    said = [line for line in capfd.readouterr().err.splitlines() if not line.startswith("playing")]
    assert len(said) == 1
    assert named in said[0]
    assert not list(Path().rglob("*.parquet"))


def test_the_help_shows_an_own_agent(capfd: pytest.CaptureFixture[str]) -> None:
    assert bao("eval", "--help") == 0
    assert "my_agent.py:Agent --gym travel" in capfd.readouterr().out


def test_an_agent_whose_code_breaks_scores_nothing_and_the_command_says_why(tmp_path: Path) -> None:
    turn = "        self.n += 1\n        return '[search] history' if self.n < 2 else 1 / 0\n"
    code = f"class Agent:\n    n = 0\n    def act(self, seen):\n{turn}"
    (tmp_path / "mine.py").write_text(code)
    done = bao_process("eval", "mine.py:Agent", "--tasks", "3", "--out", "out", "--failures", "fail_fast", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "its own code raised in 3 of 3 episodes" in done.stderr
    assert "the first: mine.py:Agent, turn 2: ZeroDivisionError" in done.stderr
    summary = json.loads((tmp_path / "out/summary.json").read_text())
    assert (summary["score"]["mean"], summary["success"]["mean"], summary["policy_errors"]) == (0, 0, 3)
    assert summary["stop"] == {"policy_error": 1.0}
    heading = next(line for line in done.stdout.splitlines() if "Policy" in line)
    names = re.findall(r"\w+", heading)
    assert names[names.index("Score") + 1 :][:2] == ["Faults", "Errors"]
