"""The venue through real ccxt, pointed at it by URL settings alone: what the connector will do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import ccxt
import pytest

from tests.integration.venue.paper_venue import settings_for
from tests.integration.venue.real_ccxt import ccxt_client
from venue.main import running

SYMBOL = "BTC/USDT:USDT"


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Any]:
    """ccxt on a synthetic venue whose tape plays from the start."""
    async with running(settings_for(tmp_path / "venue", wait_for_subscriber=False)) as port, ccxt_client(port) as one:
        await one.load_markets()
        yield one


async def best(client: Any) -> tuple[float, float]:
    ticker = (await client.watch_bids_asks([SYMBOL]))[SYMBOL]
    return ticker["bid"], ticker["ask"]


def rounded(price: float) -> float:
    return round(price, 2)


async def test_markets_carry_tick_lot_and_limits(client: Any) -> None:
    """SYM-1: read from exchangeInfo as from the real venue."""
    market = client.market(SYMBOL)

    assert (market["precision"]["amount"], market["precision"]["price"]) == (0.001, 0.01)
    assert market["limits"]["cost"]["min"] == 5
    assert (market["base"], market["quote"], market["settle"], market["contractSize"]) == ("BTC", "USDT", "USDT", 1)


async def test_an_order_rests_is_found_by_both_ids_and_is_cancelled(client: Any) -> None:
    """ORD-1: place, query, cancel; the client id goes through unchanged (WF-1)."""
    bid, _ = await best(client)
    placed = await client.create_order(
        SYMBOL, "limit", "buy", 0.01, rounded(bid * 0.95), {"clientOrderId": "TL0abc", "postOnly": True}
    )
    by_client_id = await client.fetch_order(None, SYMBOL, {"origClientOrderId": "TL0abc"})
    cancelled = await client.cancel_order(placed["id"], SYMBOL)

    assert (placed["status"], placed["clientOrderId"], placed["postOnly"]) == ("open", "TL0abc", True)
    assert by_client_id["id"] == placed["id"]
    assert (cancelled["status"], cancelled["filled"]) == ("canceled", 0)
    assert (await client.fetch_order(placed["id"], SYMBOL))["status"] == "canceled"
    assert await client.fetch_open_orders(SYMBOL) == []


async def test_a_market_order_fills_and_shows_everywhere(client: Any) -> None:
    """ORD-1: order, trades, position, balance and income agree."""
    await best(client)
    placed = await client.create_order(SYMBOL, "market", "buy", 0.01, None, {"clientOrderId": "TL0m"})
    order = await client.fetch_order(placed["id"], SYMBOL)
    trades = await client.fetch_my_trades(SYMBOL)
    position = (await client.fetch_positions([SYMBOL]))[0]
    balance = (await client.fetch_balance())["USDT"]
    account = await client.fapiPrivateV2GetBalance()

    assert (order["status"], order["filled"]) == ("closed", 0.01)
    assert sum(trade["amount"] for trade in trades) == pytest.approx(0.01)
    assert {trade["takerOrMaker"] for trade in trades} == {"taker"}
    assert (position["side"], position["contracts"]) == ("long", 0.01)
    fees = sum(Decimal(trade["info"]["commission"]) for trade in trades)
    assert Decimal(account[0]["balance"]) == Decimal(10_000) - fees
    assert balance["total"] == pytest.approx(float(Decimal(10_000) - fees), abs=5)
    income = await client.fapiPrivateGetIncome({"incomeType": "COMMISSION"})
    assert sum(Decimal(one["income"]) for one in income) == -fees


async def test_batches_answer_item_by_item(client: Any) -> None:
    """ORD-2: one bad item leaves the others accepted, and each says what became of it."""
    bid, _ = await best(client)
    price = rounded(bid * 0.95)
    orders = [
        {
            "symbol": SYMBOL,
            "type": "limit",
            "side": "buy",
            "amount": amount,
            "price": price,
            "params": {"clientOrderId": name},
        }
        for name, amount in (("TL0a", 0.01), ("TL0b", 0.01), ("TL0c", 2_000))
    ]
    placed = await client.create_orders(orders)
    again = await client.create_orders(orders[:1])
    # ccxt sorts a batch's answers by time, which puts those refused (they have none) first.
    assert placed[0]["info"]["code"] == -4005
    assert [(one["clientOrderId"], one["status"]) for one in placed[1:]] == [("TL0a", "open"), ("TL0b", "open")]
    assert again[0]["info"]["code"] == -4116
    names = {"clientOrderIds": ["TL0a", "TL0zz", "TL0b"]}
    cancelled = await client.cancel_orders(None, SYMBOL, names)
    assert {one["clientOrderId"] for one in cancelled if one["status"] == "canceled"} == {"TL0a", "TL0b"}
    by_id = (await client.create_orders(orders[:1]))[0]["id"]
    assert [one["status"] for one in await client.cancel_orders([by_id], SYMBOL)] == ["canceled"]


async def test_cancel_all_is_one_call(client: Any) -> None:
    """ORD-1: the venue's native cancel-all of a symbol."""
    bid, _ = await best(client)
    for number in range(3):
        await client.create_order(SYMBOL, "limit", "buy", 0.01, rounded(bid * 0.95) - number)
    assert len(await client.fetch_open_orders(SYMBOL)) == 3
    await client.cancel_all_orders(SYMBOL)
    assert await client.fetch_open_orders(SYMBOL) == []
    assert {one["status"] for one in await client.fetch_orders(SYMBOL)} == {"canceled"}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"price": 1.2}, -4016),
        ({"price": 1.01, "params": {"postOnly": True}}, -5022),
        ({"amount": 0.001, "price": 0.05}, -4164),
        ({"amount": 900, "price": 0.9}, -2019),
        ({"price": 0.9, "params": {"reduceOnly": True}}, -2022),
    ],
)
async def test_refusals_carry_binances_codes_and_place_nothing(client: Any, change: dict[str, Any], code: int) -> None:
    """ERR-1, ORD-9: the code is in the error's text."""
    bid, _ = await best(client)
    price = rounded(bid * change.get("price", 1))
    params = {"clientOrderId": "TL0r", **change.get("params", {})}
    with pytest.raises(ccxt.BaseError, match=str(code)):
        await client.create_order(SYMBOL, "limit", "buy", change.get("amount", 0.01), price, params)
    with pytest.raises(ccxt.OrderNotFound, match="-2013"):
        await client.fetch_order(None, SYMBOL, {"origClientOrderId": "TL0r"})


async def test_unknown_orders_are_not_found(client: Any) -> None:
    """WF-3: a look-up by client id is certain: -2013; a cancel of nothing is -2011."""
    with pytest.raises(ccxt.OrderNotFound, match="-2013"):
        await client.fetch_order(None, SYMBOL, {"origClientOrderId": "TL0nobody"})
    with pytest.raises(ccxt.OrderNotFound, match="-2011"):
        await client.cancel_order(None, SYMBOL, {"origClientOrderId": "TL0nobody"})


async def test_market_streams_carry_growing_update_ids(client: Any) -> None:
    """STREAM-1: quotes, trades, candles and mark prices, quotes and trades numbered together."""
    seen: list[int] = []

    async def quotes() -> None:
        seen.extend([(await client.watch_bids_asks([SYMBOL]))[SYMBOL]["info"]["u"] for _ in range(5)])

    async def trades() -> None:
        for _ in range(5):
            seen.extend(one["info"]["u"] for one in (await client.watch_trades(SYMBOL))[-1:])

    await asyncio.gather(quotes(), trades())
    candles = await client.watch_ohlcv(SYMBOL, "1m")
    marks = await client.watch_mark_prices([SYMBOL])

    assert len(seen) == len(set(seen)) == 10, "no number is used twice"
    assert len(candles[-1]) == 6
    assert marks[SYMBOL]["markPrice"] > 0


async def test_user_streams_tell_order_trade_position_and_balance(client: Any) -> None:
    """ORD-4: one order's whole life, as messages."""
    await best(client)
    watched = (client.watch_orders(), client.watch_my_trades(), client.watch_balance(), client.watch_positions())
    waiting = [asyncio.create_task(one) for one in watched]
    while not (private := [one for url, one in client.clients.items() if "listenKey" in url]):
        await asyncio.sleep(0)
    await asyncio.wait_for(private[0].connected, 10)
    placed = await client.create_order(SYMBOL, "market", "sell", 0.02, None, {"clientOrderId": "TL0u"})
    orders, trades, balance, positions = await asyncio.wait_for(asyncio.gather(*waiting), 10)

    assert orders[-1]["clientOrderId"] == "TL0u"
    assert trades[-1]["order"] == placed["id"]
    assert trades[-1]["fee"]["currency"] == "USDT"
    assert balance["USDT"]["total"] < 10_000
    assert (positions[-1]["side"], positions[-1]["contracts"]) == ("short", 0.02)


async def test_funding_and_candle_history_are_there_from_the_start(client: Any) -> None:
    """FUND-1, LIVE-3: epoch ms, an upcoming settlement, three hours of candles."""
    funding = await client.fetch_funding_rate(SYMBOL)
    candles = await client.fetch_ohlcv(SYMBOL, "1m", limit=100)

    assert funding["fundingTimestamp"] % (8 * 3_600_000) == 0
    assert abs(funding["fundingRate"]) < 0.01
    assert len(candles) == 100
    assert [one[0] for one in candles] == list(range(candles[0][0], candles[0][0] + 100 * 60_000, 60_000))


async def test_a_wrong_key_or_secret_is_an_authentication_error(tmp_path: Path) -> None:
    """GRPC-4: told apart from everything else."""
    async with running(settings_for(tmp_path / "venue")) as port:
        for wrong in ({"api_key": "no"}, {"api_secret": "no"}):
            async with ccxt_client(port, **wrong) as client:
                with pytest.raises(ccxt.AuthenticationError):
                    await client.fetch_balance()


async def test_a_clock_too_far_off_is_refused(client: Any) -> None:
    """WF-3: -1021 is certain: nothing was placed."""
    client.nonce = lambda: client.milliseconds() - 60_000
    with pytest.raises(ccxt.InvalidNonce, match="-1021"):
        await client.fetch_balance()
