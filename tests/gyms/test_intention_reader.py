"""How the intention gym reads questions: words, their forms and meanings, and the detail that is asked about."""

from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bao.gyms.intention import Intention
from bao.gyms.intention.detail import Detail
from bao.gyms.intention.frames import all_frames
from bao.gyms.intention.reader import Reader
from bao.gyms.intention.tasks import load
from bao.gyms.intention.words import marks, stem, words
from bao.gyms.readings import readings
from bao.task import TaskSet
from tests.support.gyms import userrl
from tests.support.made_up_tasks import CAKE


@given(st.text(), st.lists(st.text(min_size=1, max_size=30), min_size=1, max_size=4, unique=True))
def test_the_reader_takes_any_text(question: str, descriptions: list[str]) -> None:
    details = [Detail(description, 1, description, (description,)) for description in descriptions]
    found = Reader("", details).read(question)
    assert len(set(found)) == len(found)
    assert set(found) <= set(range(len(details)))


def test_forms_of_a_word_have_one_stem() -> None:
    for forms in ("invite invited invites inviting invitation", "colour colours coloured", "train training trained trains"):
        assert len({stem(form) for form in forms.split()}) == 1
    assert stem("guest") != stem("budget")


def test_words_of_one_meaning_share_a_mark() -> None:
    for one, other in (("when", "date"), ("budget", "spend"), ("where", "venue"), ("vegan", "allergies")):
        assert set(marks(one)) & set(marks(other))
    assert not set(marks("date")) & set(marks("budget"))
    assert marks("please") == ()


def test_two_words_that_make_a_phrase_are_read_as_one() -> None:
    assert words("How long may it take?") == ["how_long", "may", "it", "take"]
    assert words("What is it for?")[-1] == "for_what"
    assert words("Who is it for?")[-1] == "for_whom"
    assert words("Why not?") == ["why", "not"]


def reader_of(name: str) -> tuple[Reader, list[str]]:
    frame = next(frame for frame in all_frames() if frame.name == name)
    return Reader(f"{frame.category} {frame.task}", frame.details), [each.description for each in frame.details]


def share_understood(questions: list[Any]) -> float:
    right = []
    for frame, question, about in questions:
        reader, descriptions = reader_of(frame)
        right.append({descriptions[index] for index in reader.read(question)} == set(about))
    return float(np.mean(right))


def test_every_example_question_of_a_frame_is_read_as_its_own_detail_alone() -> None:
    for frame in all_frames():
        reader, _ = reader_of(frame.name)
        assert [reader.read(each.inquiry) for each in frame.details] == [(index,) for index in range(len(frame.details))]


def test_free_questions_are_mostly_understood() -> None:
    seen, set_aside = (readings("intention")[part] for part in ("seen", "set_aside"))
    assert len(seen) == len(set_aside) == 40
    assert share_understood(seen) >= 0.97
    assert share_understood(set_aside) >= 0.69
    assert share_understood(seen + set_aside) >= 0.83


def test_options_named_as_examples_do_not_make_a_question_about_their_look_alikes() -> None:
    details = [
        Detail("theme", 1, "Which theme would you like?", ("dinosaurs", "a garden party", "space")),
        Detail("venue", 2, "Where will it be?", ("in the garden", "at school")),
    ]
    assert Reader("Plan a party.", details).read("Is there a theme, such as dinosaurs, space or a garden party?") == (0,)


def test_several_questions_in_a_row_are_each_read() -> None:
    details = load(CAKE).missing
    assert Reader("Bake a cake.", details).read("Which flavour? How many guests?") == (0, 1)
    assert Reader("Bake a cake.", details).read("Which flavour? That helps me with guests and colour.") == (0,)


def coverage(tasks: TaskSet, inquiries: bool) -> dict[str, float]:
    """Shares of the example questions that are read as their own detail, as that first, and as another one."""
    own, first, other = [], [], []
    for task in tasks:
        request = load(task)
        reader = Reader(f"{request.category} {request.task}", request.missing, inquiries=inquiries)
        for index, each in enumerate(request.missing):
            found = reader.read(each.inquiry)
            own.append(index in found)
            first.append(found[:1] == (index,))
            other.append(bool(set(found) - {index}))
    return {"own": float(np.mean(own)), "first": float(np.mean(first)), "other": float(np.mean(other))}


def test_userrls_example_questions_uncover_their_own_detail_and_rarely_another(userrl_data: Path) -> None:
    shares = coverage(userrl(Intention, userrl_data / "intention" / "all_intentions_test.json"), inquiries=True)
    assert shares["own"] >= 0.99
    assert shares["other"] <= 0.005
    shares = coverage(userrl(Intention, userrl_data / "intention" / "all_intentions_train.json"), inquiries=True)
    assert shares["own"] >= 0.99
    assert shares["other"] <= 0.005


def test_userrls_example_questions_are_understood_by_description_and_options_alone(userrl_data: Path) -> None:
    """What a question has to rely on that is worded unlike the example; a plain proxy is right first in 88.5 %."""
    shares = coverage(userrl(Intention, userrl_data / "intention" / "all_intentions_test.json"), inquiries=False)
    assert shares["own"] >= 0.94
    assert shares["first"] >= 0.93
    assert shares["other"] <= 0.04


def test_userrls_questions_about_other_tasks_uncover_little(userrl_data: Path) -> None:
    requests = [load(task) for task in userrl(Intention, userrl_data / "intention" / "all_intentions_test.json")]
    found = []
    for number, request in enumerate(requests):
        own = {each.inquiry for each in request.missing}
        for step in (1, 2, 3):
            foreign = requests[(number + step) % len(requests)].missing[0].inquiry
            if foreign not in own:
                found.append(bool(request.reader.read(foreign)))
    assert len(found) > 250
    assert np.mean(found) <= 0.2
