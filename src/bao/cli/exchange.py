"""``bao export`` and ``bao import``."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter


def export(
    folder: Path,
    /,
    *,
    to: Literal["openai", "datasets", "inspect"],
    out: Annotated[Path, Parameter(help="The file to write: .jsonl, .parquet or .eval, as the format has it.")],
    force: Annotated[bool, Parameter(help="Replace the file if it exists.", show_default=False)] = False,
) -> None:
    """Write episodes in another tool's format: OpenAI messages, Hugging Face datasets, an Inspect log.

    For example:
        bao export runs/mine --to openai --out mine.jsonl
        bao export runs/quickstart/eval --to datasets --out quickstart.parquet
        bao export runs/mine --to inspect --out mine.eval

    Args:
        folder: A folder of `bao eval`, a folder of such folders, or an episodes.parquet.
        to: The format (docs/formats.md shows each).
    """
    from bao.formats.exchange import Target, export_episodes
    from bao.reporting.terminal import TerminalProgress

    count = export_episodes(folder, Target(to), out, TerminalProgress(), force=force)
    print(f"{count} episodes: {out}")


def import_(
    file: Path,
    /,
    *,
    from_: Annotated[Literal["openai", "datasets"], Parameter(name="--from")],
    out: Annotated[Path, Parameter(help="Folder for the result; the same file over the same folder changes nothing.")],
    gym: str | None = None,
    convention: str | None = None,
) -> None:
    """Read episodes from another tool's format; leaves episodes.parquet and, where there are rewards, summary.json.

    For example:
        bao import mine.jsonl --from openai --out runs/again
        bao import chats.jsonl --from openai --gym travel --out runs/chats

    Args:
        file: The file to read.
        from_: The format (docs/formats.md shows each).
        gym: The gym whose rules apply to conversations that bao did not write.
        convention: Which actions count as user effort in them; default: the gym's first.
    """
    from bao.formats.exchange import Source, import_episodes
    from bao.reporting.terminal import TerminalProgress

    count = import_episodes(file, Source(from_), out, TerminalProgress(), gym=gym, convention=convention)
    print(f"{count} episodes: {out}")
