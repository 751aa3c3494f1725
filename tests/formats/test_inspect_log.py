"""Inspect's logs: messages, scores, limits and errors, read by Inspect itself."""

import dataclasses
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from bao.action import ActionKind
from bao.errors import ConfigError, DataError
from bao.formats.exchange import Target, export_episodes
from bao.reporting.terminal import TerminalProgress
from bao.storage.episodes import utf8, write_episodes
from bao.trajectory import Fault, StopReason, Trajectory
from tests.formats.test_formats import EPISODES, episode, turns


def test_inspect_is_named_with_its_install_where_it_is_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "inspect_ai", None)
    write_episodes(tmp_path / "in" / "episodes.parquet", [episode()])
    with pytest.raises(ConfigError, match=r"--to inspect needs inspect_ai, .*pip install 'bao-agents\[formats\]'"):
        export_episodes(tmp_path / "in", Target.INSPECT, tmp_path / "e.eval", TerminalProgress())
    assert os.listdir(tmp_path) == ["in"]


@pytest.fixture(scope="module")
def inspect_log() -> Any:
    return pytest.importorskip("inspect_ai.log", reason="inspect_ai is not installed: pip install 'bao-agents[formats]'")


@pytest.mark.slow
def test_inspect_reads_messages_scores_limits_and_errors(tmp_path: Path, inspect_log: Any) -> None:
    rows = [
        episode(),
        episode(seed=4, stop=StopReason.MAX_TURNS, success=False, turns=turns(3), horizon=3),
        episode(task_id="t2", turns=turns(1), success=False, stop=StopReason.TOKEN_BUDGET, system=""),
        episode(task_id="t/3 é", turns=(), success=False, stop=StopReason.FAULT, fault=Fault.USER_TIMEOUT, fault_detail="30 s"),
    ]
    write_episodes(tmp_path / "in" / "episodes.parquet", rows)
    out = tmp_path / "e.eval"
    assert export_episodes(tmp_path / "in", Target.INSPECT, out, TerminalProgress()) == 4
    log = inspect_log.read_eval_log(str(out))
    assert (log.status, log.eval.task, log.eval.model) == ("success", "bao/travel", "mine")
    samples = {(sample.id, sample.epoch): sample for sample in log.samples}
    assert set(samples) == {("t1", 1), ("t1", 2), ("t2", 1), ("t/3 é", 1)}
    first = samples["t1", 1]
    assert {name: score.value for name, score in first.scores.items()} == {"score": 0.75, "success": 1.0, "user_effort": 2.0}
    assert [message.role for message in first.messages] == [
        "system",
        "user",
        "assistant",
        "tool",
        "assistant",
        "user",
        "assistant",
        "tool",
    ]
    assert first.messages[2].tool_calls[0].arguments == {"choice": "action", "content": "price?"}
    assert first.messages[2].content[0].reasoning == "both fit"
    assert first.metadata["turns"][1]["parse_fault"] == "bad_json"
    assert (samples["t1", 2].limit.type, samples["t1", 2].limit.limit) == ("turn", 3)
    assert samples["t2", 1].limit.type == "token"
    fault = samples["t/3 é", 1]
    assert (fault.error.message, fault.scores) == ("user_timeout: 30 s", None)
    # Means over tasks: t1 has 0.75 and 0, t2 has 0; the fault counts nowhere.
    score = next(score for score in log.results.scores if score.name == "score")
    assert score.metrics["mean"].value == pytest.approx((0.375 + 0) / 2)
    assert score.metrics["stderr"].value == pytest.approx(0.375 / 2)
    assert (log.results.total_samples, log.results.completed_samples) == (4, 3)
    assert inspect_log.read_eval_log(str(out), header_only=True).results.total_samples == 4
    assert [summary.error for summary in inspect_log.read_eval_log_sample_summaries(str(out))].count(None) == 3
    one = inspect_log.read_eval_log_sample(str(out), id="t/3 é", epoch=1)
    assert one.uuid == fault.uuid


@pytest.mark.slow
@given(trajectories=st.lists(EPISODES, min_size=1, max_size=3))
@settings(max_examples=30, deadline=None, phases=[Phase.generate])
def test_inspect_reads_odd_texts(
    trajectories: list[Trajectory], tmp_path_factory: pytest.TempPathFactory, inspect_log: Any
) -> None:
    from bao.formats.inspect_log import write_inspect

    path = tmp_path_factory.mktemp("inspect") / "e.eval"
    alike = [dataclasses.replace(row, gym="g", policy="\ud800", effort_weight=None) for row in trajectories]
    write_inspect(path, alike)
    log = inspect_log.read_eval_log(str(path))
    assert len(log.samples) == len(alike)
    for row in alike:
        same = [sample for sample in log.samples if sample.metadata["task_id"] == utf8(row.task_id)]
        wanted = [utf8(turn.action.content) for turn in row.turns if turn.action.kind not in (ActionKind.NONE, "dance")]
        assert wanted in [[call.arguments["content"] for call in calls_of(sample)] for sample in same]


def calls_of(sample: Any) -> list[Any]:
    return [call for message in sample.messages for call in getattr(message, "tool_calls", None) or []]


@pytest.mark.slow
def test_a_log_of_several_policies_is_refused(tmp_path: Path, inspect_log: Any) -> None:
    from bao.formats.inspect_log import write_inspect

    with pytest.raises(DataError, match=r"the episodes are of policy 'mine' and 'other', and a log holds one"):
        write_inspect(tmp_path / "e.eval", [episode(), episode(policy="other")])
    with pytest.raises(DataError, match="there is no episode"):
        write_inspect(tmp_path / "e.eval", [])
    assert os.listdir(tmp_path) == []


@pytest.mark.slow
def test_inspects_command_opens_the_log(tmp_path: Path, inspect_log: Any) -> None:
    from bao.formats.inspect_log import write_inspect

    write_inspect(tmp_path / "e.eval", [episode()])
    with zipfile.ZipFile(tmp_path / "e.eval") as log:
        assert log.testzip() is None
    command = [sys.executable, "-m", "inspect_ai", "log", "dump", "e.eval"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["samples"][0]["scores"]["user_effort"]["value"] == 2.0
