"""What gyms share in loading tasks: results kept by identity, and files read by their suffix."""

from pathlib import Path

import pytest

from bao.errors import DataError
from bao.gyms.loading import kept, read_by_suffix
from bao.task import Task, TaskSet

TASK = Task("one", "travel", {})


class Made:
    """What a maker returns, with what it was made from."""

    def __init__(self, *given: dict[str, int]) -> None:
        self.given = given


def test_the_same_object_is_worked_out_once() -> None:
    make = kept(most=10)(Made)
    data = {"a": 1}
    assert make(data) is make(data)


def test_equal_objects_are_worked_out_apart_and_never_exchanged() -> None:
    make = kept(most=1000)(Made)
    for number in range(500):  # short-lived, so that their memory and with it their ids would be used again
        assert make({"a": number}).given == ({"a": number},)


def test_each_of_several_objects_counts() -> None:
    make = kept(most=10)(Made)
    one, other = {"a": 1}, {"a": 1}
    assert make(one, other) is make(one, other)
    assert make(one, other) is not make(other, one)


def test_no_more_than_the_most_results_are_kept() -> None:
    make = kept(most=2)(Made)
    first, second, third = ({"a": number} for number in range(3))
    before = make(first)
    make(second)
    assert make(first) is before
    make(third)
    assert make(first) is not before


def test_an_error_is_not_kept() -> None:
    calls = []

    @kept(most=10)
    def fails_once(data: dict[str, int]) -> int:
        calls.append(data)
        if len(calls) == 1:
            raise ValueError("not yet")
        return 7

    data = {"a": 1}
    with pytest.raises(ValueError, match="not yet"):
        fails_once(data)
    assert fails_once(data) == 7


def test_a_file_is_read_by_the_reader_of_its_suffix(tmp_path: Path) -> None:
    path = tmp_path / "tasks.json"
    path.write_text("")

    def other() -> TaskSet:
        raise AssertionError("the reader of another suffix was called")

    assert read_by_suffix(path, "travel", {".jsonl": other, ".json": lambda: [TASK]}).tasks == (TASK,)
    assert read_by_suffix(path, "travel", {".jsonl": other, ".json": lambda: TaskSet((TASK,))}).tasks == (TASK,)


def test_a_file_that_cannot_be_read_is_refused_with_the_suffixes(tmp_path: Path) -> None:
    readers = {".jsonl": lambda: [TASK], ".json": lambda: [TASK], ".parquet": lambda: [TASK]}
    with pytest.raises(DataError, match=r"no task file at .*absent.json: .* a \.jsonl, \.json or \.parquet file of travel"):
        read_by_suffix(tmp_path / "absent.json", "travel", readers)
    path = tmp_path / "tasks.csv"
    path.write_text("")
    with pytest.raises(DataError, match=r"suffix '\.csv'; travel tasks are read from \.jsonl, \.json and \.parquet files"):
        read_by_suffix(path, "travel", readers)
