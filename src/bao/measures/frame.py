"""Tables for pandas, which is optional."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from bao.errors import ConfigError

if TYPE_CHECKING:
    import pandas as pd


def data_frame(rows: Iterable[Mapping[str, Any]]) -> "pd.DataFrame":
    """The rows as a table. Raises `ConfigError` where pandas is not installed."""
    try:
        import pandas as pd
    except ModuleNotFoundError as error:
        raise ConfigError("to_pandas needs pandas, which is not installed: pip install 'bao-agents[pandas]'") from error
    return pd.DataFrame(list(rows))
