"""What others may ask of the projections: typed reads of the live tables. Never writes, never reads the log.

Each function takes an open connection and returns plain values; before the first projector ran they return nothing.
Money and quantities are Decimal, times Unix milliseconds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeVar

from psycopg import AsyncConnection
from psycopg.rows import TupleRow, class_row

from projections.store import LIVE_SCHEMA, exists

RowT = TypeVar("RowT")
Connection = AsyncConnection[TupleRow]


@dataclass(frozen=True, slots=True)
class Order:
    venue: str
    symbol: str
    client_order_id: str
    venue_order_id: str
    ownership: str
    strategy: str
    side: str
    type: str
    price: Decimal
    quantity: Decimal
    filled: Decimal
    status: str
    reason_code: str
    reason: str
    time_ms: int
    live: bool


@dataclass(frozen=True, slots=True)
class Fill:
    venue: str
    symbol: str
    trade_id: str
    client_order_id: str
    side: str
    price: Decimal
    quantity: Decimal
    fee: Decimal
    fee_asset: str
    realized_pnl: Decimal
    maker: bool
    time_ms: int


@dataclass(frozen=True, slots=True)
class Slot:
    strategy: str
    venue: str
    symbol: str
    slot: int
    state: str
    side: str
    price: Decimal
    quantity: Decimal
    filled: Decimal
    attempt: int
    client_order_id: str
    reason: str
    version: int
    time_ms: int


@dataclass(frozen=True, slots=True)
class Position:
    """From fills. `venue_quantity`: what the venue says, None where it has not said anything."""

    venue: str
    account: str
    symbol: str
    quantity: Decimal
    average_entry: Decimal
    price: Decimal
    unrealized: Decimal
    fills: int
    venue_quantity: Decimal | None


@dataclass(frozen=True, slots=True)
class Pnl:
    """Quote currency. `unrealized` at `price`; `net` = realised + unrealised - fees + funding."""

    venue: str
    account: str
    symbol: str
    quote_asset: str
    quantity: Decimal
    price: Decimal
    realized: Decimal
    unrealized: Decimal
    fees: Decimal
    funding: Decimal
    net: Decimal
    volume: Decimal
    fills: int


@dataclass(frozen=True, slots=True)
class Quote:
    venue: str
    symbol: str
    bid: Decimal
    ask: Decimal
    time_ms: int
    received_ns: int


@dataclass(frozen=True, slots=True)
class Risk:
    venue: str
    symbol: str
    account: str
    rule: str
    state: str
    action: str
    value: str
    limit_value: str
    unit: str
    reason: str
    time_ms: int


@dataclass(frozen=True, slots=True)
class Balance:
    venue: str
    account: str
    asset: str
    wallet_balance: Decimal
    available_balance: Decimal


@dataclass(frozen=True, slots=True)
class AgentProgress:
    agent: str
    venue: str
    symbol: str
    account: str
    version: int
    market_time_ms: int


@dataclass(frozen=True, slots=True)
class Counts:
    orders: int = 0
    orders_live: int = 0
    orders_unknown: int = 0
    fills: int = 0
    intents: int = 0
    slot_steps: int = 0
    poison_records: int = 0


@dataclass(frozen=True, slots=True)
class Lag:
    """Records on the log not yet projected, as the projector last heard; by topic and in all."""

    records: int
    by_topic: dict[str, int]
    updated_ms: int


@dataclass(frozen=True, slots=True)
class Overview:
    """One screen of the whole."""

    symbols: list[str]
    quotes: list[Quote]
    slots: list[Slot]
    open_orders: list[Order]
    last_fills: list[Fill]
    positions: list[Position]
    pnl: list[Pnl]
    balances: list[Balance]
    tripped: list[Risk]
    agents: list[AgentProgress]
    counts: Counts
    lag: Lag


async def overview(connection: Connection, symbol: str = "") -> Overview:
    """Everything the terminal screen and the live page show, of one symbol or all. Empty before the first projector."""
    return Overview(
        symbols=await symbols(connection),
        quotes=await quotes(connection, symbol),
        slots=await slots(connection, symbol),
        open_orders=await open_orders(connection, symbol),
        last_fills=await fills(connection, symbol, limit=10),
        positions=await positions(connection, symbol),
        pnl=await pnl(connection, symbol),
        balances=await balances(connection),
        tripped=await tripped(connection, symbol),
        agents=await agents(connection),
        counts=await counts(connection),
        lag=await lag(connection),
    )


async def is_empty(connection: Connection) -> bool:
    """Whether no projector has ever run here."""
    return not await exists(connection)


async def symbols(connection: Connection) -> list[str]:
    """`venue:symbol` of all that is traded: quoted, ordered or held."""
    statement = (
        "SELECT venue || ':' || symbol AS name FROM (SELECT venue, symbol FROM projections.last_quotes "
        "UNION SELECT venue, symbol FROM projections.slots UNION SELECT venue, symbol FROM projections.positions) s "
        "ORDER BY name"
    )
    return [row[0] for row in await _raw(connection, statement)]


async def open_orders(connection: Connection, symbol: str = "", limit: int = 1000) -> list[Order]:
    """Highest price first."""
    return await _orders(connection, "live", "venue, symbol, price DESC, order_id", symbol, limit)


async def orders(connection: Connection, symbol: str = "", limit: int = 50) -> list[Order]:
    """Newest first."""
    return await _orders(connection, "true", "time_ms DESC, seq DESC, order_id", symbol, limit)


async def fills(connection: Connection, symbol: str = "", limit: int = 50) -> list[Fill]:
    """Newest first."""
    return await _select(connection, Fill, "fills", symbol, order='time_ms DESC, "offset" DESC', limit=limit)


async def slots(connection: Connection, symbol: str = "") -> list[Slot]:
    """By strategy and instrument, highest slot first."""
    return await _select(connection, Slot, "slots", symbol, order="strategy, venue, symbol, slot DESC")


async def positions(connection: Connection, symbol: str = "") -> list[Position]:
    statement = (
        "SELECT l.venue, l.account, l.symbol, l.quantity, l.average_entry, l.price, l.unrealized, l.fills, "
        "v.quantity AS venue_quantity FROM projections.pnl l "
        "LEFT JOIN projections.venue_positions v USING (venue, account, symbol) "
        "WHERE %(symbol)s IN ('', l.symbol) ORDER BY l.venue, l.account, l.symbol"
    )
    return await _typed(connection, Position, statement, {"symbol": symbol})


async def pnl(connection: Connection, symbol: str = "") -> list[Pnl]:
    return await _select(connection, Pnl, "pnl", symbol, order="venue, account, symbol")


async def quotes(connection: Connection, symbol: str = "") -> list[Quote]:
    return await _select(connection, Quote, "last_quotes", symbol, order="venue, symbol")


async def tripped(connection: Connection, symbol: str = "") -> list[Risk]:
    """Risk rules that hold something back now."""
    return await _select(connection, Risk, "risk", symbol, where="state = 'TRIPPED'", order="venue, symbol, rule")


async def balances(connection: Connection) -> list[Balance]:
    return await _select(connection, Balance, "balances", order="venue, account, asset")


async def agents(connection: Connection) -> list[AgentProgress]:
    return await _select(connection, AgentProgress, "agent_progress", order="agent, venue, symbol, account")


async def counts(connection: Connection) -> Counts:
    statement = (
        "SELECT (SELECT count(*) FROM projections.orders) AS orders, "
        "(SELECT count(*) FROM projections.orders WHERE live) AS orders_live, "
        "(SELECT count(*) FROM projections.orders WHERE status = 'UNKNOWN') AS orders_unknown, "
        "(SELECT count(*) FROM projections.fills) AS fills, (SELECT count(*) FROM projections.intents) AS intents, "
        "(SELECT count(*) FROM projections.slot_steps) AS slot_steps, "
        "(SELECT count(*) FROM projections.poison) AS poison_records"
    )
    found = await _typed(connection, Counts, statement, {})
    return found[0] if found else Counts()


async def lag(connection: Connection) -> Lag:
    statement = (
        "SELECT topic, sum(log_end - next_offset)::bigint, (extract(epoch FROM max(updated_at)) * 1000)::bigint "
        "FROM projections.offsets GROUP BY topic ORDER BY topic"
    )
    rows = await _raw(connection, statement)
    by_topic = {row[0]: row[1] for row in rows}
    return Lag(sum(by_topic.values()), by_topic, max((row[2] for row in rows), default=0))


async def _orders(connection: Connection, where: str, order: str, symbol: str, limit: int) -> list[Order]:
    return await _select(connection, Order, "orders", symbol, where=where, order=order, limit=limit)


async def _select(
    connection: Connection,
    row: type[RowT],
    table: str,
    symbol: str = "",
    *,
    where: str = "true",
    order: str,
    limit: int | None = None,
) -> list[RowT]:
    columns = ", ".join(row.__dataclass_fields__)  # type: ignore[attr-defined]
    condition = f"{where} AND symbol = %(symbol)s" if symbol else where
    statement = f"SELECT {columns} FROM {LIVE_SCHEMA}.{table} WHERE {condition} ORDER BY {order} LIMIT %(limit)s"  # noqa: S608 - only our own words
    return await _typed(connection, row, statement, {"symbol": symbol, "limit": limit})


async def _typed(connection: Connection, row: type[RowT], statement: str, values: dict[str, Any]) -> list[RowT]:
    if not await exists(connection):
        return []
    async with connection.cursor(row_factory=class_row(row)) as cursor:
        await cursor.execute(statement.encode(), values)
        return await cursor.fetchall()


async def _raw(connection: Connection, statement: str) -> Sequence[TupleRow]:
    if not await exists(connection):
        return []
    cursor = await connection.execute(statement.encode())
    return await cursor.fetchall()
