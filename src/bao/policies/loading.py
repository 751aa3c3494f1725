"""The object that ``MODULE:OBJECT`` or ``FILE.py:OBJECT`` names, imported from the working folder."""

import importlib
import importlib.util
import sys
import traceback
from hashlib import blake2b
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from bao.errors import ConfigError, suggest
from bao.policy import PolicyRef


class Loaded(NamedTuple):
    value: Any
    name: str
    """The module's or file's last name and the object's, safe as a file's name."""
    source: str
    """A digest of the file that the module is in; empty where it is in none."""


def load_object(ref: PolicyRef) -> Loaded:
    """The object. Raises `ConfigError`, naming what is missing or what the import raised."""
    text, place, name = str(ref), ref.place, ref.name
    module = _from_name(place, text) if ref.path is None else _from_file(ref.path, text)
    value: Any = module
    for part in name.split("."):
        try:
            value = getattr(value, part)
        except AttributeError:
            known = [each for each in vars(value) if not each.startswith("_")] if hasattr(value, "__dict__") else []
            raise ConfigError(
                f"policy={text!r}: {place} has no {name}: {suggest(part, known) if known else 'it is empty'}"
            ) from None
    file = getattr(module, "__file__", None)
    source = blake2b(Path(file).read_bytes(), digest_size=8).hexdigest() if file and Path(file).is_file() else ""
    stem = place.rpartition(".")[2] if ref.path is None else ref.path.stem
    return Loaded(value, f"{stem}.{name}", source)


def _from_file(path: Path, text: str) -> ModuleType:
    if not path.is_file():
        raise ConfigError(f"policy={text!r}: there is no file {path} here ({Path.cwd()}): give the path of the agent's file")
    _search_first(path.absolute().parent)
    name = f"bao_agent_{path.stem}"  # under its own name it could hide a module that others import
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickle look it up
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[name]
        raise _import_error(text, error) from error
    return module


def _from_name(name: str, text: str) -> ModuleType:
    _search_first(Path.cwd())
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise _import_error(text, error) from error
        raise ConfigError(
            f"policy={text!r}: there is no module {error.name!r}, neither installed nor in {Path.cwd()}: mend the name, or "
            "give a file, such as my_agent.py:Agent"
        ) from error
    except BaseException as error:
        raise _import_error(text, error) from error


def _search_first(folder: Path) -> None:
    """As for a script: what lies beside it can be imported."""
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def _import_error(text: str, error: BaseException) -> BaseException:
    if isinstance(error, KeyboardInterrupt):
        return error
    return ConfigError(f"policy={text!r} cannot be imported: {said(error)}")


def said(error: BaseException) -> str:
    """An exception in one line, with the place that raised it."""
    if isinstance(error, SyntaxError):
        return f"{type(error).__name__}: {error.msg} ({Path(error.filename or '?').name}, line {error.lineno})"
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}{': ' if text else ''}{text}{where}"
