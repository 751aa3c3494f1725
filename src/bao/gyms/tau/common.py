"""A company's tools as its ``tools.toml`` lists them, and those that every company has: arithmetic, and handing over."""

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

from bao.gyms.data import table
from bao.gyms.tau.database import Session
from bao.gyms.tau.parameters import Parameter, Text, parameter, shown
from bao.gyms.tau.toolbox import Tool, Toolbox, ToolError

TRANSFER = "transfer_to_human_agents"
EXPRESSION_MOST = 200
"""Characters of an expression that `calculate` takes."""

_OPERATORS: Mapping[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


def _transfer(session: Session[Any], summary: str) -> str:
    return "The customer is transferred to a human agent."


def _calculate(session: Session[Any], expression: str) -> str:
    if len(expression) > EXPRESSION_MOST:
        raise ToolError(f"expression has {len(expression)} characters; at most {EXPRESSION_MOST} are read")
    try:
        value = _value(ast.parse(expression.strip(), mode="eval").body)
        return f"{value:.2f}" if isinstance(value, float) else str(value)
    except ZeroDivisionError:
        raise ToolError("division by zero") from None
    except (SyntaxError, ValueError, OverflowError, MemoryError, RecursionError):
        raise ToolError(f"expression must be numbers with + - * / and brackets, not {shown(expression)}") from None


def _value(node: ast.expr) -> float:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
        return node.value
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        return _OPERATORS[type(node.op)](_value(node.left), _value(node.right))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_value(node.operand)
    raise ValueError("not arithmetic")


_WANTED = {"summary": Text("what the customer wants")}
_COMMON = (
    Tool("calculate", "the value of an expression", {"expression": Text("such as '2 * (3.5 + 1)'")}, _calculate),
    Tool(TRANSFER, "hand the customer over to a human agent, which ends the conversation", _WANTED, _transfer),
)


def read_toolbox(package: str, runs: Mapping[str, Callable[..., str]]) -> Toolbox:
    """The tools that ``tools.toml`` in `package` describes, each run by the function of its name in `runs`, and `_COMMON`."""
    read = table(package, "tools.toml")
    groups = {name: {each: parameter(spec) for each, spec in row.items()} for name, row in read["arguments"].items()}
    tools = []
    for name, row in read["tools"].items():
        taken: dict[str, Parameter] = {}
        for word in row["takes"].split():
            taken |= groups.get(word) or {word: Text()}
        tools.append(Tool(name, row["about"], taken, runs[name], row.get("writes", False)))
    return Toolbox((*tools, *_COMMON))
