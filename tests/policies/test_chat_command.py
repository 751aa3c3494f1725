"""A chat model from the command line: its score, its settings and no key; the price of the user's turns."""

import json
from pathlib import Path
from typing import Any

import pytest

from bao.errors import ConfigError
from bao.evaluation.evaluate import evaluate
from bao.evaluation.results import find_results
from bao.evaluation.settings import EvaluationJob
from bao.gyms.section import GymSection
from bao.gyms.travel import Travel
from bao.policies.agents import open_agent
from bao.reporting.terminal import TerminalProgress
from bao.storage.episodes import read_episodes
from bao.trajectory import Fault
from tests.policies.test_chat import KEY, scripted, stub_of
from tests.support.command_line import bao
from tests.support.stub_agent import Request, by_rule, speaking
from tests.support.stub_endpoint import Kind


def test_bao_eval_leaves_the_score_the_settings_and_no_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STUB_KEY", KEY)

    def indiscreet(request: Request) -> dict[str, Any]:
        return {**by_rule(request), "reasoning": f"The key is {KEY}."}

    script = [None, Kind.ERROR, Kind.RATE_LIMIT]
    with stub_of(speaking(indiscreet), script=script) as stub:
        arguments = ("eval", f"openai:org/stub-8b@{stub.base_url}", "--tasks", 5, "--out", tmp_path / "out")
        more = ("--api-key-env", "STUB_KEY", "--top-p", 0.5, "--turn-tokens", 77, "--set", "agent.body.top_k=3")
        assert bao(*arguments, *more) == 0
        assert {headers["authorization"] for headers in stub.headers} == {f"Bearer {KEY}"}
        assert {(r["top_p"], r["max_tokens"], r["top_k"]) for r in stub.requests} == {(0.5, 77, 3)}
        asked = len(stub.requests)
        assert bao(*arguments, *more) == 0  # all is there
        assert len(stub.requests) == asked
        assert bao(*arguments, *more, "--temperature", 1) == 2  # another policy
    out, error = capfd.readouterr()
    assert "agent.temperature is 0.0 there and 1.0 now" in " ".join(error.split())
    assert "tokens in" in out
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert (summary["policy"], summary["score"]["mean"]) == ("stub-8b", pytest.approx(mean_return(5)))
    episodes = read_episodes(tmp_path / "out" / "episodes.parquet")
    assert {turn.prompt_tokens for each in episodes for turn in each.turns} == {10}
    config = (tmp_path / "out" / "config.toml").read_text()
    assert f'policy = "openai:org/stub-8b@{stub.base_url}"' in config
    assert "STUB_KEY" not in config
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) >= 4
    assert not [path for path in files if KEY.encode() in path.read_bytes()]
    assert KEY not in repr(episodes) + out + error
    assert "The key is ***." in repr(episodes)


def mean_return(count: int) -> float:
    return sum(each.task_return for each in scripted(count)) / count


def test_a_key_that_the_endpoint_quotes_in_its_errors_reaches_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STUB_KEY", KEY)

    def refuses(request: Request) -> tuple[int, str] | None:
        return (500, f"key {KEY} broke") if len(request["messages"]) > 4 else None

    with stub_of(refuses=refuses) as stub:
        policy = f"openai:stub@{stub.base_url}"
        quick = ("--set", "agent.backoff=0.001", "--set", "agent.attempts=1", "--tasks", 2, "--out", tmp_path / "out")
        assert bao("eval", policy, "--api-key-env", "STUB_KEY", *quick) == 1
    out, error = capfd.readouterr()
    assert "all 2 episodes ended in a fault (policy_unavailable 2; the first: stub at http" in error
    episodes = read_episodes(tmp_path / "out" / "episodes.parquet")
    assert {each.fault for each in episodes} == {Fault.POLICY_UNAVAILABLE}
    files = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert KEY not in repr(episodes) + out + error
    assert not [content for content in files if KEY.encode() in content]


@pytest.mark.parametrize(
    ("policy", "settings", "named"),
    [
        ("openai:qwen3", {}, r"openai:MODEL@BASE_URL, such as openai:qwen3@http"),
        (f"openai:m@http://u:{KEY}@h/v1", {}, r"agent\.base_url must hold no user name"),
        ("openai:m@http://h/v1", {"mode": "xml"}, r"agent\.mode"),
        ("openai:m@http://h/v1", {"tempreature": 1}, "temperature"),
        ("openai:m@http://h/v1", {"body": {"tools": []}}, r"agent body\.tools"),
        ("openai:m@http://h/v1", {"api_key_env": "NO_SUCH_KEY"}, "NO_SUCH_KEY"),
        ("openai:m@http://h/v1", {"api_key": KEY}, r"agent\.api_key is no setting"),
    ],
)
def test_a_wrong_setting_is_named_and_never_repeated(policy: str, settings: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError, match=named) as caught:
        open_agent(policy, settings)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    ("model", "name"), [("qwen3", "qwen3"), ("Qwen/Qwen3-8B", "Qwen3-8B"), ("a b:c@d", "a-b-c-d"), ("../..", "model")]
)
def test_the_name_of_a_model_is_safe_as_a_files_name(model: str, name: str) -> None:
    assert open_agent(f"openai:{model}@http://h/v1", {}).name == name


def test_settings_of_agents_are_refused_where_the_policy_has_none(tmp_path: Path) -> None:
    job = EvaluationJob(GymSection(), Travel.task_set("test", 1), agent={"mode": "text"})
    with pytest.raises(ConfigError, match=r"agent\.mode is no setting of a scripted policy"):
        evaluate("scripted:oracle", job, {None: tmp_path}, TerminalProgress())


def test_a_price_of_the_users_turns_is_told_and_kept(tmp_path: Path) -> None:
    with stub_of() as stub:
        for weight in ("0.05", "0.2"):
            arguments = (f"openai:stub@{stub.base_url}", "--tasks", 2, "--effort-weight", weight, "--out", tmp_path / weight)
            assert bao("eval", *arguments) == 0
        told = {request["messages"][0]["content"] for request in stub.requests}
        arguments = (f"openai:stub@{stub.base_url}", "--tasks", 2, "--effort-weight", "0.1", "--out", tmp_path / "0.05")
        assert bao("eval", *arguments) == 2
    assert len(told) == 2
    assert {"a user turn costs 5 percent" in text for text in told} == {True, False}
    assert all("interact" in text for text in told)
    assert [judged.label for judged in find_results([tmp_path])] == ["stub w=0.05", "stub w=0.2"]
    (episode, _) = read_episodes(tmp_path / "0.2" / "episodes.parquet")
    assert episode.effort_weight == 0.2
    assert "a user turn costs 20 percent" in episode.system


def test_an_agent_in_python_is_told_the_price_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("frugal.py").write_text(
        "class Agent:\n"
        "    def begin(self, system, opening):\n"
        "        self.asks = 'costs 1 percent' in system\n"
        "    def act(self, observation):\n"
        "        return '[action] Which area for the hotel?' if self.asks else '[finish]'\n"
    )
    efforts = []
    for weight in ("0.01", "0.3"):
        assert bao("eval", "frugal.py:Agent", "--tasks", 3, "--effort-weight", weight, "--out", weight) == 0
        efforts.append(json.loads(Path(weight, "summary.json").read_text())["user_effort"]["mean"])
    assert efforts == [16, 0]
