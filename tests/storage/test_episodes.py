"""`bao.storage.episodes` gives back what it was given, whole or not at all, and names what is wrong with a file."""

import dataclasses
import json
import os

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bao.action import Action, ActionKind, ParseFault
from bao.errors import DataError
from bao.storage.episodes import (
    FORMAT,
    episode_row,
    iterate_episodes,
    read_episodes,
    stream_episodes,
    write_episodes,
    write_rows,
)
from bao.trajectory import Fault, StopReason, TokenTrace, Trajectory, Turn

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NUMBER = st.floats(allow_nan=False)
COUNT = st.integers(0, 2**31)

TURNS = st.builds(
    Turn,
    thinking=TEXT,
    action=st.builds(Action, st.sampled_from(list(ActionKind)), TEXT),
    reply=TEXT,
    reward=st.floats(-1, 1),
    involves_user=st.booleans(),
    parse_fault=st.none() | st.sampled_from(list(ParseFault)),
    tokens=COUNT,
    prompt_tokens=st.none() | COUNT,
    completion_tokens=st.none() | COUNT,
    information=st.none() | st.floats(0, 20),
)


@st.composite
def traces(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    prompt, completion = draw(st.integers(0, 5)), draw(st.integers(0, 9))
    return TokenTrace(
        prompt=rng.integers(0, 2**31 - 1, prompt, dtype=np.int32),
        ids=rng.integers(0, 2**31 - 1, completion, dtype=np.int32),
        turn=rng.integers(-1, 2**15 - 1, completion, dtype=np.int16),
        logprob=-rng.random(completion, dtype=np.float32),
        weights_version=draw(COUNT),
    )


EPISODES = st.builds(
    Trajectory,
    gym=TEXT,
    task_id=TEXT,
    policy=TEXT,
    seed=st.integers(-(2**63), 2**63 - 1),
    opening=TEXT,
    turns=st.lists(TURNS, max_size=4).map(tuple),
    stop=st.sampled_from(list(StopReason)),
    success=st.booleans(),
    horizon=COUNT,
    system=TEXT,
    effort_weight=st.none() | NUMBER,
    level=COUNT,
    fault=st.none() | st.sampled_from(list(Fault)),
    fault_detail=TEXT,
    seconds=NUMBER,
    model=TEXT,
    satisfaction=st.none() | st.floats(0, 1),
    trace=st.none() | traces(),
    budget=st.none() | st.integers(0, 99),
    repaired=st.none() | st.integers(0, 99),
    measured=st.none() | st.dictionaries(TEXT, NUMBER, max_size=3),
)


def episode(**changes):
    turns = (
        Turn("both fit", Action(ActionKind.ACTION, "price?"), "cheap", 0.25, True, None, 4),
        Turn("", Action(ActionKind.NONE, "bad_json"), "No action", 0.0, False, ParseFault.BAD_JSON, 2),
    )
    base = Trajectory("travel", "t1", "oracle", 3, "Hello", turns, StopReason.MAX_TURNS, False, 16)
    return dataclasses.replace(base, **changes)


def assert_same_trace(found, expected):
    assert (found is None) == (expected is None)
    if expected is not None:
        for field in ("prompt", "ids", "turn", "logprob"):
            left, right = getattr(found, field), getattr(expected, field)
            assert left.dtype == right.dtype
            np.testing.assert_array_equal(left, right)
        assert found.weights_version == expected.weights_version


@given(trajectories=st.lists(EPISODES, max_size=4))
@settings(max_examples=80, deadline=None)
def test_what_is_written_is_read_back_exactly(trajectories, tmp_path_factory):
    path = tmp_path_factory.mktemp("store") / "episodes.parquet"
    write_episodes(path, trajectories)
    found = read_episodes(path)
    assert found == trajectories
    for left, right in zip(found, trajectories, strict=True):
        assert_same_trace(left.trace, right.trace)
        assert isinstance(left.stop, StopReason)
        assert all(isinstance(turn.action.kind, ActionKind) for turn in left.turns)


def test_more_episodes_than_a_row_group_keep_their_order_and_turns(tmp_path):
    trajectories = [episode(seed=seed, turns=episode().turns * (seed % 3)) for seed in range(2100)]
    write_episodes(tmp_path / "many.parquet", trajectories)
    assert read_episodes(tmp_path / "many.parquet") == trajectories


def test_traces_read_back_can_be_written_to(tmp_path):
    ones = np.ones(2, np.int32)
    write_episodes(tmp_path / "e.parquet", [episode(trace=TokenTrace(ones, ones, ones.astype("i2"), ones.astype("f4")))])
    trace = read_episodes(tmp_path / "e.parquet")[0].trace
    assert trace is not None
    assert trace.ids.flags.writeable


def test_episodes_are_streamed_without_their_traces_on_request(tmp_path):
    ones = np.ones(3, dtype=np.int32)
    written = episode(trace=TokenTrace(ones, ones, ones.astype("i2"), ones.astype("f4")))
    write_episodes(tmp_path / "e.parquet", [written] * 3)
    stream = iterate_episodes(tmp_path / "e.parquet", traces=False)
    first = next(stream)
    assert (first, first.trace) == (written, None)
    assert len(list(stream)) == 2


def test_other_tools_find_the_objectives_in_columns_and_no_trace_columns_without_traces(tmp_path):
    write_episodes(tmp_path / "e.parquet", [episode()])
    table = pq.read_table(tmp_path / "e.parquet")
    row = table.select(["task_return", "user_effort", "turns", "tokens", "stop"]).to_pylist()[0]
    assert row == {"task_return": 0.25, "user_effort": 1, "turns": 2, "tokens": 6, "stop": "max_turns"}
    assert not [name for name in table.column_names if name.startswith("trace")]
    assert table.schema.metadata[b"bao.format"] == FORMAT.encode()


def test_a_budget_has_a_column_only_where_one_was_told(tmp_path):
    path = tmp_path / "e.parquet"
    write_episodes(path, [episode()] * 3)
    assert "budget" not in pq.read_schema(path).names
    before = path.read_bytes()
    assert stream_episodes(path, [episode()] * 3) == 3
    assert path.read_bytes() == before
    write_rows(path, [episode_row(episode(budget=2))])
    assert pq.read_table(path)["budget"].to_pylist() == [2]
    assert read_episodes(path) == [episode(budget=2)]


@pytest.mark.parametrize("traced", [False, True])
def test_a_budget_that_comes_late_in_a_stream_is_kept_and_so_is_what_came_before(tmp_path, traced):
    ones = np.ones(2, np.int32)
    trace = TokenTrace(ones, ones, ones.astype("i2"), ones.astype("f4")) if traced else None
    mixed = [episode(seed=seed, trace=trace, budget=seed % 3 if seed > 700 else None) for seed in range(1000)]
    path = tmp_path / "e.parquet"
    assert write_rows(path, (episode_row(each, traced=traced) for each in mixed), traced=traced) == 1000
    assert read_episodes(path) == mixed
    measured = [dataclasses.replace(each, measured={"late": 0.5} if each.seed > 800 else None) for each in mixed]
    rows = [json.loads(json.dumps(episode_row(each, traced=traced))) for each in measured]  # as the log keeps them
    assert write_rows(path, rows, traced=traced) == 1000
    assert read_episodes(path) == measured
    found = read_episodes(path)[3].trace
    assert_same_trace(found, trace)


@pytest.mark.parametrize(
    "known", [{"budget": 2}, {"repaired": 0}, {"repaired": 3}, {"measured": {"in_vain": 2.0}}, {"measured": {}}]
)
def test_what_is_not_always_there_is_kept_and_missed_in_no_file(tmp_path, known):
    """A file with budgets from before replies were repaired, or gyms measured things themselves, is read."""
    path = tmp_path / "e.parquet"
    write_episodes(path, [episode(), episode(**known)])
    assert read_episodes(path) == [episode(), episode(**known)]
    table = pq.read_table(path).drop_columns(sorted({"budget", "repaired", "measured"} - set(known)))
    pq.write_table(table.replace_schema_metadata({**table.schema.metadata, b"bao.episodes": b"2"}), path)
    assert read_episodes(path) == [episode(), episode(**known)]


def test_a_budget_of_another_kind_is_refused(tmp_path):
    path = tmp_path / "e.parquet"
    write_episodes(path, [episode(budget=2)])
    table = pq.read_table(path)
    at = table.schema.get_field_index("budget")
    pq.write_table(table.set_column(at, "budget", table["budget"].cast(pa.string())), path)
    with pytest.raises(DataError, match="lacks the column 'budget'"):
        read_episodes(path)


def test_a_lone_surrogate_from_a_model_does_not_lose_the_file(tmp_path):
    write_episodes(tmp_path / "e.parquet", [episode(opening="a\ud800b \N{GRINNING FACE}")])
    assert read_episodes(tmp_path / "e.parquet")[0].opening == "a\ufffdb \N{GRINNING FACE}"


def test_a_failed_write_keeps_the_old_file_and_leaves_nothing_behind(tmp_path):
    path = tmp_path / "e.parquet"
    write_episodes(path, [episode()])
    with pytest.raises(OverflowError):
        write_episodes(path, [episode(seed=2**80)])
    assert read_episodes(path) == [episode()]
    assert os.listdir(tmp_path) == ["e.parquet"]


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"no episodes at .*nowhere\.parquet: give the path"):
        read_episodes(tmp_path / "nowhere.parquet")


@pytest.mark.parametrize("content", [b"", b"PAR1", b"not parquet at all, but long enough to look", b"\x00" * 4096])
def test_another_kind_of_file_is_named(tmp_path, content):
    (tmp_path / "e.parquet").write_bytes(content)
    with pytest.raises(DataError, match=r"e\.parquet cannot be read as Parquet .* restore it or evaluate again"):
        read_episodes(tmp_path / "e.parquet")


def test_a_damaged_file_never_gives_other_episodes(tmp_path):
    path = tmp_path / "e.parquet"
    trajectories = [episode(seed=seed, opening=f"opening {seed}") for seed in range(20)]
    write_episodes(path, trajectories)
    content = path.read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for position in rng.integers(4, len(content), 300):
        damaged = bytearray(content)
        damaged[position] ^= 0xFF
        path.write_bytes(damaged)
        try:
            assert read_episodes(path) == trajectories  # a byte that carries no content, as in a statistic
        except DataError:
            refused += 1
    assert refused > 150
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match="restore it or evaluate again"):
        read_episodes(path)


def test_a_foreign_parquet_file_is_named(tmp_path):
    pq.write_table(pa.table({"x": [1]}), tmp_path / "e.parquet")
    with pytest.raises(DataError, match=r"e\.parquet is a Parquet file but holds no episodes.*give an episodes\.parquet"):
        read_episodes(tmp_path / "e.parquet")


def rewritten(path, change):
    write_episodes(path, [episode()])
    pq.write_table(change(pq.read_table(path)), path)


def test_a_file_of_this_version_without_satisfaction_is_refused(tmp_path):
    write_episodes(tmp_path / "new.parquet", [episode()])
    pq.write_table(pq.read_table(tmp_path / "new.parquet").drop_columns(["satisfaction"]), tmp_path / "cut.parquet")
    with pytest.raises(DataError, match="lacks the column 'satisfaction'"):
        read_episodes(tmp_path / "cut.parquet")


def test_an_unknown_version_is_named(tmp_path):
    rewritten(tmp_path / "e.parquet", lambda table: table.replace_schema_metadata({b"bao.format": b"99"}))
    with pytest.raises(DataError, match=r"e\.parquet is of the episode format '99', this bao reads '1', '2', '3'"):
        read_episodes(tmp_path / "e.parquet")


@pytest.mark.parametrize(("version", "lacks"), [(b"1", ["model", "satisfaction"]), (b"2", ["model"])])
def test_a_file_of_an_earlier_version_is_read_and_what_it_lacks_is_unknown(tmp_path, version, lacks):
    def as_written_then(table):
        turns = table["transcript"].combine_chunks()
        kept = ["thinking", "kind", "content", "reply", "reward", "involves_user", "parse_fault", "tokens"]
        structs = turns.flatten()
        old = pa.StructArray.from_arrays([structs.field(name) for name in kept], names=kept)
        at = table.schema.get_field_index("transcript")
        table = table.set_column(at, "transcript", pa.ListArray.from_arrays(turns.offsets, old)).drop_columns(lacks)
        return table.replace_schema_metadata({b"bao.format": version, b"bao.episodes": b"1"})

    rewritten(tmp_path / "e.parquet", as_written_then)
    (found,) = read_episodes(tmp_path / "e.parquet")
    assert found == episode()
    assert (found.model, found.satisfaction) == ("", None)
    assert [(turn.prompt_tokens, turn.completion_tokens, turn.information) for turn in found.turns] == [(None,) * 3] * 2


def test_a_missing_column_is_named(tmp_path):
    rewritten(tmp_path / "e.parquet", lambda table: table.drop_columns(["horizon"]))
    with pytest.raises(DataError, match=r"e\.parquet lacks the column 'horizon' of type int64"):
        read_episodes(tmp_path / "e.parquet")


def test_an_unknown_stop_reason_is_named(tmp_path):
    def change(table):
        return table.set_column(table.schema.get_field_index("stop"), "stop", pa.array(["bored"]))

    rewritten(tmp_path / "e.parquet", change)
    with pytest.raises(DataError, match=r"e\.parquet holds an episode that this bao cannot read .*'bored'"):
        read_episodes(tmp_path / "e.parquet")
