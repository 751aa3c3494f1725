"""What an episode cost: seconds, tokens read and written, and money by a price table that the user gives.

A price table is a TOML file, prices per million tokens in one currency:

    [prices."gpt-4o"]
    input = 2.5
    output = 10.0

An episode is priced by its model's name, and where the table has none of that name by its policy's.

What a figure cannot be had for has none (NaN here, absent in a summary), never 0: an episode without token counts has no
``tokens_in``, one whose model is not in the table no ``money``.
"""

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bao.errors import ConfigError
from bao.trajectory import Trajectory

_PER = 1_000_000
NAN = float("nan")


@dataclass(frozen=True, slots=True)
class Price:
    """Per million tokens."""

    input: float
    output: float


Prices = Mapping[str, Price]
"""By model name."""


def read_prices(path: Path) -> dict[str, Price]:
    """The price table in a TOML file. Raises `ConfigError` naming the file, the key and the fix."""
    example = '[prices."MODEL"] with input = 2.5 and output = 10.0, per million tokens'
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"no price table at {path} ({error.strerror}): give a TOML file of {example}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path} is no valid TOML ({error}): write {example}") from error
    tables = values.pop("prices", None)
    if values or not isinstance(tables, dict) or not tables:
        found = f"the key {next(iter(values))!r}" if values else "no table 'prices'"
        raise ConfigError(f"{path} has {found}, and a price table has nothing but prices: write {example}")
    return {model: _price(path, model, table) for model, table in tables.items()}


def _price(path: Path, model: str, table: Any) -> Price:
    if not isinstance(table, dict) or set(table) != {"input", "output"}:
        raise ConfigError(f"{path}: prices.{model!r} needs input and output and nothing else, per million tokens")
    for name, value in table.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
            raise ConfigError(f"{path}: prices.{model!r}.{name}={value!r} must be a number of at least 0, per million tokens")
    return Price(float(table["input"]), float(table["output"]))


def token_counts(episode: Trajectory) -> tuple[float, float]:
    """Tokens that the agent's model read and wrote, over all turns; NaN where they were not counted.

    A turn's own counts come first (an API's bill); without them the token trace gives them: turn t read the prompt and all
    that came before it. Each turn reads its whole prompt again, which is what an API without a cache charges for.
    """
    turns = [(turn.prompt_tokens, turn.completion_tokens) for turn in episode.turns]
    if episode.trace is not None and all(read is None for read, _ in turns):
        return _traced_counts(episode)
    if any(read is None or wrote is None for read, wrote in turns):
        return NAN, NAN
    return float(sum(read or 0 for read, _ in turns)), float(sum(wrote or 0 for _, wrote in turns))


def _traced_counts(episode: Trajectory) -> tuple[float, float]:
    trace = episode.trace
    assert trace is not None
    firsts = [int((trace.turn == turn).argmax()) for turn in sorted({*trace.turn.tolist()} - {-1})]
    return float(sum(len(trace.prompt) + first for first in firsts)), float((trace.turn >= 0).sum())


def costs(episodes: Sequence[Trajectory], prices: Prices) -> dict[str, list[float]]:
    """By measure, one value an episode: ``seconds``, ``seconds_per_turn``, ``tokens_in``, ``tokens_out``, ``money``.

    ``seconds`` is wall time, its gym's and its user's included. Where a local model plays many episodes at once, it holds the
    others' waiting too: it tells of throughput then, not of latency.
    """
    counts = [token_counts(episode) for episode in episodes]
    return {
        "seconds": [episode.seconds for episode in episodes],
        "seconds_per_turn": [episode.seconds / len(episode.turns) if episode.turns else NAN for episode in episodes],
        "tokens_in": [read for read, _ in counts],
        "tokens_out": [wrote for _, wrote in counts],
        "money": [
            _money(prices.get(episode.model, prices.get(episode.policy)), read, wrote)
            for episode, (read, wrote) in zip(episodes, counts, strict=True)
        ],
    }


def _money(price: Price | None, read: float, wrote: float) -> float:
    return NAN if price is None else (price.input * read + price.output * wrote) / _PER
