"""How fast a report of many episodes is made and opened: ``python -m benchmarks.report_load --episodes 10000 [--long]``.

The episodes are real ones: the scripted policies of the travel gym in turn, on its test tasks, under as many seeds as it takes.
With ``--long`` they are as long as those of a real model: 20 to 40 turns, each with 1,000 to 4,000 characters of thinking and
as many of a tool's result (200 to 600 of the user, every third turn), as a Markov chain of words makes them that was read off
the prose in ``docs`` (gzip makes it 3.1 times smaller, the prose itself 2.7 times).

Printed are, as JSON: the episodes' size on disk and how many characters they say; seconds to draw the frontier and to write the
report from the episodes on disk, the processor's seconds of the latter, the peak memory of the frontier and of both in MB, the
size of the file in MB; and at two widths of the window how many transcripts it holds if not all, and as medians over several
openings in a headless Chromium, in milliseconds from the start of the navigation: the first paint, ``interactive`` (figures
drawn, the table there with its filters); and from then on how long a filter, an order, a transcript and a search through all
transcripts take.
"""

import argparse
import itertools
import json
import multiprocessing
import random
import resource
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from bao import Action
from bao.evaluation.overview import REPORT, draw_frontier, make_report, write_frontier
from bao.evaluation.results import EPISODES, SUMMARY, EvaluationResult, find_results
from bao.gyms.registry import make
from bao.measures import summarize
from bao.rollout.episode import play
from bao.storage.episodes import iterate_episodes, stream_episodes
from bao.trajectory import Trajectory, Turn

TIMED = {
    "filter_ms": "document.querySelector('#filter-outcome').value = 'solved';"
    "document.querySelector('#filter-outcome').dispatchEvent(new Event('change'));",
    "sort_ms": "document.querySelector('[data-key=\"effort\"]').click();",
}
"""Steps that are done when their script has run and the next frame is drawn."""


def played(name: str, count: int) -> Iterator[Trajectory]:
    """`count` episodes of one scripted policy."""
    gym = make("travel")
    tasks = type(gym).task_set("test", 200).tasks
    policy = gym.scripted_policies()[name](gym, 0)
    for number, task in zip(range(count), itertools.cycle(tasks), strict=False):
        yield replace(play(gym, policy, task, number // len(tasks)), policy=name)


class Prose:
    """Passages of made-up prose, drawn by `seed` from a chain of words that was read off ``docs``."""

    def __init__(self, seed: int, characters: int = 20_000_000) -> None:
        self.rng = random.Random(seed)
        words = " ".join(path.read_text(encoding="utf-8") for path in sorted(Path("docs").glob("*.md"))).split()
        following: dict[str, list[str]] = {}
        for word, after in itertools.pairwise([*words, words[0]]):
            following.setdefault(word, []).append(after)
        told, length = [words[0]], 0
        while length < characters:
            told.append(self.rng.choice(following[told[-1]]))
            length += len(told[-1]) + 1
        self.text = " ".join(told)

    def passage(self, least: int, most: int) -> str:
        start = self.rng.randrange(len(self.text) - most)
        return self.text[start : start + self.rng.randint(least, most)]


def lengthened(episode: Trajectory, prose: Prose) -> Trajectory:
    """`episode` with its outcome, told at the length of a real model."""
    turns = [
        Turn(prose.passage(1000, 4000), Action("action", prose.passage(40, 200)), prose.passage(200, 600), 0.0, True)
        if number % 3 == 2
        else Turn(prose.passage(1000, 4000), Action("search", prose.passage(20, 80)), prose.passage(1000, 4000), 0.0, False)
        for number in range(prose.rng.randint(20, 40))
    ]
    turns[-1] = replace(turns[-1], reward=episode.task_return)
    return replace(episode, turns=tuple(turns), horizon=40)


def evaluate(folder: Path, episodes: int, long: bool) -> None:
    """Leave evaluations with `episodes` in all in `folder`, one for each scripted policy."""
    names = list(make("travel").scripted_policies())
    prose = Prose(seed=0) if long else None
    for place, name in enumerate(names):
        own = list(played(name, episodes // len(names) + (place < episodes % len(names))))
        told = own if prose is None else (lengthened(one, prose) for one in own)
        stream_episodes(folder / name / EPISODES, told)
        (folder / name / SUMMARY).write_text(json.dumps(summarize(own, resamples=500)), encoding="utf-8")


def size(folder: Path) -> dict[str, float]:
    """What lies in `folder`."""
    files = list(folder.rglob(EPISODES))
    said = sum(
        len(text)
        for path in files
        for one in iterate_episodes(path)
        for turn in one.turns
        for text in (turn.thinking, turn.action.content, turn.reply)
    )
    return {"disk_mb": round(sum(path.stat().st_size for path in files) / 1e6, 1), "million_characters": round(said / 1e6, 1)}


def build(folder: Path, transcript_mb: float | None, results: Any) -> None:
    """Put to `results` the seconds and memory to make the report from the evaluations in `folder`."""
    judged: list[EvaluationResult] = find_results([folder])
    start = time.perf_counter()
    frontier = draw_frontier(judged)
    write_frontier(frontier, folder)
    middle = time.perf_counter()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    worked = time.process_time()
    path = make_report("travel", judged, frontier, folder, transcript_mb=transcript_mb)
    results.put(
        {
            "frontier_s": round(middle - start, 2),
            "report_s": round(time.perf_counter() - middle, 2),
            "report_cpu_s": round(time.process_time() - worked, 2),
            "frontier_memory_mb": round(before / 1024),
            "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
            "file_mb": round(path.stat().st_size / 1e6, 2),
        }
    )


def apart(work: Callable[..., None], *given: Any) -> None:
    """Run `work` in a process of its own, so that its memory is counted alone."""
    process = multiprocessing.get_context("spawn").Process(target=work, args=given)
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(process.exitcode)


def open_page(browser: Any, path: Path, width: int) -> dict[str, float]:
    """One opening in a fresh context, and what can be done then."""
    context = browser.new_context(viewport={"width": width, "height": 900})
    page = context.new_page()
    page.goto(path.as_uri(), wait_until="commit")
    page.wait_for_selector("html[data-ready]", timeout=60_000)
    found: dict[str, float] = page.evaluate(
        """() => ({
            first_paint_ms: (performance.getEntriesByName("first-contentful-paint")[0] || {}).startTime,
            interactive_ms: performance.getEntriesByName("report-ready")[0].startTime,
        })"""
    )
    frame = "await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));"
    if page.locator("#filter-held").count():
        page.select_option("#filter-held", "yes")
        found["transcripts_held"] = int(page.inner_text("#episode-count").split()[0].replace(",", ""))
    timed = "async () => {{ const start = performance.now(); {} {} return performance.now() - start; }}"
    for name, script in TIMED.items():
        found[name] = page.evaluate(timed.format(script, frame))
    for name, script, wait in (
        ("transcript_ms", "document.querySelector('#episode-rows a:not(.absent)').click();", "document.querySelector('.turn')"),
        (
            "search_ms",
            "const text = document.querySelector('#search-text'); text.form.reset();"
            "document.querySelector('#search-deep').checked = true;"
            "text.value = 'cheapest'; text.form.requestSubmit();",
            "/ of /.test(document.querySelector('#episode-count').textContent)",
        ),
    ):
        # Without a filter the count has no "of"; the search's own comes after the words that tell its progress.
        begin = f"{script} await new Promise((done) => setTimeout(done)); while (!({wait})) {{ {frame} }}"
        found[name] = page.evaluate(timed.format(begin, ""))
    context.close()
    return found


def load(path: Path, openings: int, width: int) -> dict[str, float]:
    """Medians over `openings` of the page at `path`."""
    from playwright.sync_api import sync_playwright

    binary = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
    with sync_playwright() as running:
        browser = running.chromium.launch(executable_path=binary, args=["--no-sandbox"])
        measured = [open_page(browser, path, width) for _ in range(openings)]
        browser.close()
    return {name: round(statistics.median(each[name] for each in measured)) for name in measured[0]}


def main() -> None:
    parser = argparse.ArgumentParser(description="How fast a report of many episodes is made and opened.")
    parser.add_argument("--episodes", type=int, default=10_000)
    parser.add_argument("--openings", type=int, default=5)
    parser.add_argument("--long", action="store_true", help="transcripts as long as those of a real model")
    parser.add_argument("--transcript-mb", type=float, help="as for `bao report`")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        apart(evaluate, folder, given.episodes, given.long)
        results = multiprocessing.get_context("spawn").Queue()
        apart(build, folder, given.transcript_mb, results)
        figures = {"episodes": given.episodes, **size(folder), **results.get()}
        for width in (1280, 390):
            figures[f"at_{width}"] = load(folder / REPORT, given.openings, width)
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
