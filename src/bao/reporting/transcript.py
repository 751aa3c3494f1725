"""One episode in the terminal: thinking dimmed, turns that involve the user marked, rewards on the right."""

from rich.console import Console
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from bao.trajectory import Trajectory, Turn

_VISIBLE = {code: 0x2400 + code for code in range(0x20) if chr(code) not in "\n\t"} | {0x7F: 0x2421}
_VISIBLE |= dict.fromkeys((*range(0x80, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A)), 0xFFFD)
"""Control characters, which could drive the terminal or reorder what is read, by the signs that stand for them."""


def print_transcript(console: Console, trajectory: Trajectory, why: str = "") -> None:
    """Print `trajectory` to `console`: `why` it is shown, opening, turns, outcome.

    A turn that involves the user has the badge ``● USER`` with its running count and a bar at its left; the other turns have
    neither, so the two tell apart without colour. A model's text is printed as it is, its markup and control characters inert.
    """
    told = "" if trajectory.effort_weight is None else f"   w {trajectory.effort_weight:g}"
    told += "" if trajectory.budget is None else f"   budget {trajectory.budget}"
    console.print(Rule(_inert(f"{trajectory.policy} on {trajectory.gym}/{trajectory.task_id}", "bold"), align="left"))
    console.print(_inert(f"seed {trajectory.seed}   level {trajectory.level}{told}", "dim"))
    if why:
        console.print(_inert(why, "bold"))
    console.print()
    console.print(_inert(trajectory.opening))
    effort = 0
    for number, turn in enumerate(trajectory.turns, start=1):
        effort += turn.involves_user
        console.print()
        console.print(_head(number, turn, effort))
        _print_block(console, turn, turn.thinking, "dim italic")
        if turn.parse_fault is None:
            _print_block(console, turn, turn.action.content, "bold")
        _print_block(console, turn, turn.reply, "yellow" if turn.involves_user else "", lead="→ ")
    console.print()
    console.print(Rule(style="dim"))
    console.print(_outcome(trajectory))


def _head(number: int, turn: Turn, effort: int) -> Table:
    left = Text.assemble((f"turn {number}", "bold"), "  ", (f"[{turn.action.kind}]", "cyan"))
    if turn.involves_user:
        left.append("  ").append(f" ● USER {effort} ", "bold black on yellow")
    if turn.parse_fault is not None:
        left.append(f"  unreadable: {turn.parse_fault}", "bold red")
    style = "bold green" if turn.reward > 0 else "bold red" if turn.reward < 0 else "dim"
    row = Table.grid(expand=True)
    row.add_column()
    row.add_column(justify="right", no_wrap=True)
    row.add_row(left, Text.assemble((f"{turn.tokens} tokens   ", "dim"), (f"reward {turn.reward:+.2f}", style)))
    return row


def _print_block(console: Console, turn: Turn, text: str, style: str, lead: str = "") -> None:
    if not text:
        return
    if not turn.involves_user:
        console.print(Padding(_inert(lead + text, style), (0, 0, 0, 2)))
        return
    row = Table.grid(padding=(0, 1, 0, 0))
    lines = _inert(lead + text, style).wrap(console, max(console.width - 2, 1))
    for line in lines:
        row.add_row(Text("┃", "yellow"), line)
    console.print(row)


def _outcome(trajectory: Trajectory) -> Text:
    solved = ("✓ solved", "bold green") if trajectory.success else ("✗ not solved", "bold red")
    told = f"   stop {trajectory.stop}   R {trajectory.task_return:.2f}   U {trajectory.user_effort}"
    told += f"   turns {len(trajectory.turns)} of {trajectory.horizon}   tokens {trajectory.tokens}"
    if trajectory.satisfaction is not None:
        told += f"   satisfaction {trajectory.satisfaction:.2f}"
    text = Text.assemble(solved, told)
    if trajectory.fault is not None:
        text.append_text(_inert(f"\nfault {trajectory.fault} {trajectory.fault_detail}", "bold red"))
    return text


def _inert(text: str, style: str = "") -> Text:
    return Text(text.translate(_VISIBLE), style)
