"""Whether two trees give the same results: ``python -m benchmarks.outputs write OUT`` in each, then ``compare OUT OTHER``.

`write` evaluates every scripted policy of every gym (`TASKS` tasks each) and runs the quickstart, shortened; it continues
where it was stopped. `compare` prints each value that differs, times excepted, and exits with 1 if any does. For changes that
should change nothing: on one machine, a seed gives the same digits.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bao.gyms.registry import gym_class, gym_names

TASKS = 80
SHORTENED = {
    "sft.demonstrations": 400,
    "sft.single_turns": 20,
    "sft.tasks": 200,
    "grpo.steps": 2,
    "grpo.groups": 6,
    "evaluation.tasks": 20,
    "evaluation.resamples": 200,
}
TIMES = ("seconds", "seconds_per_turn")


def write(out: Path) -> None:
    """Leaves ``eval/GYM-POLICY`` and ``quick`` in `out`."""
    for gym in gym_names():
        count = min(TASKS, len(gym_class(gym).task_set("test")))
        for policy in gym_class(gym).scripted_policies():
            folder = out / "eval" / f"{gym}-{policy}"
            bao("eval", f"scripted:{policy}", "--gym", gym, "--tasks", str(count), "--out", str(folder))
    settings = [word for name, value in SHORTENED.items() for word in ("--set", f"{name}={value}")]
    bao("run", "quickstart", "--out", str(out / "quick"), *settings)


def bao(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "bao", *arguments], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def compare(one: Path, other: Path) -> int:
    """Print what differs; how many values do."""
    files = sorted({path.relative_to(root) for root in (one, other) for path in root.rglob("*") if is_result(path)})
    differing = values = 0
    for file in files:
        if not ((one / file).is_file() and (other / file).is_file()):
            print(f"{file}: only in one of the two")
            differing += 1
            continue
        mine, theirs = read(one / file), read(other / file)
        values += len(mine.keys() | theirs.keys())
        for name in sorted(mine.keys() | theirs.keys()):
            if mine.get(name) != theirs.get(name):
                print(f"{file}: {name}: {mine.get(name)} / {theirs.get(name)}")
                differing += 1
    print(f"{len(files)} files, {values} values, {differing} differ")
    return differing


def is_result(path: Path) -> bool:
    return path.name in ("summary.json", "metrics.jsonl", "frontier.json")


def read(path: Path) -> dict[str, Any]:
    """The values of a file by name, without those that are times."""
    text = path.read_text(encoding="utf-8")
    content = list(map(json.loads, text.splitlines())) if path.suffix == ".jsonl" else json.loads(text)
    return {
        name: value for name, value in flat(content) if not any(part in TIMES for part in name.replace("/", ".").split("."))
    }


def flat(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from flat(item, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from flat(item, f"{name}.{number}" if name else str(number))
    else:
        yield name, value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("write").add_argument("out", type=Path)
    comparing = commands.add_parser("compare")
    comparing.add_argument("one", type=Path)
    comparing.add_argument("other", type=Path)
    given = parser.parse_args()
    if given.command == "write":
        write(given.out)
    else:
        sys.exit(bool(compare(given.one, given.other)))


if __name__ == "__main__":
    main()
