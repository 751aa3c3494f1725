"""UserRL's and tau-bench's files through the command line as one types it: each plays whole, or is refused in one line.

Refused means before any episode: no folder with half a result, and the line names the reason and the setting that helps.
"""

import json
from pathlib import Path
from typing import NamedTuple

import pytest

from bao.errors import ConfigError
from bao.gyms.persuade import Persuade
from bao.gyms.registry import make
from bao.rollout.preflight import check_playable
from bao.storage.episodes import read_episodes
from bao.task import Task
from bao.trajectory import FaultError
from tests.cli.conftest import bao  # noqa: F401 (a fixture)
from tests.cli.support import Bao, refused, run


class File(NamedTuple):
    gym: str
    path: str
    tasks: int = 0
    """How many it holds; for a file that plays."""
    settings: tuple[str, ...] = ()
    refusal: tuple[str, ...] = ()
    """What the one line says; for a file that is refused."""


DATABASE = "gym.settings.database={tau}/retail"
NO_CONSIDERATIONS = ("378 of 378 tasks", "user='scripted'", "no considerations", "user='llm'", "--user-model")
NO_FACTS = ("user='scripted'", "no class and facts", "user='llm'", "--user-model")
NO_NEEDS = ("user='scripted'", "no 'needs'", "user='llm'", "--user-model")
NO_CORPUS = ("125 of 125 tasks", "corpus", "corpus=PATH", "gym.settings.NAME=VALUE")
NO_DATABASE = ("500 of 500 tasks", "retail database", "database=PATH", "gym.settings.NAME=VALUE")
FREE_TEXT = ("'retail-000'", "free text", "user='scripted'")
PLAYS = [
    File("function", "function/functions.json", 538),
    File("function", "function/train.parquet", 460),
    File("function", "function/test.parquet", 78),
    File("intention", "intention/all_intentions_train.json", 1012),
    File("intention", "intention/all_intentions_test.json", 95),
    File("intention", "intention/train.parquet", 380),
    File("intention", "intention/test.parquet", 40),
    File("search", "bamboogle/questions.json", 125, ("gym.settings.corpus=none",)),
    File("search", "bamboogle/test.parquet", 125, ("gym.settings.corpus=none",)),
    File("tau", "tau/tau_train.json", 500, (DATABASE,)),
    File("tau", "tau/train.parquet", 500, (DATABASE,)),
    File("telepathy", "telepathy/test.parquet", 41, ("gym.settings.user=judge",)),
]
REFUSED = [
    File("persuade", "persuasion/train.parquet", refusal=NO_CONSIDERATIONS),
    File("persuade", "persuasion/test.parquet", refusal=("42 of 42 tasks", *NO_CONSIDERATIONS[1:])),
    File("search", "bamboogle/questions.json", refusal=NO_CORPUS),
    File("search", "bamboogle/test.parquet", refusal=NO_CORPUS),
    File("tau", "tau/tau_train.json", refusal=NO_DATABASE),
    File("tau", "tau/train.parquet", refusal=NO_DATABASE),
    File("tau", "tau/tau_test.json", settings=(DATABASE,), refusal=FREE_TEXT),
    File("tau", "tau/test.parquet", settings=(DATABASE,), refusal=FREE_TEXT),
    File("telepathy", "telepathy/entities.json", refusal=("401 of 401 tasks", *NO_FACTS)),
    File("telepathy", "telepathy/train.parquet", refusal=("360 of 360 tasks", *NO_FACTS)),
    File("telepathy", "telepathy/test.parquet", refusal=("41 of 41 tasks", *NO_FACTS)),
    File("turtle", "turtle/stories.json", refusal=("471 of 471 tasks", *NO_NEEDS)),
    File("turtle", "turtle/train.parquet", refusal=("423 of 423 tasks", *NO_NEEDS)),
    File("turtle", "turtle/test.parquet", refusal=("48 of 48 tasks", *NO_NEEDS)),
    File("tau", "../tau-bench/retail/data/orders.json", refusal=("orders.json is not a list of tau-bench's tasks",)),
    File("tau", "../tau-bench/airline/data/users.json", refusal=("users.json is not a list of tau-bench's tasks",)),
    File("search", "function/functions.json", refusal=("functions.json, entry 0.question",)),
    File("intention", "turtle/stories.json", refusal=("stories.json is not a list of vague tasks",)),
    File("persuade", "telepathy/test.parquet", refusal=("test.parquet, row 1", "reward_model.id")),
    File("travel", "function/test.parquet", refusal=("test.parquet",)),
]


def words(file: File, data: Path, out: Path) -> list[str]:
    line = ["eval", "scripted:random", "--gym", file.gym, "--tasks", str(data / file.path), "--out", str(out)]
    for setting in file.settings:
        line += ["--set", setting.format(tau=data.parent / "tau-bench")]
    return line


@pytest.mark.parametrize("file", [pytest.param(f, id=f.path, marks=[pytest.mark.slow] if f.tasks > 500 else []) for f in PLAYS])
def test_a_file_plays_to_a_whole_result(file: File, userrl_data: Path, tmp_path: Path, bao: Bao) -> None:  # noqa: F811
    done = bao(*words(file, userrl_data, tmp_path / "out"))
    assert done.status == 0, done.error
    episodes = read_episodes(tmp_path / "out" / "episodes.parquet")
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert len({episode.task_id for episode in episodes}) == len(episodes) == summary["episodes"] == file.tasks
    assert sum(summary["faults"].values()) == 0


@pytest.mark.parametrize("file", [pytest.param(f, id=f"{f.gym} {f.path}") for f in REFUSED])
def test_a_file_is_refused_in_one_line_before_any_episode(
    file: File,
    userrl_data: Path,
    tmp_path: Path,
    bao: Bao,  # noqa: F811
) -> None:
    refused(bao(*words(file, userrl_data, tmp_path / "out")), *file.refusal)
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_refusal_has_no_traceback_in_a_process_of_its_own(userrl_data: Path, tmp_path: Path) -> None:
    file = File("turtle", "turtle/test.parquet")
    refused(run(*words(file, userrl_data, tmp_path / "out"), cwd=tmp_path), *NO_NEEDS)
    file = File("function", "function/test.parquet")
    assert run(*words(file, userrl_data, tmp_path / "played"), cwd=tmp_path).status == 0


def test_every_file_of_the_data_is_covered(userrl_data: Path) -> None:
    covered = {file.path for file in (*PLAYS, *REFUSED)}
    present = {
        str(path.relative_to(userrl_data)) for path in userrl_data.rglob("*") if path.suffix in (".json", ".jsonl", ".parquet")
    }
    assert present <= covered


def mixed() -> list[Task]:
    """Own tasks, with one of UserRL's form at the end."""
    other = Task("theirs", "persuade", {"claim": "Cats are better than dogs", "argument": "They are quiet."})
    return [*Persuade.task_set("test", 3), other]


def test_one_task_that_cannot_be_played_is_refused_before_the_others_are_played(tmp_path: Path, bao: Bao) -> None:  # noqa: F811
    path = tmp_path / "tasks.jsonl"
    path.write_text("".join(json.dumps(task.to_json()) + "\n" for task in mixed()))
    done = bao("eval", "scripted:random", "--gym", "persuade", "--tasks", path, "--out", tmp_path / "out")
    refused(done, "1 of 4 tasks", "'theirs'")
    assert not (tmp_path / "out").exists()


class Counting:
    """A model that counts what it is asked and has no answer."""

    def __init__(self) -> None:
        self.asked = 0

    def ask(self, *_: object, **__: object) -> None:
        self.asked += 1
        raise AssertionError("no model may be asked before the first episode")


@pytest.mark.parametrize("name", ["intention", "persuade", "search", "tau", "telepathy", "travel", "turtle"])
def test_finding_out_asks_no_model(name: str) -> None:
    model = Counting()
    try:
        gym = make(name, user="llm", llm=model)
    except ConfigError as error:  # a gym that no model can play says so
        pytest.skip(str(error))
    check_playable(gym, gym.task_set("test", 5))
    assert model.asked == 0


def test_a_gym_whose_user_would_speak_first_is_found_playable() -> None:
    class SpeaksFirst(Persuade):
        def begin(self, task: Task) -> str:
            assert self.llm is not None
            self.llm.ask(None, None)  # type: ignore[arg-type, type-var]
            raise AssertionError("the stand-in answered")

    check_playable(SpeaksFirst(user="llm", llm=Counting()), Persuade.task_set("test", 3))


def test_the_stand_in_is_never_left_to_play() -> None:
    gym = make("persuade", user="llm", llm=Counting())
    check_playable(gym, mixed())
    assert gym.llm is not None
    with pytest.raises(FaultError, match="before the first episode"):
        gym.llm.ask(None, None)  # type: ignore[arg-type, type-var]
