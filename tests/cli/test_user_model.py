"""`bao eval --user-model`: a model as the user."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from bao.action import Outcome
from bao.gyms.travel import Travel
from bao.storage.episodes import read_episodes
from bao.users.llm import Prompt
from tests.cli.support import Bao, refused
from tests.support.stub_endpoint import Kind, StubEndpoint


class _Reply(BaseModel):
    reply: str


def _ask_a_model(self: Travel, content: str) -> Outcome:
    assert self.llm is not None
    return Outcome(self.llm.ask(Prompt("You travel.", {"question": content}), _Reply).reply)


@pytest.fixture
def travel_with_a_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Travel, "user_backends", ("scripted", "llm"))
    monkeypatch.setattr(Travel, "on_action", _ask_a_model)


ASK_ALL = ("eval", "scripted:ask_all", "--tasks", "6")


@pytest.mark.usefixtures("travel_with_a_model")
def test_eval_with_a_model_as_the_user_says_what_it_took(bao: Bao, tmp_path: Path) -> None:
    with StubEndpoint(lambda messages: {"reply": "By the sea."}, faults={Kind.ERROR: 0.2}, latency=0.01) as stub:
        model = ("--user-model", f"org/model@v1@{stub.base_url}", "--set", "gym.settings.llm.backoff=0.001")
        done = bao(*ASK_ALL, *model, "--out", tmp_path / "one")
        assert done.status == 0, done
        assert f"{stub.base_url}: {len(stub.requests)} requests ({stub.drawn[Kind.ERROR]} retries, 0 re-asks)" in done.out
        assert {request["model"] for request in stub.requests} == {"org/model@v1"}
        assert 1 < stub.most_at_once <= 6
        # Slower, one at a time: the same folder goes on, for its results would be the same.
        sent = len(stub.requests)
        again = bao(*ASK_ALL, *model, "--concurrency", "1", "--set", "gym.settings.llm.timeout=9", "--out", tmp_path / "one")
        assert again.status == 0, again
        assert len(stub.requests) == sent
        refused(bao(*ASK_ALL, *model, "--set", "gym.settings.llm.temperature=1", "--out", tmp_path / "one"), "temperature")
        settings = (
            "--set",
            "gym.settings.user=llm",
            "--set",
            "gym.settings.llm.model=m",
            "--set",
            "gym.settings.llm.backoff=0",
        )
        assert (
            bao(*ASK_ALL, *settings, "--set", f"gym.settings.llm.base_url={stub.base_url}", "--out", tmp_path / "two").status
            == 0
        )
        stub.most_at_once = 0
        assert bao(*ASK_ALL, *model, "--concurrency", "1", "--out", tmp_path / "three").status == 0
        assert stub.most_at_once == 1
    played = [read_episodes(tmp_path / name / "episodes.parquet") for name in ("one", "two", "three")]
    assert [e.turns for e in played[0]] == [e.turns for e in played[1]] == [e.turns for e in played[2]]
    assert any(turn.reply == "By the sea." for episode in played[0] for turn in episode.turns)


@pytest.mark.usefixtures("travel_with_a_model")
def test_eval_names_the_faults_that_it_leaves_out(bao: Bao, tmp_path: Path) -> None:
    def refuses(request: Any) -> tuple[int, str] | None:
        return (503, "busy") if "apartment" in request["messages"][1]["content"] else None

    with StubEndpoint(lambda messages: {"reply": "By the sea."}, refuses=refuses) as stub:
        model = ("--user-model", f"m@{stub.base_url}", "--set", "gym.settings.llm.attempts=1", "--concurrency", "1")
        done = bao(*ASK_ALL, *model, "--out", tmp_path / "out")
        assert done.status == 0, done
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    count = summary["faults"]["user_unavailable"]
    assert 0 < count < 6
    assert f"{count} episodes are left out for their faults (user_unavailable {count})" in done.error
    assert "user_unavailable" in done.out


@pytest.mark.usefixtures("travel_with_a_model")
def test_what_is_wrong_with_the_models_settings_is_one_line(bao: Bao, tmp_path: Path) -> None:
    out = ("--out", tmp_path / "out")
    refused(bao(*ASK_ALL, "--user-model", "qwen3", *out), "--user-model", "MODEL@BASE_URL")
    refused(bao(*ASK_ALL, "--user", "scripted", "--user-model", "m@http://h/v1", *out), "contradict")
    refused(bao(*ASK_ALL, "--user", "llm", *out), "needs a model")
    refused(
        bao(*ASK_ALL, "--user-model", "m@http://h/v1", "--set", "gym.settings.llm.tiemout=3", *out), "did you mean 'timeout'"
    )
    refused(bao(*ASK_ALL, "--user-model", "m@http://h/v1", "--api-key-env", "NOT_SET_ANYWHERE", *out), "NOT_SET_ANYWHERE")
    with StubEndpoint(lambda messages: "", refuses=lambda request: (401, "who are you?")) as stub:
        done = bao(*ASK_ALL, "--user-model", f"m@{stub.base_url}", *out)
    *warnings, error = done.error.splitlines()
    assert all("nobody has checked" in line for line in warnings)
    refused(done._replace(error=error), "llm.api_key_env is not set", "who are you?")
    assert not list((tmp_path / "out").glob("*.parquet"))


def test_a_key_in_the_wrong_place_reaches_no_file(bao: Bao, tmp_path: Path) -> None:
    recipe = tmp_path / "mine.toml"
    recipe.write_text('[gym.settings.llm]\nmodel = "m"\nbase_url = "http://h/v1"\napi_key = "sk-verysecret"\n')
    done = bao("run", recipe, "--out", tmp_path / "out")
    refused(done, "gym.settings.llm.api_key is no setting")
    assert not (tmp_path / "out").exists()
    assert "verysecret" not in done.error
