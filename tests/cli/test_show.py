"""`bao show transcript`: episodes to read."""

from pathlib import Path

from bao.storage.episodes import read_episodes
from tests.cli.support import Bao, refused


def test_show_transcript_prints_an_episode_with_its_user_turns_marked(evaluated: Path, bao: Bao) -> None:
    episodes = read_episodes(evaluated / "ask_all" / "episodes.parquet")
    done = bao("show", "transcript", evaluated / "ask_all" / "episodes.parquet", "--index", "3")
    assert episodes[3].task_id in done.out
    assert done.out.count("USER") == episodes[3].user_effort
    chosen = bao("show", "transcript", evaluated / "ask_all", "--task", episodes[5].task_id)
    assert episodes[5].task_id in chosen.out


def test_show_transcript_picks_by_a_reason_and_says_it(evaluated: Path, bao: Bao) -> None:
    found = {path.parent.name: read_episodes(path) for path in sorted(evaluated.rglob("episodes.parquet"))}
    both = [episode for own in found.values() for episode in own]
    done = bao("show", "transcript", evaluated, "--pick", "expensive")
    assert done.out.count("USER") == max(episode.user_effort for episode in both)
    assert "user turns, where ask_all takes" in done.out
    lowest = min(found["ask_all"], key=lambda episode: episode.task_return)
    assert f"Return {lowest.task_return:.2f}" in bao("show", "transcript", evaluated / "ask_all", "--pick", "worst").out


def test_show_transcript_prints_both_sides_of_a_dispute(tmp_path: Path, bao: Bao) -> None:
    for name in ("oracle", "random"):
        bao("eval", f"scripted:{name}", "--tasks", "4", "--out", tmp_path / name)
    out = bao("show", "transcript", tmp_path, "--pick", "disputed").out
    assert out.index("✗ not solved") < out.index("✓ solved")
    refused(
        bao("show", "transcript", tmp_path / "oracle", "--pick", "disputed"),
        "--pick disputed",
        "several policies",
        "--rollouts",
    )
