"""When an account's stream can be relied on: once the venue has acknowledged what was subscribed to.

Only then StreamLost is told: a snapshot fetched earlier could miss what happens before the subscription is in force.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any

SETTLED_S = 0.25
"""Several subscriptions of one connection are acknowledged one after the other: one announcement is enough."""
UNACKNOWLEDGED_S = 3.0
"""A venue that acknowledges nothing ccxt-like is taken at its word after this long."""
_WAITING_S = 30.0


def acknowledges(message: Any) -> bool:
    """Bybit says `op`, OKX, Bitget and Gate say `event`, Binance answers by `id`."""
    if not isinstance(message, dict):
        return False
    subscribed = "subscribe" in (message.get("op"), message.get("event"))
    return subscribed or ("result" in message and "id" in message)


def login_of(message: Any) -> bool | None:
    """Whether it says that a login succeeded or that one was refused; None: neither.

    Bybit says `op`, OKX and Bitget say `event`; Gate and Binance sign each subscription instead.
    """
    if not isinstance(message, dict) or (message.get("op") != "auth" and message.get("event") != "login"):
        return None
    return message.get("success") is True or str(message.get("code", message.get("retCode"))) == "0"


def ends_account_stream(message: Any) -> bool:
    """Binance says that the key of a user stream is over, and nothing more on it; ccxt lets that pass."""
    told = message.get("data", message) if isinstance(message, dict) else {}
    return isinstance(told, dict) and told.get("e") == "listenKeyExpired"


class Announcer:
    """Calls `announce` once a connection of the account has come up and its acknowledgements have settled."""

    def __init__(self, announce: Callable[[], None]) -> None:
        self._announce = announce
        self._timer: asyncio.TimerHandle | None = None
        self._connected_s: float | None = None

    def connected(self, *, in_force: bool) -> None:
        """`in_force`: there is nothing to acknowledge."""
        self._connected_s = time.monotonic()
        self._in(SETTLED_S if in_force else UNACKNOWLEDGED_S)

    def acknowledged(self) -> None:
        """Of one of its subscriptions, if a connection came up lately; else it is somebody else's."""
        if self._connected_s is not None and time.monotonic() - self._connected_s < _WAITING_S:
            self._in(SETTLED_S)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _in(self, delay_s: float) -> None:
        self.close()
        self._timer = asyncio.get_running_loop().call_later(delay_s, self._announce)
