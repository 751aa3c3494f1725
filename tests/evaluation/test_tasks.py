"""What an evaluation remembers of its tasks: enough to cluster and pair them without the gym."""

import json
from pathlib import Path

import pytest

import bao
from bao.errors import DataError
from bao.evaluation.results import load_result
from bao.evaluation.tasks import TASKS, read_records, records_of, write_records
from bao.gyms.registry import gym_class
from bao.measures.clusters import cluster_numbers, count_clusters


def test_tasks_of_one_frame_are_one_cluster() -> None:
    gym = gym_class("intention")
    tasks = gym.task_set("test", 120)
    numbers = cluster_numbers([task.id for task in tasks], records_of(gym, tasks))
    by_wording: dict[str, set[int]] = {}
    for task, number in zip(tasks, numbers.tolist(), strict=True):
        by_wording.setdefault(task.data["task"], set()).add(number)
    assert all(len(found) == 1 for found in by_wording.values())
    assert count_clusters(numbers) <= len(by_wording) < len(tasks)


def test_records_come_back_as_they_were_and_damage_is_named(tmp_path: Path) -> None:
    gym = gym_class("telepathy")
    records = records_of(gym, gym.task_set("test", 5))
    write_records(records, tmp_path)
    assert read_records(tmp_path) == records
    (tmp_path / TASKS).write_text('{"tasks": [1]}', encoding="utf-8")
    with pytest.raises(DataError, match="is damaged"):
        read_records(tmp_path)


def test_an_evaluation_is_clustered_by_what_it_stored_and_an_older_one_by_task(tmp_path: Path) -> None:
    for name in ("ask_all", "never_ask"):
        bao.evaluate(f"scripted:{name}", gym="intention", tasks=40, out=tmp_path / name, progress=False)
    result = load_result(tmp_path / "ask_all")
    clusters = result.summary["clusters"]
    assert 1 < clusters < 40
    drawn = bao.frontier([tmp_path])
    assert (drawn.tasks, drawn.clusters, drawn.points[0].clusters) == (40, clusters, clusters)
    (pair,) = bao.compare(tmp_path / "ask_all", tmp_path / "never_ask", progress=False).comparisons
    assert (pair.tasks, pair.clusters) == (40, clusters)
    for name in ("ask_all", "never_ask"):
        (tmp_path / name / TASKS).unlink()
    older = bao.frontier([tmp_path])
    assert older.clusters == 40
    assert any("was not recorded" in each for each in older.warnings)
    assert older.points[0].values["score"].high - older.points[0].values["score"].low < (
        drawn.points[0].values["score"].high - drawn.points[0].values["score"].low
    )


def test_tasks_of_one_id_and_other_contents_are_not_paired(tmp_path: Path) -> None:
    for name in ("ask_all", "never_ask"):
        bao.evaluate(f"scripted:{name}", gym="telepathy", tasks=12, out=tmp_path / name, progress=False)
    path = tmp_path / "never_ask" / TASKS
    content = json.loads(path.read_text(encoding="utf-8"))
    for task in sorted(content["tasks"])[:5]:
        content["tasks"][task]["digest"] = "another"
    path.write_text(json.dumps(content), encoding="utf-8")
    (pair,) = bao.compare(tmp_path / "ask_all", tmp_path / "never_ask", progress=False).comparisons
    assert pair.tasks == 7
    assert any("5 tasks have the same id in both, but other contents" in each for each in pair.warnings)
    drawn = bao.frontier([tmp_path])
    assert drawn.tasks == 17
    assert any("5 ids name tasks of different contents" in each for each in drawn.warnings)


def test_another_horizon_or_user_is_named_by_the_frontier(tmp_path: Path) -> None:
    bao.evaluate("scripted:ask_all", gym="travel", tasks=4, out=tmp_path / "a", progress=False)
    bao.evaluate(
        "scripted:ask_all", gym="travel", tasks=4, name="busy", horizon=9, persona="busy", out=tmp_path / "b", progress=False
    )
    warnings = bao.frontier([tmp_path]).warnings
    assert any(each.startswith("the horizon differs (16 in ask_all, 9 in busy)") for each in warnings)
    assert any(each.startswith("the user differs") and "persona" in each for each in warnings)
