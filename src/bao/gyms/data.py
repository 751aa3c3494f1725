"""The gyms' data: tables and texts that lie beside their modules."""

import re
import tomllib
from importlib.resources import files
from typing import Any


def text(package: str, name: str) -> str:
    """What a file says, by its name in `package`: ``text("bao.gyms.tau.retail", "policy.md")``."""
    return (files(package) / name).read_text(encoding="utf-8")


def table(package: str, name: str) -> dict[str, Any]:
    """What a TOML file holds."""
    return tomllib.loads(text(package, name))


def pattern(lines: str) -> re.Pattern[str]:
    """A pattern that a data file may write over several lines, whose ends do not count."""
    return re.compile("".join(lines.splitlines()))
