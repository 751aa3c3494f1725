"""A progress, and what it tells whoever watches."""

import io

from rich.console import Console

from bao.progress import Progress
from bao.reporting.terminal import TerminalProgress


def told() -> tuple[Progress, io.StringIO]:
    text = io.StringIO()
    return TerminalProgress(Console(file=text, width=60)), text
