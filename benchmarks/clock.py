"""Wall and CPU time of this process and of the processes it started."""

import time

import psutil

from benchmarks.cost import Cost


def now() -> Cost:
    """Wall seconds since some moment, and CPU seconds that this process and its living children have used."""
    process = psutil.Process()
    cpu = 0.0
    for each in (process, *process.children(recursive=True)):
        times = each.cpu_times()
        cpu += times.user + times.system
    return Cost(time.perf_counter(), cpu)
