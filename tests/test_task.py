"""Task sets keep their order, come back from a file as they were written, and say what is wrong with a file."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bao.errors import DataError
from bao.task import Split, Task, TaskSet

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
TASKS = st.builds(
    Task,
    id=TEXT,
    gym=st.just("g"),
    data=st.dictionaries(TEXT, TEXT | st.integers() | st.none(), max_size=3),
    split=st.sampled_from(Split),
    level=st.integers(0, 9),
)


def tasks(count: int) -> TaskSet:
    return TaskSet.of(Task(f"t{i}", "g", {"n": i}) for i in range(count))


@given(st.lists(TASKS, min_size=1, max_size=4, unique_by=lambda task: task.id))
def test_what_was_written_is_read_back(tmp_path_factory: pytest.TempPathFactory, several: list[Task]) -> None:
    path = tmp_path_factory.mktemp("tasks") / "tasks.jsonl"
    TaskSet.of(several).write(path)
    assert TaskSet.read(path, "g") == TaskSet.of(several)


def test_line_separators_inside_a_string_do_not_end_the_line(tmp_path: Path) -> None:
    several = TaskSet.of([Task("a\u2028b\x85c", "g", {"text": "one\u2029two"})])
    several.write(tmp_path / "tasks.jsonl")
    assert TaskSet.read(tmp_path / "tasks.jsonl", "g") == several


def test_blank_lines_and_windows_line_ends_are_tolerated(tmp_path: Path) -> None:
    path = tmp_path / "tasks.jsonl"
    lines = [json.dumps(task.to_json()) for task in tasks(2)]
    path.write_bytes("\r\n".join([lines[0], "", lines[1], ""]).encode())
    assert TaskSet.read(path, "g") == tasks(2)


def test_a_set_behaves_like_a_sequence() -> None:
    several = tasks(5)
    assert len(several) == 5
    assert several[2].id == "t2"
    assert several[1:3] == TaskSet.of([several[1], several[2]])
    assert [task.id for task in several] == ["t0", "t1", "t2", "t3", "t4"]


def test_ids_are_unique_within_a_set() -> None:
    with pytest.raises(DataError, match="'t0' occurs twice"):
        TaskSet.of([*tasks(1), *tasks(1)])


@given(st.integers(1, 6), st.integers(0, 20), st.integers(0, 100))
def test_a_sample_repeats_no_task_before_all_were_drawn(size: int, count: int, seed: int) -> None:
    drawn = [task.id for task in tasks(size).sample(count, np.random.default_rng(seed))]
    assert len(drawn) == count
    for start in range(0, count, size):
        chunk = drawn[start : start + size]
        assert len(set(chunk)) == len(chunk)


def test_an_empty_set_cannot_be_drawn_from() -> None:
    assert TaskSet.of([]).sample(0, np.random.default_rng(0)) == []
    with pytest.raises(DataError, match="empty task set"):
        TaskSet.of([]).sample(1, np.random.default_rng(0))


def written(path: Path, *rows: Any) -> Path:
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows), encoding="utf-8")
    return path


GOOD = {"id": "t", "gym": "g", "data": {}}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"gym": "g", "data": {}}, "'id' is missing"),
        ({"id": "u", "data": {}}, "'gym' is missing"),
        ({"id": "u", "gym": "g"}, "'data' is missing"),
        ("{not json", "Expecting property name"),
        ([1, 2], "a task is an object .* not list"),
        (GOOD | {"id": "u", "data": [1]}, r"data=\[1\] must be an object"),
        (GOOD | {"id": "u", "split": "tests"}, "split='tests' is unknown: did you mean 'test'"),
        (GOOD | {"id": "u", "level": "hard"}, "level='hard' must be a whole number"),
        (GOOD | {"id": "u", "gym": "function"}, "of the gym 'function', not of 'g'"),
        (GOOD, "the id 't' is that of line 1 already"),
    ],
)
def test_a_bad_line_is_named_with_file_line_and_field(tmp_path: Path, row: Any, message: str) -> None:
    path = written(tmp_path / "tasks.jsonl", GOOD, "", row)
    with pytest.raises(DataError, match=rf"tasks\.jsonl, line 3: .*{message}"):
        TaskSet.read(path, "g")


def test_a_file_that_is_absent_empty_or_no_text_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no task file at .*absent\.jsonl"):
        TaskSet.read(tmp_path / "absent.jsonl", "g")
    (tmp_path / "empty.jsonl").write_text("\n\n")
    with pytest.raises(DataError, match=r"empty\.jsonl holds no task"):
        TaskSet.read(tmp_path / "empty.jsonl", "g")
    (tmp_path / "latin.jsonl").write_bytes(b'{"id": "caf\xe9"}')
    with pytest.raises(DataError, match=r"latin\.jsonl is no UTF-8 text .* at byte 11"):
        TaskSet.read(tmp_path / "latin.jsonl", "g")
