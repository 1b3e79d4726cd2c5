"""The venue's websockets drop while orders fill: what the streams would have said must be known soon after.

Equal to the venue means: each execution the venue booked and each order it ended until the streams could connect again
is in the gateway's ledger, which follows the log. Time counts from that moment, and a reconnect waits three seconds
after a loss (STREAM-1), so a drop is felt for longer than it lasts.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from psycopg import AsyncConnection

from reliability.chaos.findings import percentile_s
from reliability.chaos.pipeline import wait_for
from reliability.chaos.proxy import HEALTHY, Faults, Kind
from reliability.chaos.trial import Trial, carried_out, database
from reliability.result import Result, TrialError
from venue.ledger_schema import FILE_NAME

NAME: Final = "websocket-drops"
EQUAL_WITHIN_S: Final = 5.0
_PATIENCE_S: Final = 45.0
_FILLS_BETWEEN: Final = 3
_STREAMS: Final = (Kind.USER, Kind.MARKET)


@dataclass(frozen=True, slots=True)
class Drop:
    """Seconds from the end of the drop; `missed`: executions the venue booked until both streams were back."""

    equal_s: float
    quotes_s: float
    missed: int


def run(drops: int) -> Result:
    async def act(trial: Trial) -> None:
        told: list[Drop] = []
        for at in trial.turns(range(drops)):
            await trial.run.trading(_FILLS_BETWEEN)
            told.append(await drop(trial, trial.chance.choice([0.0, 0.5, 1.0, 2.0])))
            trial.progress(f"{at + 1}/{drops} equal after {told[-1].equal_s:.1f} s, {told[-1].missed} fills missed")
        note(trial, told)

    return carried_out(NAME, "Websockets dropped with updates missed", drops, act)


def note(trial: Trial, told: list[Drop]) -> None:
    equal = [one.equal_s for one in told]
    trial.found.measures |= {
        "executions the streams missed": sum(one.missed for one in told),
        "drops with executions missed": sum(one.missed > 0 for one in told),
        "seconds until equal to the venue, p50": percentile_s(equal, 0.5),
        "the same, p95": percentile_s(equal, 0.95),
        "the same, longest": max(equal, default=0.0),
        f"drops that took longer than {EQUAL_WITHIN_S:g} s": sum(value > EQUAL_WITHIN_S for value in equal),
        "seconds until quotes came again, p95": percentile_s([one.quotes_s for one in told], 0.95),
    }
    trial.found.notes.append(
        "quotes are not pulled while the market stream is away: no rule asks for it yet, so for how long they stood is "
        "the time until quotes came again, plus the drop"
    )


async def drop(trial: Trial, away_s: float) -> Drop:
    """Cuts both streams for so long. What is not equal in time for good is a violation."""
    await _streams_are_up(trial)
    venue = trial.home / "venue" / FILE_NAME
    before = _newest_trade(venue)
    trial.proxy.apply(Faults(refused=True), *_STREAMS)
    trial.proxy.drop(*_STREAMS)
    await asyncio.sleep(away_s)
    trades, ended = _trades_after(venue, before), _ended_orders(venue)
    trial.proxy.apply(HEALTHY, *_STREAMS)
    healed = time.monotonic()
    trial.found.faults += 1
    quotes = asyncio.create_task(_streams_are_up(trial))
    try:
        await _known(trial, trades, ended)
    except TrialError as error:
        trial.violation(str(error))
    equal_s = round(time.monotonic() - healed, 2)
    up_again, newest = await quotes
    return Drop(equal_s, round(up_again - healed, 2), newest - before)


async def _streams_are_up(trial: Trial) -> tuple[float, int]:
    """Returns when both are connected: the monotonic second, and the newest trade then."""

    async def up() -> bool:
        trial.run.must_live()
        return all(trial.proxy.open_count(kind) for kind in _STREAMS)

    await wait_for("the streams to be connected", up)
    return time.monotonic(), _newest_trade(trial.home / "venue" / FILE_NAME)


async def _known(trial: Trial, trades: list[str], ended: list[str]) -> None:
    async with database(trial.home) as ledger:

        async def equal() -> bool:
            booked = await _count(ledger, "SELECT count(*) FROM ledger.fills WHERE trade_id = ANY(%s)", trades)
            live = await _count(
                ledger,
                "SELECT count(*) FROM ledger.orders WHERE client_order_id = ANY(%s) "
                "AND state NOT IN ('filled', 'canceled', 'rejected', 'expired', 'denied')",
                ended,
            )
            return booked == len(trades) and live == 0

        await wait_for(f"{len(trades)} executions and all ended orders to be known after a drop", equal, _PATIENCE_S)


async def _count(ledger: AsyncConnection, query: str, names: list[str]) -> int:
    row = await (await ledger.execute(query.encode(), (names,))).fetchone()
    return int(row[0]) if row else 0


def _newest_trade(venue: Path) -> int:
    return int(_rows(venue, "SELECT coalesce(max(trade_id), 0) FROM trades")[0][0])


def _trades_after(venue: Path, trade_id: int) -> list[str]:
    return [str(row[0]) for row in _rows(venue, "SELECT trade_id FROM trades WHERE trade_id > ?", trade_id)]


def _ended_orders(venue: Path) -> list[str]:
    newest_first = (
        "SELECT client_order_id FROM orders WHERE status NOT IN ('NEW', 'PARTIALLY_FILLED') "
        "ORDER BY order_id DESC LIMIT 1000"
    )
    return [str(row[0]) for row in _rows(venue, newest_first)]


def _rows(venue: Path, query: str, *values: int) -> list[Any]:
    with closing(sqlite3.connect(f"file:{venue}?mode=ro", uri=True, timeout=5)) as connection:
        return connection.execute(query, values).fetchall()
