"""The log of episodes: whole before any cut, one file a process, the first healthy record of an episode counts."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from bao.errors import ConfigError
from bao.rollout.runner import LOG
from bao.storage.log import LogFile, Record, compact, finished, scan
from bao.trajectory import Fault
from tests.rollout.test_runner import played, rows
from tests.support.runner_gym import plan


class Numbered:
    """The keys of ten episodes."""

    def __len__(self) -> int:
        return 10

    def key(self, index: int) -> str:
        return f"key{index}"


def write(folder: Path, *records: tuple[int, Fault | None, Any]) -> Path:
    part = LogFile(folder)
    for number, fault, row in records:
        part.append(number, f"key{number}", fault, {"value": row})
    part.close()
    return part.path


def heads(records: Sequence[Record]) -> list[tuple[int, Fault | None]]:
    return [(record.number, record.fault) for record in records]


def test_a_log_cut_anywhere_holds_what_was_whole_before_the_cut(tmp_path: Path) -> None:
    path = write(tmp_path, (3, None, "ä\n1"), (1, Fault.USER_TIMEOUT, "x"), (2, None, "y" * 50))
    whole = path.read_bytes()
    ends = [place + 1 for place, byte in enumerate(whole) if byte == ord("\n")]
    for cut in range(len(whole) + 1):
        path.write_bytes(whole[:cut])
        assert len(list(scan(tmp_path))) == sum(end <= cut for end in ends)


def test_a_line_with_any_byte_changed_counts_as_not_written(tmp_path: Path) -> None:
    path = write(tmp_path, (3, None, "a"), (1, None, "b"), (2, None, "c"))
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x04]) + whole[place + 1 :])
        numbers = [record.number for record in scan(tmp_path)]
        assert len(numbers) < 3
        assert set(numbers) <= {1, 2, 3}


def test_each_process_has_a_file_of_its_own_and_a_torn_one_is_never_appended_to(tmp_path: Path) -> None:
    first = write(tmp_path, (3, None, "a"), (1, None, "b"))
    first.write_bytes(first.read_bytes()[:-4])
    second = write(tmp_path, (1, None, "c"))
    assert first != second
    assert heads(list(scan(tmp_path))) == [(3, None), (1, None)]


def test_of_several_records_of_an_episode_the_first_healthy_one_counts(tmp_path: Path) -> None:
    write(tmp_path, (3, Fault.USER_LEAK, "a"), (1, None, "b"), (4, Fault.USER_LEAK, "z"))
    second = write(tmp_path, (3, None, "c"), (1, Fault.GYM_ERROR, "d"), (4, Fault.GYM_ERROR, "z"))
    write(tmp_path, (3, None, "e"))
    found = finished(tmp_path, Numbered())
    assert {number: record.fault for number, record in found.items()} == {3: None, 1: None, 4: Fault.GYM_ERROR}
    assert found[3].part == second


def test_a_log_of_another_configuration_is_refused(tmp_path: Path) -> None:
    write(tmp_path, (3, None, "a"))

    class Others(Numbered):
        def key(self, index: int) -> str:
            return f"other{index}"

    with pytest.raises(ConfigError, match="of another configuration"):
        finished(tmp_path, Others())


def test_rows_of_a_log_become_a_file_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    of = plan()
    expected = played(tmp_path, of)
    records = finished(tmp_path / LOG, of)
    compact({number: records[number] for number in (5, 2, 9)}, tmp_path / "some.parquet")
    assert rows(tmp_path / "some.parquet") == [expected[number] for number in (2, 5, 9)]
