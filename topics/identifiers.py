"""Deterministic names (WF-1): the same decision makes the same id, on any machine, after any restart.

Never from a clock, a counter in memory or a random number.
"""

from base64 import b32encode
from hashlib import sha256

CLIENT_ORDER_ID_PREFIX = "tl"
CLIENT_ORDER_ID_LENGTH = 28
SYNTHETIC_PREFIX = "R"


def client_order_id(*, strategy: str, venue: str, symbol: str, slot: int, side: str, epoch: int, attempt: int) -> str:
    """28 characters [A-Za-z0-9], within every venue's limit (Gate allows 28, Binance 36).

    `attempt` counts the orders this slot had before and grows only by a logged terminal event of the last one.
    """
    identity = "\x1f".join((strategy, venue, symbol, str(slot), side, str(epoch), str(attempt)))
    return CLIENT_ORDER_ID_PREFIX + _digest(identity)


def is_ours(client_order_id: str) -> bool:
    """Whether an order at the venue can be one of ours (ORD-6: others are foreign and never touched)."""
    return len(client_order_id) == CLIENT_ORDER_ID_LENGTH and client_order_id.startswith(CLIENT_ORDER_ID_PREFIX)


def synthetic_trade_id(*parts: object) -> str:
    """Names an execution that reconciliation made: the same finding makes the same id. No venue's trade id has letters
    of this length."""
    return SYNTHETIC_PREFIX + _digest("\x1f".join(str(part) for part in parts))


def event_id(*parts: object) -> str:
    """A stable id for an event that the same facts must always produce."""
    return "/".join(str(part) for part in parts)


def _digest(identity: str) -> str:
    size = CLIENT_ORDER_ID_LENGTH - len(CLIENT_ORDER_ID_PREFIX)
    return b32encode(sha256(identity.encode()).digest()).decode()[:size]
