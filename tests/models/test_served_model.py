"""A model that was trained here, behind somebody else's server: it reads there what it read in training."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from bao.action import render
from bao.models.local import LocalModel, Profile, load_local, save_local
from bao.policies.prompt import PromptForm
from bao.storage.episodes import read_episodes
from bao.train.examples import encode
from bao.train.settings import SFTSection
from bao.train.sft import train_sft
from tests.support.command_line import bao
from tests.support.small_model import WEIGHTS, small_local, supervised, travel_demonstrations

pytest.importorskip("fastapi", reason="transformers serve needs transformers[serving]")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that has learned to say something readable: no more is needed to tell talks apart."""
    local = small_local()
    traces = [encode(demonstration, local.template) for demonstration in travel_demonstrations(1200)]
    settings = SFTSection(warmup=10)
    train_sft(supervised(local, settings), traces, settings, 0, tmp_path_factory.mktemp("sft"))
    folder = tmp_path_factory.mktemp("served") / "model"
    save_local(folder, LocalModel(local.model, local.template, Profile(PromptForm.BRIEF, WEIGHTS)))
    return folder


@pytest.fixture(scope="module")
def base_url(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = Path(sys.executable).with_name("transformers")
    command = [program, "serve", model, "--host", "127.0.0.1", "--port", str(port), "--device", "cpu", "--dtype", "float32"]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    log = tmp_path_factory.mktemp("log") / "log.txt"
    with log.open("wb") as said:
        server = subprocess.Popen(command, env=environment, stdout=said, stderr=said)
        try:
            url = f"http://127.0.0.1:{port}/v1"
            for _ in range(600):
                try:
                    urllib.request.urlopen(f"{url}/models", timeout=5).read()
                    break
                except (urllib.error.URLError, OSError):
                    assert server.poll() is None, log.read_text()
                    time.sleep(0.2)
            yield url
        finally:
            server.kill()
            server.wait()


@pytest.mark.slow
def test_a_served_model_reads_the_talk_that_it_was_trained_on(model: Path, base_url: str, tmp_path: Path) -> None:
    how = ("--tasks", 12, "--levels", 2, "--effort-weight", 0.1, "--horizon", 6, "--turn-tokens", 64, "--concurrency", 2)
    assert bao("eval", f"openai:{model}@{base_url}", *how, "--set", "agent.prompt=brief", "--out", tmp_path) == 0
    template, checked = load_local(model).template, 0
    for episode in read_episodes(tmp_path / "episodes.parquet"):
        ids = template.prompt_ids(episode.system, episode.opening)
        for turn in episode.turns:
            # What the server says that it has read: the thoughts of earlier turns are in it.
            assert turn.prompt_tokens == len(ids)
            if turn.parse_fault is not None or not turn.thinking:
                break  # its text cannot be told from what was read in it
            checked += 1
            ids += [*template.turn_ids(render(turn.thinking, turn.action)), *template.observation_ids(turn.reply, True)]
    assert checked >= 12
