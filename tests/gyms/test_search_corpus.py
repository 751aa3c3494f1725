"""A corpus of the user's own in the search gym, and UserRL's questions, which need one."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bao.action import Action
from bao.errors import ConfigError, DataError
from bao.gyms.search import Search
from bao.gyms.search.corpus import LONGEST_PASSAGE, Corpus, Passage, pieces, read_corpus
from bao.gyms.search.gym import CLOSED_BOOK
from bao.gyms.search.judge import Verdict
from bao.gyms.search.tasks import load
from bao.gyms.search.user import CLEAR
from bao.rollout.episode import play
from bao.task import Split, Task
from bao.trajectory import StopReason
from tests.gyms.test_search import replied
from tests.support.gyms import started, whole

FOREIGN = Task("f", "search", {"question": "When was the dam of Okerby opened?", "answers": ["6 November 1905"]}, Split.TEST)


PASSAGES = [
    {"title": "Okerby", "text": "Okerby is a village. Its dam was opened on 6 November 1905 by the mayor."},
    {"title": "Dams", "text": "A dam holds water back."},
    {"title": "Moss", "text": "Moss likes shade."},
]


def written(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_task_of_no_world_needs_a_corpus() -> None:
    gym = Search()
    with pytest.raises(ConfigError, match=r"corpus is not set, and task 'f' .* give corpus=PATH, .* or corpus='none'"):
        gym.reset(seed=0, options={"task": FOREIGN})


def test_a_corpus_of_ones_own_is_searched_and_the_answer_judged(tmp_path: Path) -> None:
    gym = started(Search, FOREIGN, corpus=written(tmp_path / "own.jsonl", PASSAGES))
    assert replied(gym, "search", "dam of Okerby") == (
        "1. Okerby: Okerby is a village. Its dam was opened on 6 November 1905 by the mayor.\n2. Dams: A dam holds water back."
    )
    assert replied(gym, "action", "Which dam?") == CLEAR
    assert gym.step(Action("answer", "November 6, 1905"))[1] == 1.0


def test_a_corpus_may_be_a_folder(tmp_path: Path) -> None:
    written(tmp_path / "one.jsonl", PASSAGES[:2])
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "Long_dams.txt").write_text("Some dams are long.\nThis one is not.")
    (tmp_path / "notes.md").write_text("dam dam dam")
    titles = {passage.title: passage.text for passage in read_corpus(tmp_path).passages}
    assert titles == {
        "Okerby": PASSAGES[0]["text"],
        "Dams": PASSAGES[1]["text"],
        "Long dams": "Some dams are long. This one is not.",
    }
    assert "3. " in replied(started(Search, FOREIGN, corpus=str(tmp_path)), "search", "dams")


def test_gyms_share_a_corpus_and_see_its_file_change(tmp_path: Path) -> None:
    path = written(tmp_path / "own.jsonl", PASSAGES)
    assert read_corpus(path) is read_corpus(path)
    written(path, PASSAGES[2:])
    assert [passage.title for passage in read_corpus(path).passages] == ["Moss"]


def test_own_tasks_are_played_in_their_world_whatever_the_corpus(tmp_path: Path) -> None:
    path = written(tmp_path / "own.jsonl", PASSAGES)
    for task in whole(Search)[:6]:
        query = task.data["question"]
        assert replied(started(Search, task, corpus=path), "search", query) == replied(started(Search, task), "search", query)


def test_with_the_book_closed_answers_are_judged_all_the_same() -> None:
    gym = started(Search, FOREIGN, corpus="none")
    assert replied(gym, "search", "dam") == CLOSED_BOOK
    assert gym.step(Action("answer", "6 November 1905"))[1] == 1.0


def test_long_passages_are_cut_at_sentence_ends() -> None:
    sentence = "Moss likes shade and water. "
    found = list(pieces(Passage("Moss", sentence * 50)))
    assert " ".join(piece.text for piece in found) == (sentence * 50).strip()
    assert len(found) == math.ceil(50 / (601 // len(sentence)))
    assert all(piece.title == "Moss" and piece.text.endswith("water.") for piece in found)
    assert [len(piece.text) for piece in pieces(Passage("x", "y" * 1_300))] == [LONGEST_PASSAGE, LONGEST_PASSAGE, 100]
    assert list(pieces(Passage("x", " "))) == []


def test_a_title_counts_for_more_than_a_mention() -> None:
    corpus = Corpus([Passage("Dams", "Okerby has a fine old dam."), Passage("Okerby", "A village with a fine old church.")])
    assert [passage.title for passage in corpus.find("Okerby")] == ["Okerby", "Dams"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"title": "a", "text": "b"}\n{"title": "a"}', "line 2: the field 'text' is missing or no text"),
        ('{"title": 3, "text": "b"}', "line 1: the field 'title' is missing or no text"),
        ("[]", "line 1: the field 'title'"),
        ("{", "line 1 is no JSON"),
        ("", "holds no passage"),
        ('{"title": "a", "text": " "}', "holds no passage"),
    ],
)
def test_a_corpus_that_cannot_be_read_is_refused_with_its_line(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "own.jsonl"
    path.write_text(content)
    with pytest.raises(DataError, match=rf"own\.jsonl.*{message}"):
        Search(corpus=path)


def test_a_corpus_that_is_not_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "latin.jsonl").write_bytes(b"\xff")
    for corpus, error, message in (
        (tmp_path / "none.jsonl", ConfigError, "does not exist: give a .jsonl file"),
        (tmp_path / "empty", ConfigError, "holds no .jsonl and no .txt file"),
        (tmp_path / "latin.jsonl", DataError, "is no UTF-8 text"),
        (3, ConfigError, "corpus=3 must be the path"),
    ):
        with pytest.raises(error, match=message):
            Search(corpus=corpus)


def test_userrls_questions_are_read_and_judged_with_a_corpus(userrl_data: Path, tmp_path: Path) -> None:
    folder = userrl_data / "bamboogle"
    listed, rows = Search.read_tasks(folder / "questions.json"), Search.read_tasks(folder / "test.parquet")
    assert (len(listed), len(rows)) == (125, 125)
    assert {task.id: task.data for task in listed} == {task.id: task.data for task in rows}
    assert {task.split for task in rows} == {Split.TEST}
    gym = Search(corpus=written(tmp_path / "own.jsonl", PASSAGES))
    verdicts = np.zeros((125, 125))
    for index, task in enumerate(rows):
        assert gym.reset(seed=0, options={"task": task})[0] == task.data["question"]
        assert replied(gym, "action", "Which one do you mean?") == CLEAR
        assert gym.step(Action("answer", f"The answer is {task.data['answers'][0].upper()}."))[1] == 1.0
        judge = load(task).judge
        verdicts[index] = [judge.judge(other.data["answers"][0]) is Verdict.RIGHT for other in rows]
    assert verdicts.diagonal().all()
    assert verdicts.sum() - 125 == sum(
        one.data["answers"][0].lower() == other.data["answers"][0].lower() for one in rows for other in rows if one is not other
    )


def test_userrls_questions_say_that_they_need_a_corpus(userrl_data: Path) -> None:
    for task in Search.read_tasks(userrl_data / "bamboogle" / "test.parquet"):
        with pytest.raises(ConfigError, match="corpus is not set"):
            Search().reset(seed=0, options={"task": task})


def test_a_question_of_no_known_form_is_given_up(tmp_path: Path) -> None:
    gym = Search(corpus=written(tmp_path / "own.jsonl", PASSAGES))
    for question in ("Why?", "Who founded Okerby?", "In which year was the maker of clocks in Okerby founded?"):
        task = Task("x", "search", {"question": question, "answers": ["Ada"]})
        for name in ("ask_all", "ask_needed", "never_ask"):
            episode = play(gym, Search.scripted_policies()[name](gym, 0), task, 0)
            assert episode.stop is StopReason.FINISH
            assert len(episode.turns) <= 4
