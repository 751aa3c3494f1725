"""Tools as an agent calls them: their parameters, how a call is checked, and what comes back.

A tool that cannot do what it is asked changes nothing and says why.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from bao.gyms.tau.database import Session
from bao.gyms.tau.parameters import Parameter, shown


class ToolReply(NamedTuple):
    text: str
    ok: bool


class ToolError(Exception):
    """Why a tool did nothing, in words for the agent."""


@dataclass(frozen=True)
class Tool:
    """One tool; `run` takes the session and the parameters by name, and raises `ToolError` before it writes anything."""

    name: str
    about: str
    parameters: Mapping[str, Parameter]
    run: Callable[..., str]
    writes: bool = False


class Toolbox:
    """The tools of one company, by name."""

    def __init__(self, tools: Iterable[Tool]) -> None:
        self.tools: Mapping[str, Tool] = {tool.name: tool for tool in tools}

    def call(self, session: Session[Any], name: str, arguments: Mapping[str, Any]) -> ToolReply:
        """Call a tool by name; never raises on what an agent wrote."""
        tool = self.tools.get(name)
        if tool is None:
            return ToolReply(f"Error: there is no tool {shown(name)}. The tools are: {', '.join(self.tools)}.", False)
        try:
            _check(tool, arguments)
            return ToolReply(tool.run(session, **arguments), True)
        except ToolError as error:
            return ToolReply(f"Error: {error}", False)

    def writes(self, name: str) -> bool:
        """Whether there is a tool of this name and it changes the database."""
        return name in self.tools and self.tools[name].writes

    def listing(self) -> str:
        """Every tool with its parameters, for the agent."""
        lines = []
        for tool in self.tools.values():
            named = "; ".join(f"{name} ({each.about})" if each.about else name for name, each in tool.parameters.items())
            lines.append(f"- {tool.name}: {tool.about}. Arguments: {named or 'none'}.")
        return "Tools:\n" + "\n".join(lines)


def _check(tool: Tool, arguments: Mapping[str, Any]) -> None:
    if len(arguments) != len(tool.parameters) or any(name not in tool.parameters for name in arguments):
        wanted = ", ".join(tool.parameters) or "no arguments"
        raise ToolError(f"{tool.name} takes exactly {wanted}; given: {shown(', '.join(arguments)) if arguments else 'none'}")
    for name, value in arguments.items():
        fault = tool.parameters[name].fault(name, value)
        if fault is not None:
            raise ToolError(fault)


def found(text: str | None, message: str) -> str:
    """`text`, or a `ToolError` with `message` where there is none."""
    if text is None:
        raise ToolError(message)
    return text


def arguments_text(name: str, arguments: Mapping[str, Any]) -> str:
    """A tool call as an agent writes it."""
    return json.dumps({"name": name, "arguments": dict(arguments)})
