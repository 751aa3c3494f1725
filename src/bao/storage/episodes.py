"""Episodes on disk: one Parquet file, one row per episode.

The columns are the fields of `Trajectory`, its turns as ``transcript`` (a list of structs), and ``task_return``,
``user_effort``, ``turns`` and ``tokens`` for whoever reads the file with another tool. Token traces have columns of their own
(``trace_*``), there only if some episode has one. The schema's metadata holds the format's version under ``bao.format`` and
the number of episodes under ``bao.episodes``.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from bao.action import Action, ActionKind, ParseFault
from bao.errors import DataError
from bao.storage.atomic import atomic_write
from bao.trajectory import Fault, StopReason, TokenTrace, Trajectory, Turn

FORMAT = "3"
"""Version of the columns' names and meaning. Raised when a file of the old version can no longer be read as the new one.

2: with ``satisfaction``, and ``user_left`` among the stop reasons.
3: with the token counts and the information of a turn, and ``model``."""
READABLE = ("1", "2", FORMAT)
"""The versions that `read_episodes` reads; to an older file's episodes it gives what they meant."""

_FORMAT_KEY = b"bao.format"
_COUNT_KEY = b"bao.episodes"
_ROW_GROUP = 256
"""Episodes converted at a time: bounds memory, and keeps each text column of a group under Arrow's 2 GiB."""
_READ = 64
"""Episodes read at a time."""

_SATISFACTION = "satisfaction"
_TURN = pa.struct(
    [
        ("thinking", pa.string()),
        ("kind", pa.string()),
        ("content", pa.string()),
        ("reply", pa.string()),
        ("reward", pa.float64()),
        ("involves_user", pa.bool_()),
        ("parse_fault", pa.string()),
        ("tokens", pa.int64()),
        ("prompt_tokens", pa.int64()),
        ("completion_tokens", pa.int64()),
        ("information", pa.float64()),
    ]
)
_EPISODE = [
    ("gym", pa.string()),
    ("task_id", pa.string()),
    ("policy", pa.string()),
    ("seed", pa.int64()),
    ("effort_weight", pa.float64()),
    ("level", pa.int64()),
    ("stop", pa.string()),
    ("success", pa.bool_()),
    ("fault", pa.string()),
    ("fault_detail", pa.string()),
    ("horizon", pa.int64()),
    ("system", pa.string()),
    ("opening", pa.string()),
    ("seconds", pa.float64()),
    ("model", pa.string()),
    ("task_return", pa.float64()),
    ("user_effort", pa.int64()),
    ("turns", pa.int64()),
    ("tokens", pa.int64()),
    (_SATISFACTION, pa.float64()),
    ("transcript", pa.list_(_TURN)),
]
_SINCE = {_SATISFACTION: 2, "model": 3}
"""The version with which a column came; the others were there from the first."""
_TRACE = [
    ("trace_prompt", pa.list_(pa.int32())),
    ("trace_ids", pa.list_(pa.int32())),
    ("trace_turn", pa.list_(pa.int16())),
    ("trace_logprob", pa.list_(pa.float32())),
    ("trace_weights_version", pa.int64()),
]

_KINDS = {str(kind): kind for kind in ActionKind}
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def write_episodes(path: Path | str, trajectories: Iterable[Trajectory]) -> None:
    """Write `trajectories`, in their order, as a Parquet file at `path`; its folder is made if missing.

    The file appears whole or not at all (`bao.storage.atomic`). `read_episodes` gives back equal trajectories, but that a
    lone UTF-16 surrogate (a model can produce one through a JSON escape; no UTF-8 file can hold it) becomes U+FFFD.
    """
    episodes = list(trajectories)
    traced = any(episode.trace is not None for episode in episodes)
    _write(Path(path), (_row(episode, traced) for episode in episodes), traced)


def stream_episodes(path: Path | str, trajectories: Iterable[Trajectory]) -> int:
    """As `write_episodes` without token traces, holding one row group in memory; how many episodes there were."""
    return write_rows(path, map(episode_row, trajectories))


def episode_row(episode: Trajectory, *, traced: bool = False) -> dict[str, Any]:
    """An episode, with its token trace where `traced`, as plain values, as `write_rows` takes it; JSON holds it exactly."""
    row = _row(episode, traced)
    return {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in row.items()}


def write_rows(path: Path | str, rows: Iterable[dict[str, Any]], *, traced: bool = False) -> int:
    """As `stream_episodes`, from what `episode_row` gives."""
    return _write(Path(path), rows, traced)


def _write(path: Path, rows: Iterable[dict[str, Any]], traced: bool) -> int:
    schema = pa.schema(_EPISODE + (_TRACE if traced else []), metadata={_FORMAT_KEY: FORMAT.encode()})
    count = 0
    with atomic_write(path) as file, pq.ParquetWriter(file, schema, compression="zstd", write_page_checksum=True) as writer:
        remaining = iter(rows)
        while group := list(islice(remaining, _ROW_GROUP)):
            writer.write_table(pa.Table.from_pylist(group, schema=schema))
            count += len(group)
        writer.add_key_value_metadata({_COUNT_KEY.decode(): str(count)})
    return count


def count_episodes(path: Path | str) -> int:
    """How many episodes a file holds, from its footer alone. Raises `DataError` as `read_episodes` does."""
    with _reading(Path(path)), pq.ParquetFile(path) as file:
        _check_schema(Path(path), file.schema_arrow)
        return int(file.metadata.num_rows)


def read_episodes(path: Path | str) -> list[Trajectory]:
    """The trajectories of a file that `write_episodes` wrote, in its order; raises as `iterate_episodes`."""
    return list(iterate_episodes(path))


def iterate_episodes(path: Path | str, *, traces: bool = True) -> Iterator[Trajectory]:
    """As `read_episodes`, holding a few in memory; without `traces` token traces are left unread.

    Raises `DataError` naming the file and the fix where it is missing, damaged (its pages carry checksums), of another origin,
    or of another version of the format.
    """
    path = Path(path)
    with _reading(path), pq.ParquetFile(path, page_checksum_verification=True) as file:
        traced = _check_schema(path, file.schema_arrow) and traces
        columns = [name for name, _ in _EPISODE + (_TRACE if traced else []) if name in file.schema_arrow.names]
        count = 0
        for batch in file.iter_batches(batch_size=_READ, columns=columns):
            count += batch.num_rows
            yield from _trajectories(batch, traced)
        if b"%d" % count != (file.metadata.metadata or {}).get(_COUNT_KEY):
            raise DataError(f"{path} gives {count} episodes, not as many as were written: restore it or evaluate again")


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Turns what goes wrong while a file is read into a `DataError` that names it."""
    if not path.is_file():
        raise DataError(f"no episodes at {path}: give the path of an episodes.parquet that `bao eval` wrote")
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise DataError(
            f"{path} cannot be read as Parquet ({str(error).splitlines()[0]}): it is damaged or another kind of file; "
            "restore it or evaluate again"
        ) from error
    except (TypeError, ValueError) as error:
        raise DataError(f"{path} holds an episode that this bao cannot read ({error}): evaluate again") from error


def _columns(version: str) -> list[tuple[str, pa.DataType]]:
    """The columns of an episode in files of a readable version."""
    found = [(name, kind) for name, kind in _EPISODE if _SINCE.get(name, 1) <= int(version)]
    if int(version) < 3:
        found[-1] = ("transcript", pa.list_(pa.struct(list(_TURN)[:8])))
    return found


def _check_schema(path: Path, schema: pa.Schema) -> bool:
    """Raise `DataError` unless the file is of this format; return whether it has token traces."""
    version = (schema.metadata or {}).get(_FORMAT_KEY)
    if version is None:
        raise DataError(
            f"{path} is a Parquet file but holds no episodes (its metadata lacks 'bao.format'): "
            "give an episodes.parquet that `bao eval` wrote"
        )
    if version.decode(errors="replace") not in READABLE:
        raise DataError(
            f"{path} is of the episode format {version.decode(errors='replace')!r}, this bao reads "
            f"{', '.join(map(repr, READABLE))}: use the bao that wrote it, or evaluate again"
        )
    traced = "trace_ids" in schema.names
    for name, kind in _columns(version.decode()) + (_TRACE if traced else []):
        if name not in schema.names or schema.field(name).type != kind:
            raise DataError(f"{path} lacks the column {name!r} of type {kind}: another tool changed it; evaluate again")
    return traced


def utf8(text: str) -> str:
    """`text` as UTF-8 can hold it: a lone surrogate becomes U+FFFD."""
    return text if text.isascii() else _LONE_SURROGATE.sub("\ufffd", text)


def _row(episode: Trajectory, traced: bool) -> dict[str, Any]:
    row: dict[str, Any] = {
        "gym": utf8(episode.gym),
        "task_id": utf8(episode.task_id),
        "policy": utf8(episode.policy),
        "seed": episode.seed,
        "effort_weight": episode.effort_weight,
        "level": episode.level,
        "stop": str(episode.stop),
        "success": episode.success,
        "fault": None if episode.fault is None else str(episode.fault),
        "fault_detail": utf8(episode.fault_detail),
        "horizon": episode.horizon,
        "system": utf8(episode.system),
        "opening": utf8(episode.opening),
        "seconds": episode.seconds,
        "model": utf8(episode.model),
        "task_return": episode.task_return,
        "user_effort": episode.user_effort,
        "turns": len(episode.turns),
        "tokens": episode.tokens,
        _SATISFACTION: episode.satisfaction,
        "transcript": [
            {
                "thinking": utf8(turn.thinking),
                "kind": utf8(str(turn.action.kind)),
                "content": utf8(turn.action.content),
                "reply": utf8(turn.reply),
                "reward": turn.reward,
                "involves_user": turn.involves_user,
                "parse_fault": None if turn.parse_fault is None else str(turn.parse_fault),
                "tokens": turn.tokens,
                "prompt_tokens": turn.prompt_tokens,
                "completion_tokens": turn.completion_tokens,
                "information": turn.information,
            }
            for turn in episode.turns
        ],
    }
    if traced and episode.trace is not None:
        trace = episode.trace
        row |= {
            "trace_prompt": trace.prompt,
            "trace_ids": trace.ids,
            "trace_turn": trace.turn,
            "trace_logprob": trace.logprob,
            "trace_weights_version": trace.weights_version,
        }
    return row


def _trajectories(batch: pa.RecordBatch, traced: bool) -> Iterator[Trajectory]:
    transcript = batch.column("transcript")
    turns = iter(_turns(transcript.flatten()))
    lengths = pc.list_value_length(transcript).to_pylist()
    names = [
        "gym",
        "task_id",
        "policy",
        "seed",
        "effort_weight",
        "level",
        "stop",
        "success",
        "fault",
        "fault_detail",
        "horizon",
        "system",
        "opening",
        "seconds",
        "model",
        _SATISFACTION,
    ]
    names = [name for name in names if name in batch.schema.names]
    columns = (batch.column(name).to_pylist() for name in names)
    for index, values in enumerate(zip(*columns, strict=True)):
        row = dict(zip(names, values, strict=True))
        row["stop"] = StopReason(row["stop"])
        row["fault"] = None if row["fault"] is None else Fault(row["fault"])
        yield Trajectory(
            **row, turns=tuple(next(turns) for _ in range(lengths[index])), trace=_trace(batch, index) if traced else None
        )


def _turns(structs: pa.StructArray) -> Sequence[Turn]:
    columns = (structs.field(field.name).to_pylist() for field in structs.type)
    return [
        Turn(
            thinking,
            Action(_KINDS.get(kind, kind), content),
            reply,
            reward,
            involves_user,
            None if parse_fault is None else ParseFault(parse_fault),
            *others,
        )
        for thinking, kind, content, reply, reward, involves_user, parse_fault, *others in zip(*columns, strict=True)
    ]


def _trace(batch: pa.RecordBatch, index: int) -> TokenTrace | None:
    ids, *others = (batch.column(name)[index] for name, _ in _TRACE[1:])
    if not ids.is_valid:
        return None
    turn, logprob, version = others

    def array(scalar: pa.ListScalar) -> Any:
        return np.array(scalar.values.to_numpy(zero_copy_only=False))  # a copy: Arrow's own buffer is read-only

    return TokenTrace(
        prompt=array(batch.column("trace_prompt")[index]),
        ids=array(ids),
        turn=array(turn),
        logprob=array(logprob),
        weights_version=version.as_py(),
    )
