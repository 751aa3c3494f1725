"""Measures of a policy's episodes: values by task, summaries with intervals, comparisons (docs/measures.md)."""

from bao.measures.bootstrap import bootstrap_intervals, task_means
from bao.measures.catalogue import MEASURES, PASS_AT_U, RATES, Direction, Measure
from bao.measures.intervals import Interval
from bao.measures.metrics import TaskMeasures, episode_measures, fault_counts, healthy, measure_tasks
from bao.measures.summary import summarize

__all__ = [
    "Direction", "Interval", "MEASURES", "Measure", "PASS_AT_U", "RATES", "TaskMeasures", "bootstrap_intervals",
    "episode_measures", "fault_counts", "healthy", "measure_tasks", "summarize", "task_means",
]  # fmt: skip
