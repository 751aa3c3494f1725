"""A finished folder grows: more tasks, more rollouts, new tries of faults; what is there is kept, or the command refused."""

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

import bao
from bao.errors import ConfigError
from bao.storage.episodes import read_episodes
from bao.trajectory import Trajectory

AGENT = """
import pathlib
from bao.trajectory import Fault, FaultError

HERE = pathlib.Path(__file__).parent


class Agent:
    name = "agent"

    def begin(self, system, opening):
        with (HERE / "openings.txt").open("a") as file:
            file.write(opening + "\\n")
        self.opening = opening

    def act(self, observation):
        if (HERE / "down").exists() and len(self.opening) % 3 == 0:
            raise FaultError(Fault.POLICY_UNAVAILABLE, "down")
        return "[finish]"
"""


@pytest.fixture
def agent(tmp_path: Path) -> Path:
    (tmp_path / "agent.py").write_text(AGENT)
    return tmp_path


def evaluate(agent: Path, **options: object) -> bao.EvaluationResult:
    return bao.evaluate(f"{agent / 'agent.py'}:Agent", out=agent / "out", progress=False, **options)  # type: ignore[arg-type]


def begun(agent: Path) -> int:
    """How many episodes were begun since the last call."""
    path = agent / "openings.txt"
    count = len(path.read_text().splitlines()) if path.exists() else 0
    path.unlink(missing_ok=True)
    return count


def rows(folder: Path) -> list[Trajectory]:
    return [replace(each, seconds=0) for each in read_episodes(folder / "episodes.parquet")]


@pytest.mark.parametrize(
    ("first", "then", "new"),
    [
        ({"tasks": 5}, {"tasks": 9}, 4),
        ({"tasks": 5}, {"tasks": 5, "rollouts": 3}, 10),
        ({"tasks": 5, "rollouts": 2}, {"tasks": 7, "rollouts": 3}, 11),
        ({"tasks": 5}, {"tasks": 5}, 0),
    ],
)
def test_a_grown_folder_holds_what_a_new_one_would(agent: Path, first: dict[str, int], then: dict[str, int], new: int) -> None:
    evaluate(agent, **first)
    begun(agent)
    grown = evaluate(agent, **then)
    assert begun(agent) == new
    kept = rows(agent / "out")
    (agent / "out").rename(agent / "before")
    whole = evaluate(agent, **then)
    assert kept == rows(agent / "out")
    assert {name: grown.summary[name] for name in ("episodes", "tasks", "score")} == {
        name: whole.summary[name] for name in ("episodes", "tasks", "score")
    }
    config = [tomllib.loads((folder / "config.toml").read_text()) for folder in (agent / "before", agent / "out")]
    assert config[0] == config[1]


def test_what_ended_in_a_fault_is_played_again_if_asked(agent: Path) -> None:
    (agent / "down").touch()
    broken = evaluate(agent, tasks=12, retries=0)
    faults = sum(broken.summary["faults"].values())
    assert 0 < faults < 12
    begun(agent)
    (agent / "down").unlink()
    assert evaluate(agent, tasks=12).summary["episodes"] == 12 - faults
    assert begun(agent) == 0
    mended = evaluate(agent, tasks=12, retry_faults=True)
    assert (begun(agent), mended.summary["episodes"], sum(mended.summary["faults"].values())) == (faults, 12, 0)
    evaluate(agent, tasks=12, retry_faults=True)
    assert begun(agent) == 0


def test_a_folder_does_not_shrink_nor_take_other_tasks(agent: Path) -> None:
    evaluate(agent, tasks=5)
    before = (agent / "out" / "config.toml").read_text()
    for options, name in (({"tasks": 3}, "tasks"), ({"tasks": 9, "seed": 1}, "seed"), ({"tasks": 9, "levels": [2]}, "gym")):
        with pytest.raises(ConfigError, match=f"holds results of other settings .{name}"):
            evaluate(agent, **options)
    assert (agent / "out" / "config.toml").read_text() == before


def test_episodes_of_another_policy_are_not_taken_over(agent: Path) -> None:
    evaluate(agent, tasks=3)
    path = agent / "out" / "episodes.parquet"
    bao.evaluate("scripted:never_ask", tasks=3, name="agent", out=agent / "other", progress=False)
    path.write_bytes((agent / "other" / "episodes.parquet").read_bytes())
    with pytest.raises(ConfigError, match="episodes of another configuration"):
        evaluate(agent, tasks=5)
