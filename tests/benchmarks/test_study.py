"""A study over seeds: what its figures and intervals are."""

import numpy as np

from benchmarks.study import figures


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


def test_tasks_of_one_cluster_count_one_by_one() -> None:
    table = np.random.default_rng(0).normal(size=(1, 40, 2))
    alone = figures(table, np.arange(40), np.array([True, True]))
    joined = figures(table, np.zeros(40), np.array([True, True]))
    assert joined == alone
    assert joined["mean"]["high"] - joined["mean"]["low"] > 0.1
