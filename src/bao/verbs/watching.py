"""What the verbs have in common: paths, and who watches the progress."""

from os import PathLike
from typing import TYPE_CHECKING, Union

if TYPE_CHECKING:
    from bao.progress import Progress


AnyPath = Union[str, "PathLike[str]"]


def watching(progress: "bool | Progress") -> "Progress":
    if progress is False:
        from bao.progress import Silent

        return Silent()
    if progress is True:
        from bao.reporting.terminal import TerminalProgress

        return TerminalProgress()
    return progress
