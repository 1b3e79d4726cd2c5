"""Trials and measurements by name, one after the other: what fails is told, and the next one goes on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from rich.console import Console

from tapeline.errors import UsageError
from topics.errors import TapelineError

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")


def chosen(names: Sequence[str], known: Mapping[str, ItemT], kind: str) -> list[ItemT]:
    """Those of these names, `all` for every one. Raises UsageError for a name there is not; `kind` is its word."""
    unknown = [name for name in names if name != "all" and name not in known]
    if unknown:
        raise UsageError(f"there is no {kind} {', '.join(unknown)}; there are: all, {', '.join(known)}")
    return list(known.values()) if "all" in names else [known[name] for name in names]


def attempt(name: str, work: Callable[[], ResultT], console: Console, failures: list[str]) -> ResultT | None:
    """Its result; None where it failed, which the console shows and `failures` gets a line of."""
    try:
        return work()
    except TapelineError as error:
        failures.append(f"{name}: {error}")
        console.print(failures[-1], style="red", markup=False)
    except Exception as error:  # noqa: BLE001 - a defect of one costs only its own result
        failures.append(f"{name}: {type(error).__name__}: {error}")
        console.print_exception()
    return None
