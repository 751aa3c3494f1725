"""Task files of every gym: a task that cannot be played is refused with its line and field, a broken file with its name."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bao.errors import DataError
from bao.gyms.registry import gym_class
from bao.task import Split
from tests.support.gyms import whole
from tests.support.made_up_tasks import BLIND_GUEST, CAKE, FLAVOUR, GUESTS, OVEN, OWN_OKAPI, RULE

MISSING = ...
MEANT = {
    "kind": "club",
    "candidates": ["A Rovers", "B Swifts"],
    "index": 1,
    "facts": {"colours": "red and blue"},
    "asked": ["coach"],
}
POINT = {"statement": "s", "weight": 1, "needs": "blind"}
Change = dict[str, Any] | Callable[[Any], Any]
"""Fields to put in place of the sound ones, or to leave out; or what spoils the list of bookings."""


def first(name: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(json.dumps(whole(gym_class(name))[0].data))
    return data


SOUND: dict[str, Callable[[], dict[str, Any]]] = {
    "function": lambda: {"rule": "a + b + c + d", "test_case": [1, 2, 3, 4], "expected_result": 10},
    "intention": lambda: dict(CAKE.data),
    "persuade": lambda: first("persuade"),
    "search": lambda: {"question": "Who?", "answers": ["Ada"]},
    "tau": lambda: first("tau"),
    "telepathy": lambda: dict(OWN_OKAPI),
    "travel": lambda: first("travel"),
    "turtle": lambda: dict(BLIND_GUEST.data),
}
BAD: dict[str, list[tuple[Change, str]]] = {
    "function": [
        ({"rule": MISSING}, "rule"),
        ({"test_case": MISSING}, "test_case"),
        ({"test_case": [1, 2, 3], "expected_result": 6}, "test_case"),
        ({"test_case": [1, 2, 3, 4.5], "expected_result": 6}, "test_case"),
        ({"expected_result": 11}, "expected_result=11"),
        ({"expected_result": "ten"}, "expected_result='ten'"),
        ({"rule": "a / (b - c) + d", "test_case": [1, 2, 2, 4]}, "division by zero"),
        ({"rule": "import os"}, "rule 'import os'"),
    ],
    "intention": [
        ({"task": MISSING}, "the field 'task' is missing"),
        ({"category": " "}, "category=' ' must be a text"),
        ({"missing_details": []}, r"missing_details=\[\] must be a list of at least 1"),
        ({"missing_details": {}}, r"missing_details=\{\} must be a list"),
        ({"missing_details": ["x"]}, r"missing_details\[0\]='x' must be an object"),
        ({"missing_details": [{**FLAVOUR, "importance": 4}]}, r"missing_details\[0\]\.importance=4 must be 1, 2 or 3"),
        ({"missing_details": [FLAVOUR, {**GUESTS, "options": []}]}, r"missing_details\[1\]\.options=\[\] must be a list"),
        ({"missing_details": [{**FLAVOUR, "inquiry": 5}]}, r"missing_details\[0\]\.inquiry=5 must be a text"),
        ({"missing_details": [{**FLAVOUR, "words": []}]}, r"missing_details\[0\]\.words=\[\] must be a text"),
        ({"missing_details": [FLAVOUR, FLAVOUR]}, "a description occurs twice"),
        ({"other_details": [{**OVEN, "told": "wood"}]}, r"other_details\[0\]\.told='wood' must be one of its options"),
    ],
    "persuade": [
        ({"claim": ""}, "claim=''"),
        ({"reason": 3}, "reason=3"),
        ({"weighs": MISSING}, "weighs"),
        ({"weighs": ["fairness"]}, "only 1 considerations are of a kind in weighs; it takes 6"),
        ({"weighs": ["luck"]}, r"weighs\[0\]='luck' is unknown; known: fairness, cost"),
        ({"considerations": "all"}, "considerations='all' must be a list"),
        ({"considerations": ["a"]}, "'a' must be an object"),
        ({"considerations": [{"kind": "luck", "text": "[a]"}]}, r"considerations\[0\]\.kind='luck'"),
        ({"considerations": [{"kind": "cost", "text": "no mark"}]}, "marks no concept"),
        ({"considerations": [{"kind": "cost", "text": "[two words]"}]}, "give single words"),
        ({"considerations": [{"kind": "cost", "text": "[the|cost]"}]}, "holds 'the'"),
        ({"considerations": [{"kind": "cost"}]}, "text"),
        (dict.fromkeys(("reason", "weighs", "considerations"), MISSING) | {"argument": ""}, "argument=''"),
    ],
    "search": [
        ({"question": ""}, "question='' must be a text"),
        ({"question": None}, "question=None must be a text"),
        ({"answers": []}, r"answers=\[\] must be a list"),
        ({"answers": "Ada"}, "answers='Ada' must be a list"),
        ({"answers": ["Ada", "..."]}, "with a letter or a digit"),
        ({"world": "test-70"}, "world 'test-70' is unknown; known: train-0"),
        ({"world": 3}, "world=3 must be a text"),
        ({"meant": []}, r"meant=\[\] must be an object"),
        ({"meant": {**MEANT, "kind": "ship"}}, "meant.kind='ship' is unknown; known: person"),
        ({"meant": {**MEANT, "candidates": ["A", 3]}}, "meant.candidates"),
        ({"meant": {**MEANT, "index": 2}}, "meant.index=2 must be the place of one of the 2 candidates"),
        ({"meant": {**MEANT, "asked": ["mother"]}}, "meant.asked"),
        ({"meant": {**MEANT, "facts": {"mother": "x"}}}, "meant.facts"),
        ({"meant": {**MEANT, "facts": {"sport": "rowing"}}}, "meant.facts"),
        ({"meant": {key: value for key, value in MEANT.items() if key != "facts"}}, "the field 'facts' is missing"),
    ],
    "tau": [
        ({"database": "shop"}, "database='shop' is unknown; known: shop-train"),
        ({"wishes": []}, "field 'wishes' is empty"),
        ({"wishes": [{"operation": "steal"}]}, "operation='steal' of a wish is unknown"),
        ({"wishes": [{"operation": "inform", "colour": "red"}]}, "a wish has no field 'colour'"),
        ({"actions": [{"name": "fly", "arguments": {}}]}, "the action 'fly' is no tool"),
        ({"actions": [{"name": "calculate", "arguments": {"expression": "x"}}]}, "the action 'calculate' fails: Error"),
        ({"outputs": [3]}, r"outputs\[0\]=3 must be a text"),
        ({"user_id": "nobody"}, "user_id='nobody' is not in the database"),
        ({"actions": None}, ""),
        ({"instruction": 3}, "instruction=3 must be a text"),
    ],
    "telepathy": [
        ({"title": MISSING}, "the field 'title' is missing"),
        ({"opening": MISSING}, "the field 'opening' is missing"),
        ({"facts": MISSING}, "the field 'facts' is missing"),
        ({"title": 3}, "title=3 must be a text"),
        ({"title": "?"}, r"title='\?' must be a text with at least one word"),
        ({"aliases": "a"}, "aliases='a' must be a list"),
        ({"class": "okapi"}, "class='okapi' of 'Okapi' is unknown"),
        ({"facts": "s6 zebraish"}, "'zebraish' is no feature"),
        ({"facts": 3}, "facts=3 must be a text"),
        ({"gloss": 7}, "gloss=7 must be a text"),
    ],
    "travel": [
        (lambda rows: rows.clear(), r"bookings=\[\] must be a list of at least 1"),
        (lambda rows: rows[0].pop("wishes"), "'wishes' is missing"),
        (lambda rows: rows[0].update(aspect="ship"), "aspect 'ship' is unknown"),
        (lambda rows: rows.append(rows[0]), "an aspect occurs twice"),
        (lambda rows: rows[0]["wishes"].pop(), "needs wishes for two attributes"),
        (lambda rows: rows[0]["wishes"][0].pop("source"), "'source' is missing"),
        (lambda rows: rows[0]["wishes"][0].update(source="dream"), r"wishes\[0\]\.source='dream' is unknown; known: stated"),
        (lambda rows: rows[0]["wishes"][0].update(value="lunar"), "with the value 'lunar'"),
        (lambda rows: rows[0]["options"][0].pop("price"), "'price' is missing"),
        (lambda rows: rows[0]["options"][0].update(price="free"), "price='free' must be a whole number"),
        (lambda rows: rows[0]["options"][0].update(price=float("inf")), "price=inf must be a whole number"),
        (lambda rows: rows[0]["options"][1].update(price=rows[0]["options"][0]["price"]), "the same price"),
        (lambda rows: rows[0]["options"][1].update(id=rows[0]["options"][0]["id"]), "the same id"),
        (lambda rows: rows[0]["options"][0].update(id="X1"), "option id 'X1' is no"),
        (lambda rows: rows[0]["options"][0]["values"].popitem(), "is missing"),
        (lambda rows: rows[0]["options"].clear(), "meets every wish"),
    ],
    "turtle": [
        ({"bottom": MISSING}, "the field 'bottom' is missing"),
        ({"title": ""}, "title=''"),
        ({"surface": 7}, "surface=7"),
        ({"criteria": []}, "criteria="),
        ({"criteria": ["blind"]}, r"criteria\[0\]='blind'"),
        ({"criteria": [{**POINT, "weight": 0.9}]}, "sum to 9/10"),
        ({"criteria": [{**POINT, "weight": "half"}]}, r"criteria\[0\]\.weight='half'"),
        ({"criteria": [{**POINT, "weight": 2}]}, r"criteria\[0\]\.weight=2 must be above 0"),
        ({"criteria": [{**POINT, "statement": None}]}, r"criteria\[0\]\.statement=None"),
        ({"criteria": [{**POINT, "needs": "the"}]}, r"criteria\[0\]\.needs: 'the' has 0 terms"),
        ({"criteria": [{**POINT, "needs": "red brick wall"}]}, "has 3 terms"),
        ({"criteria": [{**POINT, "needs": 5}]}, r"criteria\[0\]\.needs=5"),
        ({"criteria": [{**POINT, "needs": "deaf"}]}, r"criteria\[0\]\.needs: the bottom itself is credited 0"),
        ({"criteria": [{**POINT, "needs": "guest"}]}, "surface: the title and surface alone are credited"),
        ({"criteria": [{**POINT, "weight": 0.5}, {"statement": "t", "weight": 0.5}]}, r"criteria\[1\]\.needs is missing"),
        ({"against": ["dog"]}, "bottom: the scripted user refuses it"),
        ({"facts": {"perhaps": ["dog"]}}, "facts.perhaps is unknown"),
        ({"bottom": "He is blind. " * 50}, "bottom: the scripted user refuses it"),
    ],
}


@pytest.mark.parametrize(
    ("name", "change", "message"), [(name, change, message) for name, rows in BAD.items() for change, message in rows]
)
def test_a_task_that_cannot_be_played_is_refused_with_its_line_and_field(
    name: str, change: Change, message: str, tmp_path: Path
) -> None:
    data = SOUND[name]()
    path = tmp_path / "tasks.jsonl"
    path.write_text(json.dumps({"id": "x", "gym": name, "data": data}) + "\n")
    assert len(gym_class(name).read_tasks(path)) == 1
    if isinstance(change, dict):
        data = {key: value for key, value in (data | change).items() if value is not MISSING}
    else:
        change(data["bookings"])
    path.write_text(json.dumps({"id": "x", "gym": name, "data": data}) + "\n")
    with pytest.raises(DataError, match=rf"tasks\.jsonl, line 1: .*{message}"):
        gym_class(name).read_tasks(path)


# UserRL's files.

RULES = {"id": "f", **SOUND["function"]()}
VAGUE = {"id": "r", "category": "Baking", "task": "Bake a cake.", "missing_details": [{**FLAVOUR, "importance": "3"}]}
ENTITY = {"id": "e1", "title": "Mt. Okapi (the 'hill')", "description": "I am thinking of a hill.", "target_entity": "a hill"}
STORY = {
    "new_title": "T",
    "new_surface": "S",
    "new_bottom": "B",
    "evaluation": [{"statement": "s", "score": 0.7}, {"statement": "t", "score": 0.3}],
}
BROKEN_LISTS: dict[tuple[str, str], list[tuple[Any, str]]] = {
    ("function", "functions.json"): [([{**RULES, "expected_result": None}], ""), ([{**RULES, "rule": "a"}], "")],
    ("intention", "all_intentions_test.json"): [([{**VAGUE, "missing_details": []}], "")],
    ("search", "questions.json"): [
        ({}, ""),
        ([{"id": "q", "question": "Who?"}], ""),
        ([{"id": "q", "question": "", "answer": "a"}], ""),
    ],
    ("tau", "tau_test.json"): [
        ([{"id": "retail-0", "info": {"task": {"user_id": "a", "instruction": ""}}}], r"entry 0\.info\.task\.actions"),
        (
            [{"id": "hotel-0", "info": {"task": {"user_id": "a", "actions": [], "instruction": ""}}}],
            "'hotel-0': the id must begin with retail- or airline-",
        ),
    ],
    ("telepathy", "entities.json"): [([{"id": "e", "title": "x"}], "")],
    ("turtle", "stories.json"): [
        ({"5": {"new_title": "T"}}, ""),
        ({"5": {**STORY, "new_surface": ""}}, ""),
        ({"5": {**STORY, "evaluation": STORY["evaluation"][:1]}}, ""),
        ({"5": {**STORY, "evaluation": []}}, ""),
    ],
}


@pytest.mark.parametrize(("name", "file"), BROKEN_LISTS)
def test_a_broken_list_of_records_is_a_data_error(name: str, file: str, tmp_path: Path) -> None:
    broken = [(text, "") for text in ("[{", "{", "[1]", '{"a": 1}', "\x00")]
    for content, message in (*broken, *((json.dumps(rows), message) for rows, message in BROKEN_LISTS[name, file])):
        (tmp_path / file).write_text(content)
        with pytest.raises(DataError, match=rf"{file}.*{message}"):
            gym_class(name).read_tasks(tmp_path / file)


class Join(NamedTuple):
    """Rows of a parquet file that need a list of records next to it."""

    file: str
    records: Any
    answer: dict[str, str]
    task: dict[str, Any]
    """Of the task read: some fields."""
    bad: list[tuple[dict[str, str | None], str]]
    """Fields of the answer put in place of the sound ones, or left out; with what is said of it."""


JOINS = {
    "function": Join(
        "functions.json",
        [RULES],
        {"id": "f", "ground_truth": "10.0"},
        {"test_case": [1, 2, 3, 4]},
        [
            ({"id": "g"}, r"reward_model\.id='g' is not in"),
            ({"ground_truth": "11.0"}, r"ground_truth='11\.0' but the rule gives 10"),
            ({"id": None}, r"reward_model\.id is missing"),
            ({"ground_truth": None}, r"reward_model\.ground_truth is missing"),
        ],
    ),
    "intention": Join(
        "all_intentions_test.json",
        [VAGUE],
        {"id": "r", "task": "Bake a cake."},
        {"task": "Bake a cake."},
        [
            ({"id": "q"}, r"reward_model\.id='q' is not in"),
            ({"task": "Bake bread."}, r"reward_model\.task='Bake bread\.', but"),
            ({"task": None}, r"reward_model\.task is missing"),
        ],
    ),
    "search": Join(
        "questions.json",
        [{"id": "q", "question": " Who? ", "answer": "Ada\n"}],
        {"id": "q", "ground_truth": "ADA"},
        {"question": "Who?", "answers": ["Ada"]},
        [
            ({"id": "r"}, r"reward_model\.id='r' is not in"),
            ({"ground_truth": "Bruno"}, r"ground_truth='Bruno' but the answer is"),
            ({"ground_truth": None}, r"reward_model\.ground_truth is missing"),
        ],
    ),
    "telepathy": Join(
        "entities.json",
        [ENTITY],
        {"title": str(ENTITY["title"]), "ground_truth": "a hill"},
        {"title": ENTITY["title"]},
        [
            ({"title": "other"}, r"reward_model\.title='other' is not in"),
            ({"title": None}, r"reward_model\.title is missing"),
            ({"ground_truth": None}, r"reward_model\.ground_truth is missing"),
        ],
    ),
    "turtle": Join(
        "stories.json",
        {"5": STORY},
        {"title": "T", "surface": "S", "bottom": "B"},
        {"title": "T", "surface": "S", "bottom": "B"},
        [({"title": "U"}, r"title='U' is not in"), ({"bottom": "C"}, r"reward_model\.bottom is not that of")],
    ),
}


def write_row(path: Path, answer: dict[str, Any] | None, split: str | None = None) -> Path:
    row: dict[str, Any] = {"prompt": "p"} if answer is None else {"reward_model": answer}
    pq.write_table(pa.Table.from_pylist([row | ({} if split is None else {"extra_info": {"split": split}})]), path)
    return path


@pytest.mark.parametrize("name", JOINS)
def test_parquet_rows_must_join_with_the_list_of_records(name: str, tmp_path: Path) -> None:
    gym, join, path = gym_class(name), JOINS[name], tmp_path / "rows.parquet"
    records = tmp_path / join.file
    with pytest.raises(DataError, match=rf"put UserRL's {join.file} beside it".replace(".", r"\.")):
        gym.read_tasks(write_row(path, join.answer))
    records.write_text(json.dumps(join.records))
    (task,) = gym.read_tasks(write_row(path, join.answer, "test"), "valid")
    assert (task.split, {field: task.data[field] for field in join.task}) == (Split.TEST, join.task)
    for change, message in join.bad:
        answer = {field: value for field, value in (join.answer | change).items() if value is not None}
        with pytest.raises(DataError, match=message):
            gym.read_tasks(write_row(path, answer, "test"))
    with pytest.raises(DataError, match="no column 'reward_model'"):
        gym.read_tasks(write_row(path, None))
    with pytest.raises(DataError, match=r"extra_info\.split='dev'"):
        gym.read_tasks(write_row(path, join.answer, "dev"))
    whole_file = write_row(path, join.answer, "test").read_bytes()
    half = len(whole_file) // 2
    spoilt = whole_file[:4] + b"\xff" * half + whole_file[4 + half :]
    for content in (b"", b"PAR1 and then nothing", b"\x00" * 100, whole_file[:half], spoilt):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"rows\.parquet cannot be read as parquet"):
            gym.read_tasks(path)


@pytest.mark.parametrize("name", ["function", "search", "telepathy", "turtle"])
def test_a_list_of_records_is_read_alone_and_a_row_without_a_split_takes_that_asked_for(name: str, tmp_path: Path) -> None:
    gym, join = gym_class(name), JOINS[name]
    (tmp_path / join.file).write_text(json.dumps(join.records))
    (alone,) = gym.read_tasks(tmp_path / join.file, "valid")
    (joined,) = gym.read_tasks(write_row(tmp_path / "rows.parquet", join.answer), "valid")
    assert alone == joined
    assert alone.split is Split.VALID


def test_intentions_split_stands_in_the_name_of_the_list_beside_its_rows(tmp_path: Path) -> None:
    gym, join = gym_class("intention"), JOINS["intention"]
    (tmp_path / join.file).write_text(json.dumps(join.records))
    (alone,) = gym.read_tasks(tmp_path / join.file)
    assert (alone.id, alone.split, alone.level, alone.data["missing_details"][0]["importance"]) == ("r", Split.TEST, 1, 3)
    with pytest.raises(DataError, match=r"put UserRL's all_intentions_train\.json beside it"):
        gym.read_tasks(write_row(tmp_path / "rows.parquet", join.answer, "train"))


def test_what_a_file_leaves_open_is_worked_out(tmp_path: Path) -> None:
    gym = gym_class("function")
    (tmp_path / "tasks.jsonl").write_text(json.dumps({"id": "t", "gym": "function", "data": RULE.data}))
    (task,) = gym.read_tasks(tmp_path / "tasks.jsonl")
    assert (task.data["operators"], task.level) == (["subtract", "multiply", "divide"], 2)
