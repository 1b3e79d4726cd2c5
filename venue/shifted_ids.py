"""Order and trade ids as another venue would count them: by symbol, so that two symbols share ids.

Our ledger counts over all symbols. A shift says how much lower a symbol's ids are shown. Must not: touch client ids.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_IN_ANSWERS = ("orderId", "id")
_IN_MESSAGES = ("i", "t")
_IN_REQUESTS = ("orderId", "fromId")


def lowered(document: Any, shift: Mapping[str, int]) -> Any:
    """A REST answer (one object or a list) or a user message as it is shown."""
    if not shift:
        return document
    if isinstance(document, list):
        return [lowered(one, shift) for one in document]
    if not isinstance(document, dict):
        return document
    if isinstance(document.get("o"), dict):
        return document | {"o": _lowered(document["o"], "s", _IN_MESSAGES, shift)}
    return _lowered(document, "symbol", _IN_ANSWERS, shift)


def raised(given: Mapping[str, str], shift: Mapping[str, int]) -> dict[str, str]:
    """A request's parameters as the venue counts."""
    by = shift.get(given.get("symbol", ""), 0)
    ids = {name: str(int(given[name]) + by) for name in _IN_REQUESTS if given.get(name, "").isdecimal()}
    return {**given, **ids}


def _lowered(document: Mapping[str, Any], symbol: str, names: tuple[str, ...], shift: Mapping[str, int]) -> Any:
    by = shift.get(document.get(symbol, ""), 0)
    return {**document, **{name: document[name] - by for name in names if document.get(name)}}
