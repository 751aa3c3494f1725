"""Measures of a policy's episodes: values by task, summaries with intervals (`bao.measures.table` prints them)."""

from bao.measures.metrics import (
    PASS_AT_U,
    RATES,
    TaskMeasures,
    episode_measures,
    fault_counts,
    healthy,
    measure_tasks,
    summarize,
)
from bao.measures.stats import Interval, bootstrap_intervals, task_means

__all__ = [
    "Interval", "PASS_AT_U", "RATES", "TaskMeasures", "bootstrap_intervals", "episode_measures", "fault_counts", "healthy",
    "measure_tasks", "summarize", "task_means",
]  # fmt: skip
