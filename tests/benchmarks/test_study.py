"""A study over seeds: which tasks belong together, and what its figures and intervals are."""

import numpy as np

from bao.gyms.section import task_set
from bao.recipes.recipe import check_recipe
from benchmarks.study import clusters_of, figures


def test_tasks_that_share_a_component_are_one_cluster() -> None:
    recipe = check_recipe({"gym": {"name": "intention"}})
    tasks = task_set(recipe.gym, "test", 200).tasks
    found = clusters_of(recipe, tasks)
    by_wording: dict[str, set[int]] = {}
    for task, cluster in zip(tasks, found, strict=True):
        by_wording.setdefault(task.data["task"], set()).add(cluster)
    assert len(by_wording) == 20, "frames of the test split"
    assert all(len(clusters) == 1 for clusters in by_wording.values())
    assert len(set(found)) == 20


def test_figures_are_means_over_seeds_and_tasks_and_leave_out_what_not_all_played() -> None:
    table = np.array([[[0.0, 1.0], [0.5, 1.0], [np.nan, 0.0]], [[0.5, 1.0], [1.0, 1.0], [9.0, 0.0]]])  # [seeds, tasks, prices]
    found = figures(table, np.array([0, 1, 2]), np.array([True, False]))
    assert [each["mean"] for each in found["at"]] == [0.5, 1.0]
    assert found["mean"]["mean"] == 0.5, "of the prices trained on"
    assert found["by_seed"] == [0.25, 0.75]
    assert found["at"][0]["low"] < 0.5 < found["at"][0]["high"]
    assert found["at"][1]["low"] == found["at"][1]["high"] == 1.0


def test_intervals_cover_where_seeds_and_clusters_differ() -> None:
    """Tasks of a cluster agree and seeds differ: an interval over tasks alone would be far too narrow."""
    rng = np.random.default_rng(0)
    clusters, hits = np.repeat(np.arange(30), 10), 0
    for _ in range(400):
        values = rng.normal(size=(8, 1, 1)) + rng.normal(size=30)[clusters][None, :, None]
        figure = figures(values, clusters, np.array([True]))["at"][0]
        hits += figure["low"] <= 0.0 <= figure["high"]
    assert 0.93 < hits / 400 <= 0.995
