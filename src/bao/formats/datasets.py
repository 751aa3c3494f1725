"""Episodes as a Parquet file for Hugging Face ``datasets``: a row is an episode, ``messages`` a list of structs.

The other columns are the metadata of `bao.formats.messages`, flat, so that ``dataset.filter(lambda row: row["success"])``
works, and ``tools``, the tool's JSON schema as text, as TRL reads it. ``load_dataset("parquet", data_files=..)`` reads it,
streaming too.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from bao.action import tool_schema
from bao.errors import DataError
from bao.formats.foreign import Rules, foreign_trajectory
from bao.formats.messages import EPISODE_FIELDS, TURN_FIELDS, messages_of, metadata_of, trajectory_of
from bao.storage.atomic import atomic_write
from bao.storage.episodes import TYPES, columns
from bao.trajectory import Trajectory

ROW_GROUP = 1000
"""The most episodes of a row group: what is in memory at a time, and what a streaming reader fetches."""
ROW_GROUP_BYTES = 32 << 20
"""A row group is also closed once its messages hold about this much text."""

_CALL = pa.struct(columns(("id", "type", "function"), {"function": pa.struct(columns(("name", "arguments")))}))
_OF_MESSAGE = ("role", "content", "reasoning_content", "tool_calls", "tool_call_id")
_MESSAGE = pa.struct(columns(_OF_MESSAGE, {"tool_calls": pa.list_(_CALL)}))
_TURN = pa.struct(columns(("kind", "content", *TURN_FIELDS)))
_NESTED = {"messages": pa.list_(_MESSAGE), "turns": pa.list_(_TURN)}
_SCHEMA = pa.schema(columns(("messages", "tools", "bao_format", *EPISODE_FIELDS, "turns"), {**TYPES, **_NESTED}))
_NOT_METADATA = ("messages", "tools")
_READ_ROWS = 256


def write_datasets(path: Path, trajectories: Iterable[Trajectory]) -> int:
    """Write `trajectories` at `path`, whole or not at all, one row group in memory at a time; how many there were.

    Token traces are left out.
    """
    tools = json.dumps([tool_schema()])
    rows: list[dict[str, Any]] = []
    size = written = 0
    with atomic_write(path) as file, pq.ParquetWriter(file, _SCHEMA, compression="zstd", write_page_index=True) as writer:
        for trajectory in trajectories:
            rows.append({"messages": messages_of(trajectory), "tools": tools, **metadata_of(trajectory)})
            size += _text_size(trajectory)
            if len(rows) == ROW_GROUP or size >= ROW_GROUP_BYTES:
                writer.write_table(pa.Table.from_pylist(rows, schema=_SCHEMA))
                written += len(rows)
                rows, size = [], 0
        if rows:
            writer.write_table(pa.Table.from_pylist(rows, schema=_SCHEMA))
    return written + len(rows)


def read_datasets(path: Path, under: Rules | None = None) -> Iterator[Trajectory]:
    """The episodes of a Parquet file, a few hundred in memory at a time.

    Files that `write_datasets` wrote come back exactly, also after ``datasets`` filtered, shuffled or wrote them anew
    (``to_parquet``). Others with a column ``messages`` are read under the rules of the gym `under` (`bao.formats.foreign`).
    Raises `DataError` naming the file, the row (from 1) and what is wrong.
    """
    number = 0
    try:
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
            if "messages" not in names:
                raise DataError(f"{path} lacks the column 'messages': a list of structs with role and content is expected")
            own = "bao_format" in names
            if not own and under is None:
                raise DataError(f"{path} was not written by bao: name the gym whose rules it is to be read under (--gym)")
            columns = [name for name in names if name in _SCHEMA.names and name != "tools"] if own else ["messages"]
            for batch in file.iter_batches(batch_size=_READ_ROWS, columns=columns):
                for row in batch.to_pylist():
                    number += 1
                    try:
                        yield _trajectory(row, f"{path.stem}-{number}", under)
                    except DataError as error:
                        raise DataError(f"{path}, row {number}: {error}") from error
    except (pa.ArrowException, OSError) as error:
        raise DataError(
            f"{path} cannot be read as Parquet ({str(error).splitlines()[0]}): it is damaged or another kind"
        ) from error


def _trajectory(row: dict[str, Any], task_id: str, under: Rules | None) -> Trajectory:
    if not isinstance(row["messages"], list):
        raise DataError("messages must be a list of structs with role and content")
    if row.get("bao_format") is not None or under is None:
        return trajectory_of(row["messages"], {name: value for name, value in row.items() if name not in _NOT_METADATA})
    return foreign_trajectory(row["messages"], task_id, under)


def _text_size(trajectory: Trajectory) -> int:
    turns = sum(len(turn.thinking) + len(turn.action.content) + len(turn.reply) for turn in trajectory.turns)
    return len(trajectory.system) + len(trajectory.opening) + turns
