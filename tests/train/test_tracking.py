"""Trackers get each step once, across resumptions, without secrets; one that breaks is warned of and left out."""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from bao.errors import ConfigError
from bao.models import local
from bao.recipes.recipe import check_recipe
from bao.train.settings import LoggingSection
from bao.train.tracking.base import Start
from bao.train.tracking.metrics_log import read_metrics
from bao.train.tracking.redact import redact
from bao.train.tracking.trackers import STATE, Trackers, require


class Fake:
    """A tracker that keeps what it is sent, and breaks at a given step."""

    def __init__(self, start: Start, sent: list[Any], breaks_at: int | None = None) -> None:
        self.run, self.start, self.sent, self.breaks_at = start.run or f"run-{len(sent)}", start, sent, breaks_at
        sent.append(("begin", self.run))

    def log(self, step: int, metrics: Any) -> None:
        if step == self.breaks_at:
            raise ConnectionError("https://user:hunter2@host/api refused")
        self.sent.append((step, dict(metrics)))

    def close(self, failed: bool) -> None:
        self.sent.append(("failed" if failed else "closed", self.run))


def trackers(folder: Path, warnings: list[str], **openers: Any) -> Trackers:
    start = Start("bao", "run", "group", folder, {"gym": {"name": "travel", "settings": {"api_key": "abc"}}}, False)
    return Trackers(tuple(openers), start, warnings.append, openers)


def steps(sent: list[Any]) -> list[int]:
    return [step for step, _ in sent if isinstance(step, int)]


def test_a_broken_tracker_is_warned_of_once_and_the_others_go_on(tmp_path: Path) -> None:
    broken, sound, warnings = [], [], []
    opened = trackers(tmp_path, warnings, a=lambda start: Fake(start, broken, 2), b=lambda start: Fake(start, sound))
    with opened as running:
        for step in (1, 2, 3, 4):
            running.log(step, {"loss": 1 / step})
    assert steps(broken) == [1]
    assert steps(sound) == [1, 2, 3, 4]
    assert sound[-1] == ("closed", "run-0")
    assert warnings == [
        "a failed and gets no more metrics (metrics.jsonl has them all): ConnectionError: https://***@host/api refused"
    ]


def test_a_tracker_that_cannot_begin_or_end_stops_nothing(tmp_path: Path) -> None:
    sent, warnings = [], []

    def no_begin(start: Start) -> Fake:
        raise OSError("no space")

    class NoEnd(Fake):
        def close(self, failed: bool) -> None:
            raise RuntimeError("lost")

    with trackers(tmp_path, warnings, a=no_begin, b=lambda start: NoEnd(start, sent)) as running:
        running.log(1, {"loss": 1.0})
    assert steps(sent) == [1]
    assert [warning.partition(" failed")[0] for warning in warnings] == ["a", "b"]


def test_a_resumed_run_goes_on_in_the_same_run_and_repeats_no_step(tmp_path: Path) -> None:
    sent, warnings = [], []
    first = trackers(tmp_path, warnings, a=lambda start: Fake(start, sent))
    for step in (1, 2, 3):
        first.log(step, {"loss": float(step)})
    # Killed here: nothing is closed. The checkpoint was at step 1.
    for _ in range(2):  # killed again before it has caught up
        second = trackers(tmp_path, warnings, a=lambda start: Fake(start, sent))
        second.log(2, {"loss": 2.0})
    with trackers(tmp_path, warnings, a=lambda start: Fake(start, sent)) as third:
        for step in (2, 3, 4):
            third.log(step, {"loss": float(step)})
    assert {run for what, run in sent if what == "begin"} == {"run-0"}
    assert steps(sent) == [1, 2, 3, 4]
    assert warnings == []
    assert json.loads((tmp_path / STATE).read_text()) == {"a": {"run": "run-0", "step": 4}}


def test_a_tracker_that_begins_a_new_run_gets_every_step_of_it(tmp_path: Path) -> None:
    (tmp_path / STATE).write_text('{"a": {"run": "gone", "step": 9}}')
    sent: list[Any] = []

    def anew(start: Start) -> Fake:
        return Fake(start._replace(run=None), sent)

    trackers(tmp_path, [], a=anew).log(5, {"loss": 1.0})
    assert steps(sent) == [5]


def test_a_failed_training_is_closed_as_failed(tmp_path: Path) -> None:
    sent: list[Any] = []
    with pytest.raises(KeyboardInterrupt), trackers(tmp_path, [], a=lambda start: Fake(start, sent)):
        raise KeyboardInterrupt
    assert sent[-1] == ("failed", "run-0")


def test_a_run_without_trackers_leaves_nothing(tmp_path: Path) -> None:
    with trackers(tmp_path, []) as none:
        none.log(1, {"loss": 1.0})
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_memory_of_what_was_sent_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / STATE).write_text('{"a": {"ru')
    sent: list[Any] = []
    trackers(tmp_path, [], a=lambda start: Fake(start, sent)).log(1, {"loss": 1.0})
    assert steps(sent) == [1]


def test_secrets_are_redacted_and_settings_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_SERVICE_TOKEN", "correct-horse-battery")
    settings = {
        "grpo": {"turn_tokens": 64, "trajectory_tokens": 800, "kl": 0.1, "effort_weights": (0.0, 0.1)},
        "gym": {
            "settings": {
                "llm": {"api_key": "abc", "base_url": "https://me:pw@host/v1?api_key=abc&x=1", "model": "m", "apiKey": "q"},
                "note": "use sk-abcdefghijkl or correct-horse-battery",
                "token": None,
            }
        },
    }
    assert redact(settings) == {
        "grpo": {"turn_tokens": 64, "trajectory_tokens": 800, "kl": 0.1, "effort_weights": [0.0, 0.1]},
        "gym": {
            "settings": {
                "llm": {"api_key": "***", "base_url": "https://***@host/v1?api_key=***&x=1", "model": "m", "apiKey": "***"},
                "note": "use *** or ***",
                "token": None,
            }
        },
    }


def test_what_a_tracker_begins_with_holds_no_secret(tmp_path: Path) -> None:
    seen: list[Start] = []

    def opener(start: Start) -> Fake:
        seen.append(start)
        return Fake(start, [])

    trackers(tmp_path, [], a=opener)
    assert seen[0].settings == {"gym": {"name": "travel", "settings": {"api_key": "***"}}}


def test_an_unknown_tracker_is_named_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"logging\.trackers: 'wand' is no tracker: did you mean 'wandb'\?"):
        check_recipe({"logging": {"trackers": ["wand"]}})


def test_a_tracker_that_is_not_installed_names_the_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bao.train.tracking.trackers.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"logging\.trackers names 'wandb', which is not installed: pip install wandb"):
        require(LoggingSection(trackers=("wandb",)))


def test_a_folder_of_a_trackers_name_is_not_taken_for_it(tmp_path: Path) -> None:
    code = f"import sys; sys.path[:0] = [{str(tmp_path)!r}]; sys.modules.pop('wandb', None)\n" + (
        "from importlib.machinery import PathFinder\nimport bao.train.tracking.trackers as t\n"
        "from bao.train.settings import LoggingSection\n"
        f"t.find_spec = lambda name: PathFinder.find_spec(name, [{str(tmp_path)!r}])\n"
        "from bao.errors import ConfigError\n"
        "try: t.require(LoggingSection(trackers=('wandb',)))\nexcept ConfigError: print('refused')"
    )
    (tmp_path / "wandb").mkdir()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.strip() == "refused", done.stderr


def test_a_killed_and_resumed_training_sends_each_step_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from bao.recipes import stages
    from bao.recipes.recipe import load_recipe
    from bao.reporting.terminal import TerminalProgress
    from bao.train.tracking import trackers
    from tests.recipes.test_stages import TINY
    from tests.support.small_model import small_local

    sent: list[Any] = []

    class Killed(Fake):
        def log(self, step: int, metrics: Any) -> None:
            super().log(step, metrics)
            if step == 3 and len(steps(sent)) == 3:
                raise KeyboardInterrupt

    monkeypatch.setattr(trackers, "require", lambda section: None)
    monkeypatch.setitem(trackers.OPENERS, "wandb", lambda start: Killed(start, sent))
    local.save_local(tmp_path / "model", small_local())
    changes = (*TINY, "gym.settings.horizon=3", "grpo.steps=4", "grpo.checkpoint_every=2")
    tracked = load_recipe("quickstart", [*changes, 'logging.trackers=["wandb"]'])
    with pytest.raises(KeyboardInterrupt):
        stages.reinforce(tracked, tmp_path / "model", tmp_path / "bao", TerminalProgress())
    stages.reinforce(tracked, tmp_path / "model", tmp_path / "bao", TerminalProgress())
    assert steps(sent) == [1, 2, 3, 4]
    assert [each for each in sent if not isinstance(each[0], int)] == [
        ("begin", "run-0"),
        ("failed", "run-0"),
        ("begin", "run-0"),
        ("closed", "run-0"),
    ]
    rows = read_metrics(tmp_path / "bao" / "metrics.jsonl")
    assert [row["step"] for row in rows] == [1, 2, 3, 4]
    assert dict(sent)[2] == {name: value for name, value in rows[1].items() if name != "step"}
    # Where metrics go changes no result, so a begun run may change it.
    stages.reinforce(load_recipe("quickstart", list(changes)), tmp_path / "model", tmp_path / "bao", TerminalProgress())


REAL = """
import sys
from pathlib import Path
from bao.train.tracking.base import Start
from bao.train.tracking.trackers import Trackers
name, folder, first, last = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
settings = {"seed": 0, "grpo": {"effort_weights": [0.0, 0.1]}, "gym": {"settings": {"api_key": "abc-secret-abc"}}}
warnings = []
with Trackers((name,), Start("p", "run", "group", folder, settings, False), warnings.append) as trackers:
    for step in range(first, last + 1):
        trackers.log(step, {"loss": 1 / step, "score/w=0.1": 0.5, "seconds/rollout": 2.0})
assert not warnings, warnings
"""


def played(name: str, folder: Path) -> list[int]:
    """Steps 1 to 3, then a process that resumes at 2 and goes to 5, with the real package."""
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        pytest.skip(f"{name} is not installed: pip install 'bao-agents[trackers]'")
    environment = {
        **os.environ,
        "TRACKIO_DIR": str(folder / "trackio"),
        "TRACKIO_SPACE_ID": "nobody/nothing",
        "HF_HUB_OFFLINE": "1",
        "MLFLOW_TRACKING_URI": "http://127.0.0.1:9",
        "WANDB_API_KEY": "0" * 40,
        "WANDB_BASE_URL": "http://127.0.0.1:9",
    }
    for first, last in ((1, 3), (2, 5)):
        done = subprocess.run(
            [sys.executable, "-c", REAL, name, str(folder), str(first), str(last)],
            capture_output=True,
            text=True,
            timeout=300,
            env=environment,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout == ""
    assert not [path for path in folder.rglob("*") if path.is_file() and b"abc-secret-abc" in path.read_bytes()]
    return [1, 2, 3, 4, 5]


@pytest.mark.slow
def test_mlflow_holds_each_step_once_in_one_run(tmp_path: Path) -> None:
    expected = played("mlflow", tmp_path)
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    (run,) = client.search_runs([client.get_experiment_by_name("p").experiment_id])
    assert [metric.step for metric in client.get_metric_history(run.info.run_id, "loss")] == expected
    assert client.get_metric_history(run.info.run_id, "score/w_0.1")[0].value == 0.5
    assert run.info.status == "FINISHED"
    assert run.data.params["grpo.effort_weights"] == "[0.0, 0.1]"
    assert run.data.params["gym.settings.api_key"] == "***"


@pytest.mark.slow
def test_trackio_holds_each_step_once_in_one_run(tmp_path: Path) -> None:
    expected = played("trackio", tmp_path)
    with sqlite3.connect(tmp_path / "trackio" / "p.db") as store:
        rows = store.execute("select run_name, step, metrics from metrics order by step").fetchall()
    assert [step for _, step, _ in rows] == expected
    assert len({name for name, _, _ in rows}) == 1
    assert json.loads(rows[0][2])["score/w=0.1"] == 0.5


def wandb_records(path: Path) -> Iterator[bytes]:
    """The records of a .wandb file, a LevelDB log: after 7 bytes, pieces (checksum 4, length 2, type 1, data) in 32 KiB blocks,
    type 1 whole, 2 first, 3 middle, 4 last."""
    content, position, parts = path.read_bytes(), 7, b""
    while position + 7 <= len(content):
        left = 32768 - position % 32768
        if left < 7:
            position += left
            continue
        length, kind = int.from_bytes(content[position + 4 : position + 6], "little"), content[position + 6]
        parts = (b"" if kind in (1, 2) else parts) + content[position + 7 : position + 7 + length]
        position += 7 + length
        if kind in (1, 4):
            yield parts


@pytest.mark.slow
def test_wandb_holds_each_step_once_under_one_id(tmp_path: Path) -> None:
    expected = played("wandb", tmp_path)
    from wandb.proto import wandb_internal_pb2

    found, ids = [], set()
    for path in sorted(tmp_path.glob("wandb/offline-run-*/*.wandb")):
        for data in wandb_records(path):
            record = wandb_internal_pb2.Record()
            record.ParseFromString(data)
            if record.WhichOneof("record_type") == "history":
                found.append(record.history.step.num)
            if record.WhichOneof("record_type") == "run":
                ids.add(record.run.run_id)
            assert record.WhichOneof("record_type") not in ("environment", "stats", "output_raw"), "nothing of the machine"
    assert found == expected
    assert len(ids) == 1
