"""Other tools' formats: nothing is lost on the way there and back, and the tools themselves read what is written."""

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bao.action import Action, ActionKind, ParseFault
from bao.errors import ConfigError, DataError
from bao.formats.datasets import ROW_GROUP, read_datasets, write_datasets
from bao.formats.exchange import Source, Target, export_episodes, import_episodes
from bao.formats.foreign import rules
from bao.formats.messages import messages_of, metadata_of, trajectory_of
from bao.formats.openai import read_openai, write_openai
from bao.reporting.terminal import TerminalProgress
from bao.storage.episodes import read_episodes, utf8, write_episodes
from bao.trajectory import Fault, StopReason, Trajectory, Turn

ODD = [
    "",
    " ",
    "\n",
    "a\nb\r\n",
    "\u2028\u2029\x85",
    "\ud800",
    "x\udfffy",
    "\ud83d\ude00",
    "\N{GRINNING FACE}",
    "\x00\x1b[31m",
    "[search] not an action",
    "<think>no</think>",
    '{"choice": "answer"}',
    '"\\\\"',
    "call_0",
    "é" * 5000,
    "null",
]
TEXT = st.sampled_from(ODD) | st.text(st.characters(), max_size=12)
FINITE = st.floats(-1e100, 1e100)
COUNT = st.integers(0, 2**53)
TURNS = st.builds(
    Turn,
    thinking=TEXT,
    action=st.builds(Action, st.sampled_from([*ActionKind, "dance"]), TEXT),
    reply=TEXT,
    reward=FINITE,
    involves_user=st.booleans(),
    parse_fault=st.none() | st.sampled_from(list(ParseFault)),
    tokens=COUNT,
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
    effort_weight=st.none() | FINITE,
    budget=st.none() | COUNT,
    level=COUNT,
    fault=st.none() | st.sampled_from(list(Fault)),
    fault_detail=TEXT,
    seconds=FINITE,
)
FORMATS = [(write_openai, read_openai, "e.jsonl"), (write_datasets, read_datasets, "e.parquet")]


def clean(value: Any) -> Any:
    """What UTF-8 can hold of an episode: each lone surrogate as U+FFFD, as the store has it."""
    if isinstance(value, Trajectory | Turn):
        return dataclasses.replace(value, **{f.name: clean(getattr(value, f.name)) for f in dataclasses.fields(value)})
    if isinstance(value, Action):
        return Action(value.kind, utf8(value.content))
    if isinstance(value, tuple):
        return tuple(map(clean, value))
    return utf8(value) if type(value) is str else value


def episode(**changes: Any) -> Trajectory:
    turns = (
        Turn("both fit", Action(ActionKind.ACTION, "price?"), "cheap", 0.25, True, None, 4),
        Turn("hm", Action(ActionKind.NONE, "bad_json"), "No action", 0.0, False, ParseFault.BAD_JSON, 2),
        Turn("", Action(ActionKind.ANSWER, "H4"), "H4 is perfect.", 0.5, True, None, 1),
    )
    base = Trajectory("travel", "t1", "mine", 3, "Book a hotel", turns, StopReason.SUCCESS, True, 16, "Rules", 0.1, 2)
    return dataclasses.replace(base, **changes)


def turns(count: int) -> tuple[Turn, ...]:
    return tuple(Turn("", Action(ActionKind.SEARCH, f"q{i}"), "r", 0.0, False, None, 1) for i in range(count))


@pytest.mark.parametrize(("write", "read", "name"), FORMATS, ids=["openai", "datasets"])
@given(trajectories=st.lists(EPISODES, max_size=3))
@settings(max_examples=80, deadline=None)
def test_what_is_exported_is_imported_exactly(
    write: Any, read: Any, name: str, trajectories: list[Trajectory], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("formats") / name
    assert write(path, trajectories) == len(trajectories)
    found = list(read(path))
    assert found == [clean(each) for each in trajectories]
    for each in found:
        assert isinstance(each.stop, StopReason)
        assert all(isinstance(turn.action.kind, ActionKind) for turn in each.turns if turn.action.kind != "dance")


@given(trajectory=EPISODES)
@settings(max_examples=60, deadline=None)
def test_every_call_has_an_id_of_its_own_and_its_answer_follows(trajectory: Trajectory) -> None:
    messages = messages_of(trajectory)
    assert [message["role"] for message in messages if message["role"] in ("system", "user")][0:1]
    ids = []
    for message, following in zip(messages, [*messages[1:], {}], strict=True):
        assert set(message) <= {"role", "content", "reasoning_content", "tool_calls", "tool_call_id"}
        for call in message.get("tool_calls", []):
            ids.append(call["id"])
            assert (following["role"], following["tool_call_id"]) == ("tool", call["id"])
            assert (call["type"], call["function"]["name"]) == ("function", "interact")
            assert set(json.loads(call["function"]["arguments"])) == {"choice", "content"}
    assert len(set(ids)) == len(ids)


def test_a_worked_example() -> None:
    arguments = ['{"choice": "action", "content": "price?"}', '{"choice": "answer", "content": "H4"}']
    assert messages_of(episode()) == [
        {"role": "system", "content": "Rules"},
        {"role": "user", "content": "Book a hotel"},
        {
            "role": "assistant",
            "content": None,
            "reasoning_content": "both fit",
            "tool_calls": [{"id": "call_0", "type": "function", "function": {"name": "interact", "arguments": arguments[0]}}],
        },
        {"role": "tool", "tool_call_id": "call_0", "content": "cheap"},
        {"role": "assistant", "content": "", "reasoning_content": "hm"},
        {"role": "user", "content": "No action"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "call_2", "type": "function", "function": {"name": "interact", "arguments": arguments[1]}}],
        },
        {"role": "tool", "tool_call_id": "call_2", "content": "H4 is perfect."},
    ]
    metadata = metadata_of(episode())
    assert (metadata["task_return"], metadata["user_effort"], metadata["stop"]) == (0.75, 2, "success")
    assert metadata["turns"][1] == {
        "kind": "none",
        "content": "bad_json",
        "reward": 0.0,
        "involves_user": False,
        "parse_fault": "bad_json",
        "tokens": 2,
        "prompt_tokens": None,
        "completion_tokens": None,
        "information": None,
    }


def test_a_huge_text_comes_back_in_every_format(tmp_path: Path) -> None:
    huge = episode(opening="ß\n" * 3_000_000)
    for write, read, name in FORMATS:
        write(tmp_path / name, [huge, huge])
        assert list(read(tmp_path / name)) == [huge, huge]


def test_json_lines_are_one_ascii_line_an_episode_for_readers_that_split_elsewhere(tmp_path: Path) -> None:
    write_openai(tmp_path / "e.jsonl", [episode(opening="a\u2028b\x85c\nd é"), episode()])
    text = (tmp_path / "e.jsonl").read_bytes().decode("ascii")
    assert len(text.splitlines()) == 2


def test_a_number_that_json_lacks_is_refused_and_the_old_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "e.jsonl"
    write_openai(path, [episode()])
    with pytest.raises(DataError, match=r"episode 2 \(task 't1'\) holds a number that JSON does not have"):
        write_openai(path, [episode(), episode(seconds=float("inf"))])
    assert list(read_openai(path)) == [episode()]
    assert os.listdir(tmp_path) == ["e.jsonl"]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda m, d: d.update(seed="3"), r"metadata seed='3'"),
        (lambda m, d: d.update(stop="bored"), r"metadata stop='bored'"),
        (lambda m, d: d.update(bao_format="9"), r"metadata bao_format='9'"),
        (lambda m, d: d["turns"].pop(), r"3 assistant messages, but the metadata is of 2 turns"),
        (lambda m, d: d["turns"][0].update(kind="search"), r"turn 0 is \[action\] by its message and 'search'"),
        (lambda m, d: m[3].update(tool_call_id="call_9"), r"message 4 answers the call 'call_9'"),
        (lambda m, d: m.pop(3), r"the call 'call_0' has no answer"),
        (lambda m, d: m[2]["tool_calls"][0]["function"].update(name="search"), r"turn 0 must be one call of interact"),
        (lambda m, d: m[2]["tool_calls"][0]["function"].update(arguments="{"), r"turn 0 must be one call of interact"),
        (lambda m, d: m.append({"role": "system", "content": "x"}), r"message 9 has the role 'system'"),
        (lambda m, d: m[1].update(content=[{"type": "image_url"}]), r"message 2 holds content that is no text"),
        (lambda m, d: m.append("x"), r"messages must be a list"),
    ],
)
def test_what_is_wrong_with_an_edited_episode_is_named(change: Any, error: str) -> None:
    messages, metadata = messages_of(episode()), metadata_of(episode())
    change(messages, metadata)
    with pytest.raises(DataError, match=error):
        trajectory_of(messages, metadata)


def foreign(*messages: Any) -> dict[str, Any]:
    roles = ("system", "user", "assistant", "user", "assistant", "user")
    pairs = zip(roles, messages, strict=False)
    return {"messages": [{"role": role, **(text if isinstance(text, dict) else {"content": text})} for role, text in pairs]}


def read_foreign(tmp_path: Path, record: Any, **changes: Any) -> Trajectory:
    (tmp_path / "chat.jsonl").write_text(json.dumps(record) + "\n\n")
    (found,) = read_openai(tmp_path / "chat.jsonl", rules("travel", **changes))
    return found


def test_bracket_text_of_another_tool_is_read_under_a_gyms_rules(tmp_path: Path) -> None:
    record = foreign("Rules", "Book", "<think>what fits?</think>[action] Which area?", "beach", "[answer] H4", "perfect")
    found = read_foreign(tmp_path, record)
    assert found.turns == (
        Turn("what fits?", Action(ActionKind.ACTION, "Which area?"), "beach", 0.0, True, None, 4),
        Turn("", Action(ActionKind.ANSWER, "H4"), "perfect", 0.0, True, None, 1),
    )
    assert (found.system, found.opening, found.task_id, found.policy) == ("Rules", "Book", "chat-1", "imported")
    assert (found.stop, found.success, found.task_return) == (StopReason.FINISH, False, 0.0)
    paper = read_foreign(tmp_path, record, convention="paper")
    assert [turn.involves_user for turn in paper.turns] == [False, True]


SEARCH = {"name": "interact", "arguments": '{"choice": "search", "content": "x"}'}


@pytest.mark.parametrize(
    "message",
    [
        {"content": "", "tool_calls": [{"id": "a", "function": SEARCH}]},
        {"content": None, "tool_calls": [{"function": {**SEARCH, "arguments": {"choice": "search", "content": "x"}}}]},
        {"content": None, "function_call": {**SEARCH, "arguments": '{"choice": "SEARCH", "content": " x "}'}},
        {"content": [{"type": "text", "text": "[search] x"}]},
        {"content": '{"choice": "search", "content": "x"}'},
    ],
)
def test_a_call_is_read_however_a_tool_writes_it(tmp_path: Path, message: dict[str, Any]) -> None:
    found = read_foreign(tmp_path, foreign("Rules", "Book", {**message, "reasoning": "why"}))
    assert found.turns == (Turn("why", Action(ActionKind.SEARCH, "x"), "", 0.0, False, None, 2),)


def test_a_turn_without_an_action_counts_as_unreadable_where_others_have_one(tmp_path: Path) -> None:
    found = read_foreign(tmp_path, foreign("Rules", "Book", "Sure, which area?", "beach", "[answer] H4"))
    assert [turn.parse_fault for turn in found.turns] == [ParseFault.NO_ACTION, None]
    assert [turn.involves_user for turn in found.turns] == [False, True]


@pytest.mark.parametrize(
    ("record", "error"),
    [
        (foreign("R", "Book", "Sure, which area?"), r"line 1: no assistant message holds an action"),
        (foreign("R", "Book"), r"line 1: no assistant message holds an action"),
        (foreign("R", "B", {"tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]}), r"message 1 calls another tool"),
        ({"conversations": []}, r"line 1: an object with a list of messages"),
        ([1], r"line 1: an object with a list of messages"),
    ],
)
def test_what_cannot_be_read_of_a_foreign_conversation_is_named(tmp_path: Path, record: Any, error: str) -> None:
    with pytest.raises(DataError, match=error):
        read_foreign(tmp_path, record)


def test_a_foreign_file_needs_a_gym(tmp_path: Path) -> None:
    (tmp_path / "chat.jsonl").write_text(json.dumps(foreign("R", "B", "[search] x")))
    with pytest.raises(DataError, match=r"chat\.jsonl, line 1: it has no metadata of bao's: name the gym .*--gym"):
        list(read_openai(tmp_path / "chat.jsonl"))


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b"[" * 100_000, b"PAR1"])
def test_a_line_that_is_no_json_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "e.jsonl").write_bytes(content)
    with pytest.raises(DataError, match=r"e\.jsonl, line 1 is no JSON"):
        list(read_openai(tmp_path / "e.jsonl"))
    with pytest.raises(DataError, match=r"e\.jsonl cannot be read as Parquet"):
        list(read_datasets(tmp_path / "e.jsonl"))


def test_a_parquet_file_of_other_columns_is_named(tmp_path: Path) -> None:
    pq.write_table(pa.table({"x": [1]}), tmp_path / "e.parquet")
    with pytest.raises(DataError, match=r"lacks the column 'messages'"):
        list(read_datasets(tmp_path / "e.parquet"))


def test_foreign_parquet_is_read_under_a_gyms_rules(tmp_path: Path) -> None:
    pq.write_table(pa.Table.from_pylist([foreign("R", "Book", "[search] x", "none")]), tmp_path / "chats.parquet")
    (found,) = read_datasets(tmp_path / "chats.parquet", rules("travel"))
    assert (found.turns[0].action, found.turns[0].reply) == (Action(ActionKind.SEARCH, "x"), "none")


def test_datasets_loads_filters_and_streams_and_its_own_file_comes_back(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="datasets is not installed: pip install 'bao-agents[formats]'")
    rows = [episode(seed=seed, success=seed % 2 == 0) for seed in range(ROW_GROUP + 5)]
    write_datasets(tmp_path / "e.parquet", rows)
    arguments = {"data_files": str(tmp_path / "e.parquet"), "split": "train", "cache_dir": str(tmp_path / "cache")}
    loaded = datasets.load_dataset("parquet", **arguments)
    assert len(loaded) == len(rows)
    assert [message["role"] for message in loaded[0]["messages"]][:4] == ["system", "user", "assistant", "tool"]
    assert loaded[0]["messages"][2]["tool_calls"][0]["function"]["name"] == "interact"
    assert json.loads(loaded[0]["tools"])[0]["function"]["name"] == "interact"
    streamed = datasets.load_dataset("parquet", streaming=True, **arguments)
    assert [row["seed"] for row in streamed] == list(range(len(rows)))
    loaded.filter(lambda row: row["success"]).to_parquet(str(tmp_path / "kept.parquet"))
    assert list(read_datasets(tmp_path / "kept.parquet")) == rows[::2]


def test_the_store_itself_is_read_by_datasets_as_it_is(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="datasets is not installed: pip install 'bao-agents[formats]'")
    write_episodes(tmp_path / "episodes.parquet", [episode()])
    path = str(tmp_path / "episodes.parquet")
    (row,) = datasets.load_dataset("parquet", data_files=path, split="train", cache_dir=str(tmp_path / "cache"))
    assert (row["task_return"], row["transcript"][0]["content"]) == (0.75, "price?")


def test_an_export_holds_one_row_group_at_a_time(tmp_path: Path) -> None:
    write_episodes(tmp_path / "in" / "episodes.parquet", [episode(turns=turns(2), seed=seed) for seed in range(4500)])
    for to, name in ((Target.DATASETS, "e.parquet"), (Target.OPENAI, "e.jsonl")):
        assert export_episodes(tmp_path / "in", to, tmp_path / name, TerminalProgress()) == 4500
    groups = pq.ParquetFile(tmp_path / "e.parquet").metadata
    assert [groups.row_group(i).num_rows for i in range(groups.num_row_groups)] == [1000, 1000, 1000, 1000, 500]
    for source, name in ((Source.DATASETS, "e.parquet"), (Source.OPENAI, "e.jsonl")):
        assert import_episodes(tmp_path / name, source, tmp_path / source.value, TerminalProgress()) == 4500
        stored = tmp_path / source.value / "episodes.parquet"
        assert stored.read_bytes() == (tmp_path / "in" / "episodes.parquet").read_bytes()


def live(write: Any, path: Path) -> int:
    """The most episodes that were alive at once while `write` was given 6000."""
    import gc
    import weakref

    class Watched(Trajectory):
        __slots__ = ("__weakref__",)

    alive: weakref.WeakSet[Watched] = weakref.WeakSet()
    most = 0

    def made() -> Iterator[Trajectory]:
        nonlocal most
        fields = {field.name: getattr(episode(), field.name) for field in dataclasses.fields(Trajectory)}
        for seed in range(6000):
            each = Watched(**{**fields, "seed": seed})
            alive.add(each)
            most = max(most, len(alive))
            yield each

    gc.collect()
    write(path, made())
    return most


def test_no_writer_keeps_the_episodes_that_it_has_written(tmp_path: Path) -> None:
    from bao.storage.episodes import stream_episodes

    assert live(lambda path, rows: list(rows), tmp_path) == 6000  # what the count shows of one that keeps them
    for write, name in ((write_openai, "e.jsonl"), (write_datasets, "e.parquet"), (stream_episodes, "s.parquet")):
        assert live(write, tmp_path / name) <= 2100, name


def test_a_failed_export_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    def fails() -> Iterator[Trajectory]:
        yield episode()
        raise OSError("disk")

    for write, read, name in FORMATS:
        write(tmp_path / name, [episode()])
        with pytest.raises(OSError, match="disk"):
            write(tmp_path / name, fails())
        assert list(read(tmp_path / name)) == [episode()]
    assert sorted(os.listdir(tmp_path)) == ["e.jsonl", "e.parquet"]


def test_an_export_never_replaces_a_file_unasked(tmp_path: Path) -> None:
    write_episodes(tmp_path / "in" / "episodes.parquet", [episode()])
    out = tmp_path / "e.jsonl"
    out.write_text("mine")
    with pytest.raises(ConfigError, match=r"--out .*e\.jsonl exists: name another file, or give --force"):
        export_episodes(tmp_path / "in", Target.OPENAI, out, TerminalProgress())
    assert out.read_text() == "mine"
    export_episodes(tmp_path / "in", Target.OPENAI, out, TerminalProgress(), force=True)
    assert list(read_openai(out)) == [episode()]
    with pytest.raises(ConfigError, match=r"a file for inspect is called something\.eval"):
        export_episodes(tmp_path / "in", Target.INSPECT, tmp_path / "e.zip", TerminalProgress())


def test_an_import_is_continued_refused_or_new_as_any_result(tmp_path: Path) -> None:
    file, out = tmp_path / "e.jsonl", tmp_path / "out"
    write_openai(file, [episode(), episode(seed=4)])
    assert import_episodes(file, Source.OPENAI, out, TerminalProgress()) == 2
    assert json.loads((out / "summary.json").read_text())["score"]["mean"] == 0.75
    before = (out / "episodes.parquet").stat().st_mtime_ns
    assert import_episodes(file, Source.OPENAI, out, TerminalProgress()) == 2
    assert (out / "episodes.parquet").stat().st_mtime_ns == before
    write_openai(file, [episode()])
    with pytest.raises(ConfigError, match=r"holds results of other settings \(sha256 is"):
        import_episodes(file, Source.OPENAI, out, TerminalProgress())


def test_a_conversation_without_rewards_gets_no_summary(tmp_path: Path) -> None:
    (tmp_path / "chat.jsonl").write_text(json.dumps(foreign("R", "B", "[search] x")))
    assert import_episodes(tmp_path / "chat.jsonl", Source.OPENAI, tmp_path / "out", TerminalProgress(), gym="travel") == 1
    assert not (tmp_path / "out" / "summary.json").exists()
    assert read_episodes(tmp_path / "out" / "episodes.parquet")[0].task_id == "chat-1"


def bao(*arguments: str, cwd: Path) -> tuple[int, str, str]:
    code = "from bao.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=cwd, capture_output=True, text=True, timeout=300, check=False
    )
    return done.returncode, done.stdout, done.stderr


def test_the_commands_there_and_back(tmp_path: Path) -> None:
    assert bao("eval", "scripted:ask_all", "--tasks", "5", "--out", "played", cwd=tmp_path)[0] == 0
    for name, file in (("openai", "e.jsonl"), ("datasets", "e.parquet")):
        assert bao("export", "played", "--to", name, "--out", file, cwd=tmp_path)[:2] == (0, f"5 episodes: {file}\n")
        status, _, error = bao("export", "played", "--to", name, "--out", file, cwd=tmp_path)
        assert (status, "--force" in error, "Traceback" in error) == (2, True, False)
        assert bao("export", "played", "--to", name, "--out", file, "--force", cwd=tmp_path)[0] == 0
        assert bao("import", file, "--from", name, "--out", name, cwd=tmp_path)[:2] == (0, f"5 episodes: {name}\n")
        assert read_episodes(tmp_path / name / "episodes.parquet") == read_episodes(tmp_path / "played" / "episodes.parquet")
        own = json.loads((tmp_path / "played" / "summary.json").read_text())
        again = json.loads((tmp_path / name / "summary.json").read_text())
        assert {**own, "setting": {}, "clusters": None} == again  # these files know no components
    assert bao("frontier", "openai", "--out", "frontier", cwd=tmp_path)[0] == 0
    status, _, error = bao("import", "nowhere.jsonl", "--from", "openai", "--out", "x", cwd=tmp_path)
    assert (status, "no file at nowhere.jsonl" in error) == (2, True)


def test_tool_messages_without_an_id_answer_the_calls_in_order(tmp_path: Path) -> None:
    """As TRL writes them: no ids, arguments as objects."""

    def called(choice: str, content: str) -> dict[str, Any]:
        function = {"name": "interact", "arguments": {"choice": choice, "content": content}}
        return {"role": "assistant", "tool_calls": [{"type": "function", "function": function}]}

    messages: list[dict[str, Any]] = [{"role": "user", "content": "Book a hotel."}]
    for number in range(3):
        messages += [called("search", f"hotel {number}"), {"role": "tool", "name": "interact", "content": f"H{number}"}]
    file = tmp_path / "trl.jsonl"
    file.write_text(json.dumps({"messages": [*messages, {"role": "assistant", "content": "[finish]"}]}))
    (episode,) = read_openai(file, rules("travel"))
    assert [(turn.action.content, turn.reply) for turn in episode.turns] == [
        ("hotel 0", "H0"), ("hotel 1", "H1"), ("hotel 2", "H2"), ("", "")
    ]  # fmt: skip
    file.write_text(json.dumps({"messages": [*messages, {"role": "tool", "content": "more"}]}))
    with pytest.raises(DataError, match="answers the call None"):
        list(read_openai(file, rules("travel")))
