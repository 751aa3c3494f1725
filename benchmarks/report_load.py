"""How fast a report of many episodes is made and opened: ``python -m benchmarks.report_load --episodes 10000``.

The episodes are real ones: the scripted policies of the travel gym in turn, on its test tasks, under as many seeds as it takes.
Printed are, as JSON: seconds to draw the frontier and to write the report from the episodes on disk, the peak memory of both in
MB, the size of the file in MB, and as medians over several openings in a headless Chromium, in milliseconds from the start of
the navigation: the first paint, ``interactive`` (figures drawn, the table there with its filters); and from then on how long a
filter, an order, a transcript and a search through all transcripts take.
"""

import argparse
import itertools
import json
import multiprocessing
import resource
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from bao import evaluation, stages
from bao.evaluation import Judged
from bao.gym import make
from bao.measures import summarize
from bao.rollout.episodes import play
from bao.store import write_episodes
from bao.trajectory import Trajectory

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


def evaluate(folder: Path, episodes: int) -> None:
    """Leave evaluations with `episodes` in all in `folder`, one for each scripted policy."""
    names = list(make("travel").scripted_policies())
    for place, name in enumerate(names):
        own = list(played(name, episodes // len(names) + (place < episodes % len(names))))
        write_episodes(folder / name / evaluation.EPISODES, own)
        (folder / name / evaluation.SUMMARY).write_text(json.dumps(summarize(own, resamples=500)), encoding="utf-8")


def build(folder: Path) -> dict[str, float]:
    """Seconds and memory to make the report from the evaluations in `folder`."""
    judged: list[Judged] = evaluation.find_judged([folder])
    start = time.perf_counter()
    frontier = stages.draw_frontier(judged, folder)
    middle = time.perf_counter()
    path = stages.make_report("travel", judged, frontier, folder)
    return {
        "frontier_s": round(middle - start, 2),
        "report_s": round(time.perf_counter() - middle, 2),
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "file_mb": round(path.stat().st_size / 1e6, 2),
    }


def open_page(browser: Any, path: Path) -> dict[str, float]:
    """One opening in a fresh context, and what can be done then."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
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
    timed = "async () => {{ const start = performance.now(); {} {} return performance.now() - start; }}"
    for name, script in TIMED.items():
        found[name] = page.evaluate(timed.format(script, frame))
    for name, script, wait in (
        ("transcript_ms", "document.querySelector('#episode-rows a').click();", "document.querySelector('.turn')"),
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


def load(path: Path, openings: int) -> dict[str, float]:
    """Medians over `openings` of the page at `path`."""
    from playwright.sync_api import sync_playwright

    binary = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
    with sync_playwright() as running:
        browser = running.chromium.launch(executable_path=binary, args=["--no-sandbox"])
        measured = [open_page(browser, path) for _ in range(openings)]
        browser.close()
    return {name: round(statistics.median(each[name] for each in measured)) for name in measured[0]}


def main() -> None:
    parser = argparse.ArgumentParser(description="How fast a report of many episodes is made and opened.")
    parser.add_argument("--episodes", type=int, default=10_000)
    parser.add_argument("--openings", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # In a process of its own, so that the memory of playing is not counted.
        playing = multiprocessing.get_context("spawn").Process(target=evaluate, args=(folder, given.episodes))
        playing.start()
        playing.join()
        figures = {"episodes": given.episodes, **build(folder), **load(folder / stages.REPORT, given.openings)}
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
