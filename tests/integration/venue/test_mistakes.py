"""A user's mistakes: one clear message each, and nothing half done."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.integration.venue.paper_venue import settings_for
from venue.engine import Engine, EngineSettings
from venue.errors import LedgerError, VenueError
from venue.instruments import LISTED
from venue.ledger import Checkpoint, Ledger
from venue.ledger_reader import LedgerReader
from venue.main import running
from venue.orders import OrderType, PlaceOrder, Side

HEADER = "time_ms,bid,bid_size,ask,ask_size\n"


async def failure(data_dir: Path, **settings: Any) -> str:
    with pytest.raises(VenueError) as failed:
        async with running(settings_for(data_dir, **settings)):
            pass
    return str(failed.value)


async def test_wrong_input_is_named(tmp_path: Path) -> None:
    """SYM-1: unknown symbol, missing tape, malformed row, tape of another symbol, only funding, bad file."""
    broken, fine = tmp_path / "btc-usdt.csv", tmp_path / "xrp-usdt.csv"
    broken.write_text(HEADER + "1,2,1,3,1\n2,2,1,x,1\n")
    fine.write_text(HEADER + "1,1.02,1,1.03,1\n")
    funding = tmp_path / "btc-usdt-funding.csv"
    funding.write_text("funding_time_ms,rate\n1,0.1\n")
    data = tmp_path / "venue"

    assert "does not list 'NOPEUSDT'; it lists" in await failure(data, symbols=["NOPEUSDT"])
    assert "there is no tape" in await failure(data, tapes=[tmp_path / "gone.csv"])
    assert re.search(r"btc-usdt\.csv, line 3: malformed", await failure(data, tapes=[broken]))
    assert "no tape for ETHUSDT" in await failure(data, tapes=[fine], symbols=["ETHUSDT"])
    assert "holds only funding rates" in await failure(data, tapes=[funding])
    assert "cannot read the exchange information" in await failure(data, exchange_info=tmp_path / "no.json")


async def test_a_taken_port_and_a_second_venue_are_named(tmp_path: Path) -> None:
    """OPS: which port, which folder, what to do."""
    async with running(settings_for(tmp_path / "one")) as port:
        assert f"port {port} on 127.0.0.1 is taken" in await failure(tmp_path / "two", port=port)
        assert "another venue runs on" in await failure(tmp_path / "one")


async def test_other_settings_over_the_same_ledger_ask_for_fresh(tmp_path: Path) -> None:
    """ES-3: one ledger tells one story; more symbols are just added."""
    async with running(settings_for(tmp_path / "venue")):
        pass
    tape = tmp_path / "btc-usdt.csv"
    tape.write_text(HEADER + "1,2,1,3,1\n")

    for change in ({"seed": 2}, {"tapes": [tape]}, {"initial_balance": Decimal(5)}, {"symbols": ["ETHUSDT"]}):
        assert "--fresh" in await failure(tmp_path / "venue", **change)
    async with running(settings_for(tmp_path / "venue", symbols=["BTCUSDT", "ETHUSDT"])):
        pass


def test_a_full_disk_is_named_and_what_was_committed_stays(tmp_path: Path) -> None:
    """ORD-6: SQLite's own limit stands for the disk's; the order that did not fit is not there, the others are."""
    ledger = Ledger(tmp_path, LISTED)
    engine = Engine([LISTED["BTCUSDT"]], EngineSettings(initial_balance=Decimal(10**9)))
    checkpoint = Checkpoint({}, {}, 1, 1, 1, 0)
    ledger.commit(checkpoint)
    pages = ledger._connection.execute("PRAGMA page_count").fetchone()[0]
    ledger._connection.execute(f"PRAGMA max_page_count = {pages + 2}")
    kept = []

    def trade_until_full() -> None:
        for number in range(10_000):
            command = PlaceOrder("BTCUSDT", Side.BUY, OrderType.LIMIT, 10, 4_000_000, client_order_id=f"full{number}")
            ledger.record(engine.place(command, 0))
            ledger.record(engine.cancel(number + 1, 0))
            ledger.commit(checkpoint)
            kept.append(command.client_order_id)

    with pytest.raises(LedgerError, match=r"venue\.sqlite3.*full; free some disk space"):
        trade_until_full()
    ledger.close()

    assert kept
    assert [order.client_order_id for order in LedgerReader(tmp_path).orders()] == kept


async def test_a_venue_not_started_to_misbehave_takes_no_script(tmp_path: Path) -> None:
    """GRPC-4: the endpoint is not there."""
    async with running(settings_for(tmp_path / "venue")) as port, aiohttp.ClientSession() as session:
        for method, path in (("PUT", "misbehaviour"), ("POST", "happenings")):
            async with session.request(method, f"http://127.0.0.1:{port}/paper/v1/{path}", data="{}") as answer:
                assert answer.status == 404
    async with (
        running(settings_for(tmp_path / "other", misbehaves=True)) as port,
        aiohttp.ClientSession() as session,
        session.put(
            f"http://127.0.0.1:{port}/paper/v1/misbehaviour", data='{"requests": [{"on": "nothing"}]}'
        ) as answer,
    ):
        assert answer.status == 400
        assert "Input should be" in (await answer.json())["msg"]
