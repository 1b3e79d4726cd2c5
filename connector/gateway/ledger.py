"""The permanent memory of the gateway, as a seam: what must be durable, and who may write it.

An implementation must commit a whole Batch or nothing, durable when `commit` returns, and refuse with FencedError
once another gateway has started on the same account, or deny its claims once the account is killed. It decides nothing
else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from connector.gateway.kill_state import KillState
from connector.gateway.lifecycle import Order
from connector.port import VenueFill
from topics.v1.orders_pb2 import OrderUpdate


@dataclass(frozen=True, slots=True)
class IntentPosition:
    """Where an intent stands on the log. `topic` is the broker's name, namespace included."""

    topic: str
    partition: int
    offset: int


@dataclass(slots=True)
class Batch:
    """One transaction.

    `claims`: orders to insert, all under new ids. `cancels`: client order ids whose cancellation was asked for.
    `changes`: newest state of orders already claimed, by client order id, said on the log before. `concluded`: orders
    already claimed that only we say have ended, to be said; newer than their `changes`. `fills`: executions said on the
    log. `positions`: next offset to read by (topic, partition). `marks`: by symbol, the trade id up to
    which every execution was fetched from the venue. `begun_positions`: by symbol, the position in lots from which
    executions are counted; taken before the fills of this batch. `corrections`: updates with a synthetic fill, to be
    said; `said_corrections`: those that were, by (symbol, trade id).
    """

    claims: list[Order] = field(default_factory=list)
    cancels: list[str] = field(default_factory=list)
    changes: dict[str, Order] = field(default_factory=dict)
    concluded: list[Order] = field(default_factory=list)
    fills: list[VenueFill] = field(default_factory=list)
    positions: dict[tuple[str, int], int] = field(default_factory=dict)
    marks: dict[str, str] = field(default_factory=dict)
    begun_positions: dict[str, int] = field(default_factory=dict)
    corrections: list[OrderUpdate] = field(default_factory=list)
    said_corrections: list[tuple[str, str]] = field(default_factory=list)


class Ledger(Protocol):
    async def start(self, venue: str, account: str, holder: str) -> int:
        """Takes the account over: whoever held it before is fenced. Returns the new epoch. `holder` is for people."""

    async def close(self) -> None: ...

    async def commit(self, batch: Batch) -> Mapping[str, Order]:
        """Durable when it returns. A claim that comes after a kill is written as denied, and given back as that
        (RISK-8). Raises FencedError; ClaimsTakenError where an id is in use: then nothing of the batch is written.
        """

    async def find(self, *, client_order_id: str = "", symbol: str = "", venue_order_id: str = "") -> list[Order]:
        """By client order id (of any account) or by venue order id (of this account; symbols may share one)."""

    async def unsettled(self) -> list[Order]:
        """Orders of this account that are not ended, await fills, or whose end may not have been said on the log.

        The last are those denied with their claim, or concluded, and in no `changes` since.
        """

    async def intent_positions(self, topic: str) -> dict[int, int]:
        """Next offset to read by partition."""

    async def fill_marks(self) -> dict[str, str]:
        """By symbol, as in Batch.marks; an empty trade id: from the account's first execution on."""

    async def booked_positions(self) -> dict[str, int]:
        """Lots by symbol: what it began with and every fill of a Batch since, each once. None where it never began."""

    async def known_trades(self, symbol: str, trade_ids: Sequence[str]) -> set[str]:
        """Those of them whose fill is in the ledger."""

    async def unsaid_corrections(self) -> list[OrderUpdate]:
        """In the order they were made."""

    async def adjustments(self) -> dict[str, int]:
        """By symbol, how many corrections named no order."""

    @property
    def kill(self) -> KillState:
        """The kill switch as the newest start, commit, `kill_state` or `set_kill` of this object found it."""

    async def kill_state(self) -> KillState:
        """The kill switch as it is now."""

    async def set_kill(self, *, killed: bool, by: str, reason: str, everything: bool, time_ms: int) -> KillState:
        """Durable when it returns: no claim of any gateway on the account follows a kill in its order.

        Anybody may: no epoch is asked for. What is so already is returned as it is.
        """

    async def note_verified(self, version: int, time_ms: int) -> None:
        """The venue has nothing left of what this turn of the kill switch is about."""
