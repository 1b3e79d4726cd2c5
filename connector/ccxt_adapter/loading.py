"""Imports one exchange of ccxt.pro without importing all of them.

`import ccxt.pro` runs three package `__init__` files that import some three hundred modules: 4.5 s and 120 MB for the
one exchange we use. Here the three packages are registered as bare modules that know where their files are, the names
the files expect of them (`ccxt.Exchange`, `ccxt.async_support.binance`) are looked up when asked for, and nothing else
runs. Only for the version it was tried with; any other version, or any failure, takes the ordinary import. This
module must not be imported by code that wants ccxt as a whole.
"""

import importlib
import importlib.util
import sys
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

from connector.errors import ConnectorError
from observability.logs import get_logger

TRIED_VERSION = "4.5.90"
_PACKAGES = ("ccxt", "ccxt.async_support", "ccxt.pro")
_log = get_logger(__name__)


def exchange_class(ccxt_id: str) -> type[Any]:
    """The ccxt.pro class of this id. Raises ConnectorError where ccxt has none."""
    if not any(name in sys.modules for name in _PACKAGES) and version("ccxt") == TRIED_VERSION:
        try:
            return _import_one(ccxt_id)
        except (ImportError, AttributeError, TypeError) as error:
            _forget()
            _log.warning("ccxt_imported_whole", ccxt_id=ccxt_id, reason=str(error))
    return _import_ordinary(ccxt_id)


def _import_one(ccxt_id: str) -> type[Any]:
    found = importlib.util.find_spec("ccxt")
    if found is None or found.origin is None:
        raise ImportError("ccxt is not installed as a package of files")
    root = Path(found.origin).parent
    for name in _PACKAGES:
        sys.modules[name] = _BarePackage(name, root.joinpath(*name.split(".")[1:]))
    for name in _PACKAGES[1:]:
        setattr(sys.modules["ccxt"], name.removeprefix("ccxt."), sys.modules[name])
    return _class_in(importlib.import_module(f"ccxt.pro.{ccxt_id}"), ccxt_id)


def _import_ordinary(ccxt_id: str) -> type[Any]:
    pro = importlib.import_module("ccxt.pro")
    try:
        return _class_in(importlib.import_module(f"ccxt.pro.{ccxt_id}"), ccxt_id)
    except (ImportError, AttributeError) as error:
        known = ", ".join(getattr(pro, "exchanges", ()))
        raise ConnectorError(
            f"ccxt {version('ccxt')} has no websocket exchange {ccxt_id!r}; set venue.ccxt_id to one of: {known}"
        ) from error


def _class_in(module: ModuleType, ccxt_id: str) -> type[Any]:
    found = getattr(module, ccxt_id)
    if isinstance(found, type):
        return found
    raise ImportError(f"ccxt.pro.{ccxt_id} holds no class of that name")


class _BarePackage(ModuleType):
    """A package whose `__init__` did not run: names come from its base modules, else from its file of that name.

    `ccxt.async_support.binance` is a file, and once the real `__init__` ran the class in it: so it is here.
    """

    def __init__(self, name: str, folder: Path) -> None:
        super().__init__(name)
        self.__path__ = [str(folder)]
        self.__file__ = str(folder / "__init__.py")
        self.__spec__ = importlib.util.spec_from_file_location(
            name, self.__file__, submodule_search_locations=[str(folder)]
        )
        self.__version__ = TRIED_VERSION

    def __setattr__(self, attribute: str, value: Any) -> None:
        inner = getattr(value, attribute, None) if isinstance(value, ModuleType) else None
        super().__setattr__(attribute, inner if isinstance(inner, type) else value)

    def __getattr__(self, attribute: str) -> Any:
        folder = Path(self.__path__[0])
        if not attribute.startswith("__"):
            for base in ("errors", "exchange"):
                if (folder / "base" / f"{base}.py").exists():
                    module = importlib.import_module(f"{self.__name__}.base.{base}")
                    if hasattr(module, attribute):
                        return getattr(module, attribute)
            if (folder / f"{attribute}.py").exists():
                return getattr(importlib.import_module(f"{self.__name__}.{attribute}"), attribute)
        raise AttributeError(f"module {self.__name__!r}, imported without its __init__, has no {attribute!r}")


def _forget() -> None:
    for name in [name for name in sys.modules if name == "ccxt" or name.startswith("ccxt.")]:
        del sys.modules[name]
