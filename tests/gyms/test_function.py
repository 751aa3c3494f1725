"""The promises of the function gym. The tests on UserRL's files skip where the files are absent."""

import json
import tokenize
from fractions import Fraction
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bao.action import Action
from bao.gyms.function import Function
from bao.gyms.function.agents import PROBES
from bao.gyms.function.candidates import library
from bao.gyms.function.content import UnreadableError, read_number, read_probe
from bao.gyms.function.rules import Operator, Undefinedness, compile_rule, parse_rule, parts_text
from bao.gyms.function.tasks import signature, split_of
from bao.rollout.episode import play
from bao.rollout.episodes import play_all
from bao.task import Split, Task
from bao.trajectory import StopReason
from tests.support.gyms import started, whole
from tests.support.made_up_tasks import RULE


def probe(gym: Function, content: str) -> str:
    reply, reward, terminated, _, _ = gym.step(Action("action", content))
    assert reward == 0
    assert not terminated
    return reply


# The rules.

inputs = st.tuples(*[st.integers(-30, 30)] * 4)
leaves = st.sampled_from(["a", "b", "c", "d", "2", "7", "0.5"])
expressions = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(lambda x, op, y: f"({x} {op} {y})", inner, st.sampled_from("+-*/"), inner),
        st.builds(lambda x: f"(-{x})", inner),
        st.builds(lambda x, n: f"({x} ** {n})", inner, st.integers(-3, 3)),
    ),
    max_leaves=8,
)


def by_fractions(text: str, values: tuple[int, ...]) -> Fraction | None:
    """The value by Python's own `Fraction`, every number in the text wrapped in one; None on a division by zero."""
    names = dict(zip("abcd", map(Fraction, values), strict=True), F=Fraction)
    parts = []
    for token in tokenize.generate_tokens(StringIO(text).readline):
        parts.append(f"F('{token.string}')" if token.type == tokenize.NUMBER else token.string)
    try:
        return eval("".join(parts), {"__builtins__": {}}, names)
    except ZeroDivisionError:
        return None


@given(expressions, inputs)
def test_a_rules_value_is_the_exact_rational_one(text: str, values: tuple[int, ...]) -> None:
    if len(text) > 200:
        return
    value = parse_rule(text).value(*values)
    expected = by_fractions(text, values)
    if expected is None:
        assert value is Undefinedness.DIVISION_BY_ZERO
    elif value is Undefinedness.OUT_OF_RANGE:
        assert abs(expected) > 10**29 or abs(expected.denominator) > 10**29
    else:
        assert value == expected
        assert isinstance(value, int) == (expected.denominator == 1)


def test_arithmetic_is_exact_where_floats_are_not() -> None:
    assert parse_rule("1 / 3 * 3 * a").value(1, 0, 0, 0) == 1
    assert parse_rule("0.1 + 0.2 + a + b + c + d").value(0, 0, 0, 0) == Fraction(3, 10)
    assert parse_rule("a / b / c / d").value(1, 3, 7, 11) == Fraction(1, 231)


@pytest.mark.parametrize(
    "text", ["a / (b - c) + d", "a / (b / (c - d))", "(a - b) ** -1 + c + d", "(a - b) ** (c - d)", "0 * (a / (b - c))"]
)
def test_a_division_by_zero_anywhere_in_a_rule_is_an_observation(text: str) -> None:
    task = Task("t", "function", {"rule": text, "test_case": [1, 2, 3, 4], "expected_result": 0})
    values = "4 4 4 5" if "**" in text else "5 4 4 4"
    assert "division by zero" in probe(started(Function, task), values)


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ((7, 3), "2.3333 (rounded)"),
        ((14, -6), "-2.3333 (rounded)"),
        ((2, 3), "0.6667 (rounded)"),
        ((-3, 5), "-0.6"),
        ((-6, -3), "2"),
        ((1, 16), "0.0625"),
        ((1, 10**40), "0.0000 (rounded)"),
        ((-1, 10**9), "0.0000 (rounded)"),
        (12, "12"),
        ((59_999_999, 10**7), "6.0000 (rounded)"),
        ((10**40, 3), "out of range (too large or too small to show)"),
    ],
)
def test_a_value_is_shown_to_four_decimals_and_says_whether_it_is_rounded(parts: Any, text: str) -> None:
    assert parts_text(parts) == text


@given(st.integers(-(10**9), 10**9), st.integers(-(10**6), 10**6).filter(bool))
def test_a_shown_value_is_within_half_of_its_last_decimal(numerator: int, denominator: int) -> None:
    number, _, rounded = parts_text((numerator, denominator)).partition(" ")
    assert abs(Fraction(number) - Fraction(numerator, denominator)) <= (Fraction(1, 20_000) if rounded else 0)


def test_huge_powers_are_answered_and_cost_nothing() -> None:
    for text in ("a ** b ** c ** d", "((((a ** 9) ** 9) ** 9) ** 9) ** 9 + b + c + d", "a ** (b * c * d)"):
        assert parse_rule(text).value(999, 999, 999, 999) is Undefinedness.OUT_OF_RANGE
    assert parse_rule("a ** (b ** c) ** d").value(-1, 3, 5, 3) == -1
    assert parse_rule("a ** b ** c + d").value(1, 999, 9, 4) == 5
    assert parse_rule("a ** b ** c + d").value(1, 999, 999, 4) is Undefinedness.OUT_OF_RANGE  # for its exponent alone
    assert parse_rule("a ** (b / c) + d").value(4, 1, 2, 0) is Undefinedness.IRRATIONAL
    assert parse_rule("a ** (b / c) + d").value(4, 4, 2, 0) == 16


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a +",
        "__import__('os')",
        "a.real + b + c + d",
        "e + a",
        "a if b else c",
        "a // b",
        "a % b",
        "a @ b",
        "abs(a)",
        "[a]",
        "lambda: a",
        "True + a",
        "1j + a",
        "'a' * 9",
        "a ** 0.5",
        "a ** (1 + 1)",
        "2 ** 99999",
        "a < b",
        "(a := 3)",
        "9999999 + a",
        "1e999 + a",
        "a\0",
        "(" * 150 + "a" + ")" * 150,
        "a\nb",
        "f'{a}'",
        "a; b",
        "a & b",
    ],
)
def test_only_arithmetic_over_four_variables_is_a_rule(text: str) -> None:
    with pytest.raises(ValueError, match="rule"):
        parse_rule(text)


def test_a_rule_knows_its_operators_and_its_level() -> None:
    square, variable = parse_rule("a ** 2 + b - c * d"), parse_rule("a ** b + c + d")
    assert square.operators == (Operator.ADD, Operator.SUBTRACT, Operator.MULTIPLY, Operator.CONSTANT_POWER)
    assert Operator.VARIABLE_POWER in variable.operators
    assert [parse_rule(text).level for text in ("a + b * c - d", "a / b + c + d", "a / b + c ** 2 + d", "a ** b + c + d")] == [
        1,
        2,
        3,
        4,
    ]


# What the agent writes.


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("-3", -3),
        ("+3", 3),
        (".5", Fraction(1, 2)),
        ("1e2", 100),
        ("-16.0", -16),
        ("7/3", Fraction(7, 3)),
        ("5.", 5),
        ("1E-2", Fraction(1, 100)),
    ],
)
def test_a_number_is_read_as_it_says(text: str, number: Fraction) -> None:
    assert read_number(text) == number


@pytest.mark.parametrize(
    "text", ["", "x", "1 2", "1,000", "--3", "1_0", "٣", "1e999", "1e", "0x10", "nan", "inf", "7/0", "3 apples", "9" * 200]
)
def test_what_is_no_number_is_not_read_as_one(text: str) -> None:
    assert read_number(text) is None


@given(st.tuples(*[st.integers(-999, 999)] * 4), st.sampled_from([" ", ",", ", ", "  ", "\t"]))
def test_every_spelling_of_four_integers_is_read_alike(values: tuple[int, int, int, int], separator: str) -> None:
    assert read_probe(separator.join(map(str, values))) == values
    assert read_probe(separator.join(f"{value:+d}.0" for value in values)) == values
    assert read_probe("(" + separator.join(map(str, values)) + ")") == values
    test_case = tuple(value % 10 + 1 for value in values)
    result = compile_rule("a + b + c + d").value(*test_case)
    gym = started(
        Function, Task("t", "function", {"rule": "a + b + c + d", "test_case": list(test_case), "expected_result": result})
    )
    if values != test_case:
        assert probe(gym, separator.join(map(str, values))).endswith(f" = {sum(values)}")


def test_numbers_are_never_misread() -> None:
    """UserRL's pattern reads ``.5`` as 5 and ``1e2`` as 1 and 2."""
    gym = started(Function, RULE)
    assert "Only integers" in probe(gym, ".5 1 1 1")
    assert probe(gym, "1e2 1 1 1") == "rule(100, 1, 1, 1) = 99"
    assert probe(gym, "-3 +3 6 2") == "rule(-3, 3, 6, 2) = -12"
    assert probe(gym, "3,5,2,1") == "rule(3, 5, 2, 1) = 13"
    for text in (
        "1 2 3",
        "1 2 3 4 5",
        "1-2 3 4 5",
        "3,5 2,1",
        "a b c d",
        "1 2 3 x",
        "",
        "1000 1 1 1",
        "1e99 1 1 1",
        "1e9999 1 1 1",
    ):
        with pytest.raises(UnreadableError):
            read_probe(text)
        assert "rule(" not in probe(gym, text)


@given(st.text(max_size=60))
def test_no_text_breaks_a_turn(text: str) -> None:
    gym = started(Function, RULE, horizon=4)
    gym.step(Action("action", text))
    gym.step(Action("search", text))
    gym.step(Action("none", text))
    _, reward, _, _, _ = gym.step(Action("answer", text))
    assert reward == (read_number(text) == 13)


# The episode.


def test_the_test_case_cannot_be_probed_with_an_epsilon() -> None:
    """In UserRL's gym ``3.0000000000001 5 6 3`` returns the answer; a bot of three lines solves every task with it."""
    gym = started(Function, RULE, horizon=50)
    for content in ("3 5 6 3", "3.0 5 6 3", "3,5,6,3", "+3 5 6 3", "(3 5 6 3)", "03 5 6 3", "30e-1 5 6 3", " 3  5 6\t3 "):
        assert probe(gym, content) == "These are the test inputs; they cannot be probed."
    for content in ("3.0000000000001 5 6 3", "2.9999999 5 6 3", "3 5 6 3.0000000000000000000000001", "3 5 6 3e-99"):
        reply = probe(gym, content)
        assert "Only integers can be probed" in reply or "not a number" in reply
        assert "13" not in reply
    assert probe(gym, "3 5 6 2") == "rule(3, 5, 6, 2) = 12"


def test_a_right_answer_earns_the_reward_and_ends_the_episode() -> None:
    for content in ("13", "13.0", " +13", "26/2", "1.3e1"):
        gym = started(Function, RULE)
        _, reward, terminated, truncated, info = gym.step(Action("answer", content))
        assert (reward, terminated, truncated) == (1.0, True, False)
        assert info["success"]
        assert info["stop"] is StopReason.SUCCESS
        assert info["involves_user"]


def test_a_wrong_answer_earns_nothing_and_the_episode_goes_on() -> None:
    gym = started(Function, RULE)
    for content in ("12", "13.0000001", "13 or 14", "", "thirteen"):
        reply, reward, terminated, _, info = gym.step(Action("answer", content))
        assert (reward, terminated, info["success"]) == (0.0, False, False)
        assert info["involves_user"]
        assert "13" not in reply.replace(content, "") or not content
    assert gym.step(Action("answer", "13"))[1] == 1.0


def test_search_gives_the_test_inputs_and_nothing_else() -> None:
    gym = started(Function, RULE)
    assert gym.step(Action("search", "test"))[0] == "The test inputs are a=3, b=5, c=6, d=3."
    assert gym.step(Action("search", '"Test"'))[0] == "The test inputs are a=3, b=5, c=6, d=3."
    assert gym.step(Action("search", "the rule"))[0] == "The only thing to look up is the test inputs: [search] test"


def test_the_instructions_tell_that_variables_may_be_exponents() -> None:
    """UserRL's prompt names squaring only, while 52 of its 538 rules raise to a variable."""
    text = Function(horizon=9).instructions()
    assert "a ** b" in text
    assert "squares" in text


# The gym's own tasks.


def test_no_rule_is_equivalent_to_one_of_another_split() -> None:
    points = [*np.random.default_rng(3).integers(2, 9, size=(12, 4)).tolist(), [811, 17, 331, 29], [5, 3, 2, 4], [3, 2, 5, 1]]
    homes: dict[tuple[Any, ...], set[Split]] = {}
    for split, size in ((Split.TRAIN, 600), (Split.VALID, 150), (Split.TEST, 300)):
        for task in Function.task_set(split, size):
            rule = compile_rule(task.data["rule"])
            homes.setdefault(tuple(rule.value(*point) for point in points), set()).add(split)
            assert split_of(rule) is split
    assert all(len(splits) == 1 for splits in homes.values())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a * (b + c) - d", "b * a - d + c * a"),
        ("a / (b / c) + d", "d + c * a / b"),
        ("a ** 2 - b - c * d", "a * a - d * c - b"),
    ],
)
def test_equal_rules_have_one_signature(one: str, other: str) -> None:
    assert signature(parse_rule(one)) == signature(parse_rule(other))
    assert signature(parse_rule(one)) != signature(parse_rule(other + " + 1"))


def test_counting_upwards_hits_no_value_and_no_run_of_sixteen_many() -> None:
    """A quarter of the tasks was solved by answering 0, 1, 2 and so on."""
    values = [task.data["expected_result"] for task in whole(Function)]
    assert not any(abs(value) <= Function.horizon_default for value in values)
    assert max(sum(first <= value < first + 16 for value in values) for first in range(-100, 200)) < 0.1 * len(values)


def test_own_tasks_are_sound() -> None:
    tasks = whole(Function)
    for task in tasks:
        rule = compile_rule(task.data["rule"])
        assert rule.variables == frozenset("abcd")
        assert rule.level == task.level
        assert list(rule.operators) == task.data["operators"]
        assert isinstance(task.data["expected_result"], int)
        assert all(1 <= entry <= 50 for entry in task.data["test_case"])
    assert len({signature(compile_rule(task.data["rule"])) for task in tasks if task.level == 4}) == sum(
        task.level == 4 for task in tasks
    )


def test_levels_can_be_chosen() -> None:
    tasks = Function.task_set("train", 10, (2, 4))
    assert [task.level for task in tasks] == [2, 4] * 5
    assert {task.id for task in tasks if task.level == 2} <= {task.id for task in Function.task_set("train", 60, (2,))}
    beyond = Function.task_set("valid", 140)
    assert len(beyond) == 140


# Task files.


def test_a_fractional_result_can_be_stored(tmp_path: Path) -> None:
    path = tmp_path / "functions.json"
    record = {"id": "f", "rule": "a / b + c * d", "test_case": [1, 3, 2, 1], "expected_result": 2.3333333333333335}
    path.write_text(json.dumps([record]))
    (task,) = Function.read_tasks(path)
    assert task.data["expected_result"] == "7/3"
    Function.check_task(task)
    assert started(Function, task).step(Action("answer", "7/3"))[1] == 1.0


def test_all_of_userrls_stored_results_reevaluate_exactly(userrl_data: Path) -> None:
    stored = json.loads((userrl_data / "function" / "functions.json").read_text())
    assert len(stored) == 538
    for record in stored:
        assert compile_rule(record["rule"]).value(*record["test_case"]) == Fraction(record["expected_result"])


def test_a_scripted_search_solves_all_of_userrls_rules_by_probing_alone(userrl_data: Path) -> None:
    gym, other = Function(), Function()
    solver = Function.scripted_policies()["solver"](other, 0)  # which cannot look into the gym that it plays in
    played = [play(gym, solver, task, 0) for task in Function.read_tasks(userrl_data / "function" / "functions.json")]
    assert len(played) == 538
    assert [each.task_id for each in played if not each.success] == []
    assert {each.user_effort for each in played} == {1}  # its first answer is right
    assert np.mean([len(each.turns) for each in played]) == pytest.approx(4.4, abs=0.05)


def test_userrls_files_are_read_with_their_operators(userrl_data: Path) -> None:
    folder = userrl_data / "function"
    everything, train, test = (
        Function.read_tasks(folder / name) for name in ("functions.json", "train.parquet", "test.parquet")
    )
    assert (len(everything), len(train), len(test)) == (538, 460, 78)
    assert {task.split for task in train} == {Split.TRAIN}
    assert {task.split for task in test} == {Split.TEST}
    assert {task.id for task in train} | {task.id for task in test} == {task.id for task in everything}
    assert sum("variable_power" in task.data["operators"] for task in everything) == 52
    assert sum(task.level == 4 for task in test) == 11
    assert sum("divide" in task.data["operators"] for task in everything) == 157


# Scripted policies.


def test_scripted_policies_bound_the_trade_off() -> None:
    gym, tasks = Function(), [task for task in whole(Function)[:60] if task.level != 3]
    played = {name: play_all(gym, make(gym, 0), tasks) for name, make in Function.scripted_policies().items()}
    returns = {name: float(np.mean([each.task_return for each in those])) for name, those in played.items()}
    efforts = {name: float(np.mean([each.user_effort for each in those])) for name, those in played.items()}
    assert (returns["oracle"], efforts["oracle"]) == (1.0, 1.0)
    assert (returns["never_ask"], efforts["never_ask"]) == (0.0, 0.0)
    assert returns["solver"] > 0.95
    assert returns["ask_all"] > 0.95
    assert efforts["ask_all"] > efforts["solver"]


def test_candidates_have_the_values_of_their_texts() -> None:
    candidates = library()
    for index in np.random.default_rng(0).integers(len(candidates), size=200).tolist():
        rule = parse_rule(candidates.text(index))
        exact = rule.value(*PROBES[0])
        if isinstance(exact, Undefinedness) or abs(exact) < 1e-9:
            continue
        assert candidates.values(PROBES[0])[index] == pytest.approx(float(exact), rel=1e-9)
