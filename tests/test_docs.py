"""What the documentation says is there and holds: links, files, modules, commands, and the episode of docs/concepts.md."""

import pkgutil
import re
import shlex
from pathlib import Path

import pytest

from bao.cli import app
from bao.gyms.registry import make
from bao.rollout.episode import play

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_names_files_modules_and_commands_that_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (page.parent / link).exists(), link
    for path in re.findall(r"\b(?:tests|benchmarks)/[\w/]+\.(?:py|toml)\b", text):
        assert (ROOT / path).exists(), path
    for name in set(re.findall(r"`(bao\.[\w.]+)`", text)) - {"bao.json"}:
        pkgutil.resolve_name(name)
    for command in re.findall(r"^    bao (.+?)(?: +#.*)?$", text, re.MULTILINE):
        if not re.match(r"\w+ POLICY|\w+ FOLDER", command):
            app.parse_args(shlex.split(command), exit_on_error=False, print_error=False)


@pytest.mark.parametrize(("policy", "earned", "effort"), [("ask_needed", 1, 3), ("never_ask", 0.5, 2)])
def test_the_episode_of_the_concepts_is_played_as_it_is_printed(policy: str, earned: float, effort: int) -> None:
    page = (ROOT / "docs" / "concepts.md").read_text(encoding="utf-8")
    gym = make("travel")
    task = next(task for task in type(gym).task_set("test") if task.id == "travel-2345-test-4")
    episode = play(gym, gym.scripted_policies()[policy](gym, 0), task, 0)
    assert (episode.task_return, episode.user_effort) == (earned, effort)
    if policy == "ask_needed":
        printed = " ".join(page.split())
        for turn in episode.turns:
            assert " ".join(f"{turn.action.content} reward {turn.reward:+.2f} → {turn.reply}".split()) in printed
