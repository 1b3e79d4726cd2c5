"""The ledger in memory, for tests and simulations: the same promises as the Postgres one while the object lives.

Several gateways share one `MemoryDatabase`, as processes share one Postgres. It must not be used to trade.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from connector.gateway.errors import ClaimsTakenError, FencedError
from connector.gateway.kill_state import KillState, denied, refuses
from connector.gateway.ledger import Batch
from connector.gateway.lifecycle import Order, moved_lots
from connector.port import VenueFill
from topics.v1.common_pb2 import SIDE_BUY
from topics.v1.orders_pb2 import OrderUpdate


@dataclass(slots=True)
class MemoryDatabase:
    """What outlives a gateway."""

    orders: dict[str, Order] = field(default_factory=dict)
    settled: set[str] = field(default_factory=set)
    fills: dict[tuple[str, str, str], VenueFill] = field(default_factory=dict)
    positions: dict[tuple[str, str, int], int] = field(default_factory=dict)
    marks: dict[tuple[str, str], str] = field(default_factory=dict)
    booked: dict[tuple[str, str], int] = field(default_factory=dict)
    begun: set[tuple[str, str]] = field(default_factory=set)
    corrections: dict[tuple[str, str, str], OrderUpdate] = field(default_factory=dict)
    said: set[tuple[str, str, str]] = field(default_factory=set)
    epochs: dict[str, int] = field(default_factory=dict)
    kills: dict[str, list[KillState]] = field(default_factory=dict)

    def kill_of(self, owner: str) -> KillState:
        """`owner` is venue:account."""
        return (self.kills.get(owner) or [KillState()])[-1]

    def turn_kill(self, owner: str, *, killed: bool, by: str, reason: str, everything: bool, time_ms: int) -> KillState:
        """As in Ledger.set_kill."""
        state = self.kill_of(owner)
        if state.settles(killed, everything):
            return state
        turned = state.turned(killed=killed, by=by, reason=reason, everything=everything, time_ms=time_ms)
        self.kills.setdefault(owner, []).append(turned)
        return turned


class MemoryLedger:
    def __init__(self, database: MemoryDatabase | None = None) -> None:
        self._database = database or MemoryDatabase()
        self._venue = ""
        self._account = ""
        self._owner = ""
        self._epoch = 0
        self._kill = KillState()

    @property
    def kill(self) -> KillState:
        return self._kill

    async def start(self, venue: str, account: str, holder: str) -> int:  # noqa: ARG002  shown to people by Postgres only
        self._venue, self._account, self._owner = venue, account, f"{venue}:{account}"
        self._epoch = self._database.epochs.get(self._owner, 0) + 1
        self._database.epochs[self._owner] = self._epoch
        await self.kill_state()
        return self._epoch

    async def close(self) -> None:
        """Nothing to give back."""

    async def commit(self, batch: Batch) -> Mapping[str, Order]:
        database = self._database
        if database.epochs.get(self._owner) != self._epoch:
            raise FencedError(
                f"account {self._owner}: epoch {self._epoch} is over, epoch {database.epochs.get(self._owner)} runs; "
                "this process must end"
            )
        if taken := self._taken(batch):
            raise ClaimsTakenError(taken)
        killed = self._claim(batch, await self.kill_state())
        for client_order_id in batch.cancels:
            if known := database.orders.get(client_order_id):
                database.orders[client_order_id] = replace(known, cancel_requested=True)
        for symbol, lots in batch.begun_positions.items():
            database.booked[self._owner, symbol] = lots
            database.begun.add((self._owner, symbol))
        for correction in batch.corrections:
            database.corrections.setdefault((self._owner, correction.symbol, correction.fill.trade_id), correction)
        database.said.update((self._owner, symbol, trade_id) for symbol, trade_id in batch.said_corrections)
        for fill in batch.fills:
            self._book(fill)
        for client_order_id, order in batch.changes.items():
            self._change(client_order_id, order, settled=order.settled)
        for order in batch.concluded:
            self._change(order.id, order, settled=False)
        for (topic, partition), offset in batch.positions.items():
            database.positions[(self._owner, topic, partition)] = offset
        for symbol, trade_id in batch.marks.items():
            database.marks[(self._owner, symbol)] = trade_id
        return killed

    async def find(self, *, client_order_id: str = "", symbol: str = "", venue_order_id: str = "") -> list[Order]:
        if client_order_id:
            return [self._whole(order) for order in [self._database.orders.get(client_order_id)] if order]
        return [
            self._whole(order)
            for order in self._mine()
            if venue_order_id and order.venue_order_id == venue_order_id and symbol in ("", order.symbol)
        ]

    async def unsettled(self) -> list[Order]:
        return [self._whole(order) for order in self._mine() if order.id not in self._database.settled]

    async def intent_positions(self, topic: str) -> dict[int, int]:
        return {
            partition: offset
            for (owner, name, partition), offset in self._database.positions.items()
            if (owner, name) == (self._owner, topic)
        }

    async def fill_marks(self) -> dict[str, str]:
        return {symbol: trade_id for (owner, symbol), trade_id in self._database.marks.items() if owner == self._owner}

    async def booked_positions(self) -> dict[str, int]:
        begun = self._database.begun
        return {
            symbol: lots
            for (owner, symbol), lots in self._database.booked.items()
            if owner == self._owner and (owner, symbol) in begun
        }

    async def known_trades(self, symbol: str, trade_ids: Sequence[str]) -> set[str]:
        return {it for it in trade_ids if (self._venue, symbol, it) in self._database.fills}

    async def unsaid_corrections(self) -> list[OrderUpdate]:
        database = self._database
        return [it for key, it in database.corrections.items() if key[0] == self._owner and key not in database.said]

    async def adjustments(self) -> dict[str, int]:
        named_none = [it for it in self._database.corrections.items() if not it[1].client_order_id]
        return dict(Counter(symbol for (owner, symbol, _), _ in named_none if owner == self._owner))

    async def kill_state(self) -> KillState:
        self._kill = self._database.kill_of(self._owner)
        return self._kill

    async def set_kill(self, *, killed: bool, by: str, reason: str, everything: bool, time_ms: int) -> KillState:
        self._kill = self._database.turn_kill(
            self._owner, killed=killed, by=by, reason=reason, everything=everything, time_ms=time_ms
        )
        return self._kill

    async def note_verified(self, version: int, time_ms: int) -> None:
        turns = self._database.kills.get(self._owner, [])
        turns[:] = [replace(it, verified_ms=time_ms) if it.version == version else it for it in turns]
        await self.kill_state()

    def _book(self, execution: VenueFill) -> None:
        database = self._database
        key = (self._venue, execution.symbol, execution.fill.trade_id)
        if key not in database.fills:
            database.fills[key] = execution
            lots = moved_lots(execution.fill) if execution.side == SIDE_BUY else -moved_lots(execution.fill)
            owner = (self._owner, execution.symbol)
            database.booked[owner] = database.booked.get(owner, 0) + lots

    def _taken(self, batch: Batch) -> dict[str, Order]:
        known = [self._database.orders[it.id] for it in batch.claims if it.id in self._database.orders]
        return {order.id: self._whole(order) for order in known}

    def _claim(self, batch: Batch, kill: KillState) -> dict[str, Order]:
        killed = {}
        for order in batch.claims:
            if refuses(kill, order):
                killed[order.id] = denied(order, kill.text)
            self._database.orders[order.id] = killed.get(order.id, order)
        return killed

    def _change(self, client_order_id: str, order: Order, *, settled: bool) -> None:
        known = self._database.orders.get(client_order_id)
        if known is None:
            return  # nothing was claimed: no row to change
        cancel_requested = known.cancel_requested or order.cancel_requested
        self._database.orders[client_order_id] = replace(order, cancel_requested=cancel_requested)
        if settled:
            self._database.settled.add(client_order_id)
        else:
            self._database.settled.discard(client_order_id)

    def _mine(self) -> list[Order]:
        owner = (self._venue, self._account)
        return [order for order in self._database.orders.values() if (order.venue, order.account) == owner]

    def _whole(self, order: Order) -> Order:
        """With its trade ids as the fills tell them, as a database would put it together."""
        fills = [fill for fill in self._database.fills.values() if fill.client_order_id == order.id]
        return replace(order, trade_ids=frozenset(fill.fill.trade_id for fill in fills))
