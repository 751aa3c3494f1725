"""What a demonstration shows of the thinking: worked lines, and that nothing else changes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bao.gyms.section import GymSection, make_gym, scripted_policy, task_set
from bao.measures.behaviors import Behavior, tag
from bao.rollout.episode import play
from bao.task import Split
from bao.train.demonstrations import demonstration
from bao.train.settings import SFTSection
from bao.train.shown import all_but, everything, nothing

THOUGHT = "know hotel style family board open | 2 of 2 todo nothing | 13 turns asked 0 | 4 ways | at 15 | ask board"


@pytest.mark.parametrize(
    ("behavior", "clause"),
    [
        (Behavior.MEMORY_MANAGEMENT, "know hotel style family board open | "),
        (Behavior.HYPOTHESIS_REFINEMENT, "4 ways | "),
        (Behavior.DYNAMIC_SCHEDULING, "13 turns asked 0 | "),
        (Behavior.STRATEGIC_QUERYING, " | ask board"),
    ],
)
def test_one_behaviour_is_left_out(behavior: Behavior, clause: str) -> None:
    left = all_but([behavior])(THOUGHT)
    assert left == THOUGHT.replace(clause, "") != THOUGHT
    assert behavior not in tag(left)


def test_all_four_leave_what_was_told() -> None:
    assert all_but(list(Behavior))(THOUGHT) == "2 of 2 todo nothing | at 15"
    assert (everything(THOUGHT), nothing(THOUGHT), all_but([])(THOUGHT)) == (THOUGHT, "", THOUGHT)


@given(st.lists(st.sampled_from(["know a", "3 turns", "2 ways", "at 5", "so far b", "ask c"]), min_size=1).map(" | ".join),
       st.sets(st.sampled_from(Behavior)))  # fmt: skip
def test_what_is_shown_was_thought_in_this_order(thinking: str, left_out: set[Behavior]) -> None:
    clauses = iter(thinking.split(" | "))
    assert all(clause in clauses for clause in all_but(left_out)(thinking).split(" | ") if clause)


@pytest.mark.parametrize("behavior", Behavior)
def test_the_actions_of_a_demonstration_stay_the_same(behavior: Behavior) -> None:
    section = GymSection(name="travel", levels=(2,))
    gym, task = make_gym(section), task_set(section, Split.TRAIN, 1).tasks[0]
    shown = play(gym, scripted_policy("teacher", "teacher", gym, 0), task, seed=3)
    whole, spare = (
        demonstration("s", shown, [True] * len(shown.turns), 0.2, shown=how) for how in (everything, all_but([behavior]))
    )
    assert [text.split("</think>")[-1] for text, _, _ in whole.turns] == [
        text.split("</think>")[-1] for text, _, _ in spare.turns
    ]
    assert sum(len(text) for text, _, _ in spare.turns) < sum(len(text) for text, _, _ in whole.turns)


def test_without_thinking_there_is_no_behaviour_to_leave_out() -> None:
    with pytest.raises(ValidationError, match="leave_out serves thinking=true only"):
        SFTSection(thinking=False, leave_out=(Behavior.MEMORY_MANAGEMENT,))
