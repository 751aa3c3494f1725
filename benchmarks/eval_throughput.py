"""How near `bao eval` comes to what latency alone would take: ``python -m benchmarks.eval_throughput``.

The travel gym with the scripted user, `HORIZON` turns an episode, each one request to a chat model that takes 200 ms to answer:
a server of few instructions in a process of its own, with precomputed answers over kept connections. The run is
`bao.evaluate` in a process of its own, 64 episodes at once, from planning to ``summary.json``; once with 500
episodes and once with 2,000. Figures:

* ``eval_wall_ratio``: wall seconds of playing, divided by requests x latency / 64. `BAR` is what it has to stay under. It holds
  the start and the tail, in which fewer than 64 episodes are left.
* ``eval_cpu_seconds_per_request``: CPU seconds of the process, divided by the requests.
* ``eval_peak_rss_mib_500``, ``eval_peak_rss_mib_2000``: the most memory that the process held.
* ``eval_load_average``: of the machine, before; another load makes the ratio worse.
"""

import asyncio
import json
import multiprocessing
import os
import re
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import bao
from bao.endpoint.shared import usages

CONCURRENCY = 64
LATENCY = 0.2
"""Seconds that the model takes."""
TASKS = 250
EPISODES = (500, 2000)
HORIZON = 6
BAR = 1.15

_MESSAGE = {"role": "assistant", "content": "[search] history"}
_BODY = json.dumps(
    {
        "choices": [{"index": 0, "message": _MESSAGE, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 400, "completion_tokens": 4},
    }
).encode()
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(_BODY), _BODY)
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


class _Connection(asyncio.Protocol):
    """Counts a request's bytes, and answers once the latency is over."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self._loop = asyncio.get_running_loop()
        self._received = bytearray()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head = self._received.find(b"\r\n\r\n")
        if head < 0:
            return
        found = _LENGTH.search(self._received, 0, head)
        if found is not None and len(self._received) >= head + 4 + int(found[1]):
            self._received.clear()
            self._loop.call_later(LATENCY, self._transport.write, _ANSWER)


def _serve(pipe: Any) -> None:
    async def serve() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(_Connection, "127.0.0.1", 0, backlog=2 * CONCURRENCY)
        pipe.send(server.sockets[0].getsockname()[1])
        with suppress(EOFError):
            await loop.run_in_executor(None, pipe.recv)
        os._exit(0)

    asyncio.run(serve())


@contextmanager
def serving() -> Iterator[str]:
    """The server in a process of its own; yields its base URL."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    theirs.close()
    try:
        yield f"http://127.0.0.1:{ours.recv()}/v1"
    finally:
        ours.close()
        process.join(10)


def _evaluate(base_url: str, tasks_count: int, rollouts: int, pipe: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        start, cpu = time.perf_counter(), time.process_time()
        result = bao.evaluate(
            f"openai:stub@{base_url}",
            tasks=tasks_count,
            rollouts=rollouts,
            horizon=HORIZON,
            concurrency=CONCURRENCY,
            agent_mode="text",
            settings={"agent.timeout": 30},
            out=folder,
        )
        wall, cpu = time.perf_counter() - start, time.process_time() - cpu
        summary = result.summary
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    if summary["episodes"] != tasks_count * rollouts or summary["turns"]["mean"] != HORIZON:
        raise RuntimeError(f"episodes failed: {summary}")
    requests = sum(each.requests for each in usages().values())
    pipe.send({"wall": wall, "cpu": cpu, "requests": requests, "peak": peak / 2**20})


def play(base_url: str, tasks: int, rollouts: int) -> dict[str, float]:
    """One run in a process of its own: wall and CPU seconds, requests, peak memory in MiB."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_evaluate, args=(base_url, tasks, rollouts, theirs))
    process.start()
    theirs.close()
    try:
        result: dict[str, float] = ours.recv()
    except EOFError:
        raise RuntimeError("the evaluation failed; its traceback is above") from None
    process.join()
    return result


def measure() -> dict[str, float]:
    """The figures, by name."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    with serving() as url:
        few, many = (play(url, TASKS, episodes // TASKS) for episodes in EPISODES)
    return {
        "eval_wall_ratio": many["wall"] / (many["requests"] * LATENCY / CONCURRENCY),
        "eval_cpu_seconds_per_request": many["cpu"] / many["requests"],
        f"eval_peak_rss_mib_{EPISODES[0]}": few["peak"],
        f"eval_peak_rss_mib_{EPISODES[1]}": many["peak"],
        "eval_load_average": load,
    }


def main() -> None:
    found = measure()
    print(json.dumps({name: round(figure, 6) for name, figure in found.items()}, indent=1))
    print(f"wall ratio {found['eval_wall_ratio']:.3f}, bar {BAR}: {'holds' if found['eval_wall_ratio'] <= BAR else 'MISSED'}")


if __name__ == "__main__":
    main()
