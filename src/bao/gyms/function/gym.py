"""The function gym itself: probe the hidden rule, look up the test inputs, answer.

It keeps the action kinds, the data and the reward of UserRL's function gym. What differs: inputs are integers and are
compared as integers, numbers are read whole, the arithmetic is exact, an answer must be exact, the end of an episode does
not reveal it, and the instructions name every operator that a rule may use.
"""

from collections.abc import Mapping
from typing import ClassVar

from bao.action import ActionKind, Outcome
from bao.gym import Belief, Gym
from bao.gyms.function import agents, tasks
from bao.gyms.function.belief import RuleBelief
from bao.gyms.function.content import PLAIN_INTEGERS, UnreadableError, read_answer, read_probe
from bao.gyms.function.rules import INPUT_LIMIT, compile_rule, parts_text
from bao.task import Task
from bao.task_source import TaskSource

_OPENING = "A rule over a, b, c and d is settled. Probe it, look up the test inputs, and give its value on them."
_UNPROBABLE = Outcome("These are the test inputs; they cannot be probed.")
_SEARCH_HELP = Outcome("The only thing to look up is the test inputs: [search] test")
_RIGHT = Outcome("Right: that is the rule's value on the test inputs.", reward=1.0, done=True, success=True)
_WRONG = Outcome("Wrong: the rule's value on the test inputs is another. You may go on.")


class Function(Gym):
    """Find a hidden rule of four numbers."""

    name = "function"
    version = 2
    about = "Find a hidden rule of four numbers by probing it; answer with its value on the test inputs."
    kinds = frozenset({ActionKind.ACTION, ActionKind.SEARCH, ActionKind.ANSWER, ActionKind.FINISH})
    conventions: ClassVar[Mapping[str, frozenset[ActionKind]]] = {"paper": frozenset({ActionKind.ANSWER})}
    no_llm = "arithmetic answers every probe and judges every answer, so there is nothing for a language model to do"
    questions = frozenset()
    """A probe goes to the rule, and nobody is asked."""
    source = TaskSource(
        own=tasks.own_tasks,
        sizes=tasks.SIZES,
        levels=tasks.TURNS,
        data=tasks.RuleTask,
        components=tasks.components,
        hidden=tasks.hidden,
        policies=agents.POLICIES,
        readers=tasks.READERS,
    )

    def begin(self, task: Task) -> str:
        a, b, c, d = task.data["test_case"]
        self._test = (a, b, c, d)
        rule = compile_rule(task.data["rule"])
        self._rule_parts = rule.parts
        self._expected = rule.value(a, b, c, d)
        return _OPENING

    def instructions(self) -> str:
        return (
            "A hidden rule turns four numbers a, b, c and d into one. Find the rule, then give its value on the test inputs.\n"
            "The rule is an arithmetic expression. It uses all four variables and may use + - * / and powers: squares in many "
            "rules, and in some a variable as the exponent (such as a ** b). Some rules also hold a small number.\n"
            "Actions:\n"
            f"[action] 3 1 4 2 : the rule's value at a=3, b=1, c=4, d=2, to four decimals. Four integers from "
            f"-{INPUT_LIMIT} to {INPUT_LIMIT}; the test inputs themselves cannot be probed.\n"
            "[search] test : the test inputs.\n"
            "[answer] 12 : submit the rule's value on the test inputs, exactly: an integer, a decimal or a fraction such as "
            "7/3. A right answer ends the episode; after a wrong one you may go on, but each answer costs the user a check.\n"
            "[finish] : stop.\n"
            f"You have at most {self.horizon} turns."
        )

    def on_action(self, content: str) -> Outcome:
        plain = PLAIN_INTEGERS
        try:
            first, second, third, fourth = content.split()
            inputs = plain[first], plain[second], plain[third], plain[fourth]
        except (KeyError, ValueError):
            try:
                inputs = read_probe(content)
            except UnreadableError as error:
                return Outcome(str(error))
            first, second, third, fourth = map(str, inputs)
        if inputs == self._test:
            return _UNPROBABLE
        parts = self._rule_parts(*inputs)
        reply = f"rule({first}, {second}, {third}, {fourth}) = {parts if type(parts) is int else parts_text(parts)}"
        # Every step of a long episode passes here, and Outcome's own constructor takes twice as long.
        return tuple.__new__(Outcome, (reply, 0.0, False, False))

    def on_search(self, content: str) -> Outcome:
        if content.strip(" \t\n\"'.").lower() != "test":
            return _SEARCH_HELP
        return Outcome("The test inputs are a={}, b={}, c={}, d={}.".format(*self._test))

    def on_answer(self, content: str) -> Outcome:
        try:
            answer = read_answer(content)
        except UnreadableError as error:
            return Outcome(str(error))
        return _RIGHT if answer == self._expected else _WRONG

    def belief(self, task: Task) -> Belief:
        return RuleBelief()
