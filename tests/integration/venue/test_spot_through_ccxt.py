"""The spot dialect through real ccxt, pointed at the venue by URL settings alone (VEN-1)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import ccxt
import pytest

from tests.integration.venue.paper_venue import settings_for
from tests.integration.venue.real_ccxt import ccxt_client
from venue.main import running

SYMBOL = "BTC/USDT"
RICH = {"USDT": Decimal(100_000), "BTC": Decimal(2)}


@pytest.fixture
def quoted(tmp_path: Path) -> Path:
    """A tape whose first quote stands, for nobody subscribes: 43000.00 x 1 / 43001.00 x 1."""
    tape = tmp_path / "btc-usdt-quotes.csv"
    tape.write_text("time_ms,bid,bid_size,ask,ask_size\n1000,43000,1,43001,1\n2000,43000,1,43001,1\n")
    return tape


@pytest.fixture
async def client(tmp_path: Path, quoted: Path) -> AsyncIterator[Any]:
    """ccxt's binance on a venue that lists BTCUSDT as perpetual and as spot, from one tape."""
    settings = settings_for(
        tmp_path / "venue", spot_symbols=["BTCUSDT"], tapes=[quoted], spot_balances=RICH, misbehaves=True
    )
    async with running(settings) as port, ccxt_client(port, kind="binance", fetchCurrencies=True) as one:
        await one.load_markets()
        yield one


async def held(client: Any, asset: str) -> tuple[str, str]:
    """(free, locked) as the venue writes them."""
    account = await client.privateGetAccount()
    balance = next(one for one in account["balances"] if one["asset"] == asset)
    return balance["free"], balance["locked"]


async def test_markets_of_both_products_load_with_their_own_grids(client: Any) -> None:
    """SYM-1: one symbol, two listings."""
    spot, perpetual = client.market(SYMBOL), client.market("BTC/USDT:USDT")
    assert (spot["precision"]["amount"], spot["precision"]["price"]) == (0.00001, 0.01)
    assert (spot["limits"]["cost"]["min"], spot["margin"], spot["marginModes"]["cross"]) == (5, True, True)
    assert perpetual["precision"]["amount"] == 0.001
    assert {"BTC", "USDT"} <= set(client.currencies)


async def test_a_post_only_order_rests_is_found_by_its_client_id_and_is_cancelled(client: Any) -> None:
    """ORD-1, ORD-9: LIMIT_MAKER; a cancel's answer carries the order's own id as the original one."""
    placed = await client.create_order(SYMBOL, "limit", "buy", 0.5, 42000, {"clientOrderId": "TLs1", "postOnly": True})
    assert (placed["status"], placed["clientOrderId"], placed["postOnly"]) == ("open", "TLs1", True)
    assert await held(client, "USDT") == ("79000.00000000", "21000.00000000")
    found = await client.fetch_order(None, SYMBOL, {"clientOrderId": "TLs1"})
    assert (found["id"], found["remaining"]) == (placed["id"], 0.5)
    assert [one["id"] for one in await client.fetch_open_orders(SYMBOL)] == [placed["id"]]

    cancelled = await client.cancel_order(None, SYMBOL, {"clientOrderId": "TLs1"})
    assert (cancelled["status"], cancelled["info"]["origClientOrderId"]) == ("canceled", "TLs1")
    assert await held(client, "USDT") == ("100000.00000000", "0.00000000")
    assert (await client.fetch_order(placed["id"], SYMBOL))["status"] == "canceled"


async def test_refusals_are_ccxts_errors_for_binances_words(client: Any) -> None:
    """ERR-1: post-only reject, duplicate id, no funds, filters, unknown order."""
    await client.create_order(SYMBOL, "limit", "buy", 0.1, 42000, {"clientOrderId": "TLd"})
    with pytest.raises(ccxt.OrderImmediatelyFillable):
        await client.create_order(SYMBOL, "limit", "buy", 0.1, 43001, {"postOnly": True})
    with pytest.raises(ccxt.InvalidOrder, match=r"-2010.*Duplicate order sent\."):
        await client.create_order(SYMBOL, "limit", "buy", 0.1, 42000, {"clientOrderId": "TLd"})
    with pytest.raises(ccxt.InsufficientFunds, match="Account has insufficient balance for requested action"):
        await client.create_order(SYMBOL, "limit", "buy", 50, 42000)
    with pytest.raises(ccxt.BadRequest, match=r"-1013.*Filter failure: NOTIONAL"):
        await client.create_order(SYMBOL, "limit", "buy", 0.0001, 42000)
    with pytest.raises(ccxt.OrderNotFound, match="-2013"):
        await client.fetch_order(None, SYMBOL, {"clientOrderId": "never"})
    with pytest.raises(ccxt.OrderNotFound, match="-2011"):
        await client.cancel_order("999", SYMBOL)
    with pytest.raises(ccxt.BadSymbol, match="-1121"):
        await client.privateGetOpenOrders({"symbol": "spot/BTCUSDT"})
    body = {"symbol": "BTCUSDT", "side": "SELL", "type": "LIMIT_MAKER", "quantity": "0.1", "price": "44000"}
    with pytest.raises(ccxt.ExchangeError, match=r"-1106.*reduceOnly"):
        await client.privatePostOrder({**body, "reduceOnly": "true"})
    with pytest.raises(ccxt.ExchangeError, match=r"-1111.*'price' has too much precision"):
        await client.privatePostOrder({**body, "price": "44000.000000001"})


async def test_an_id_may_be_used_again_once_its_order_is_filled(client: Any) -> None:
    """WF-1: unique among open orders only; a query then finds the newest."""
    first = await client.create_order(SYMBOL, "market", "buy", 0.01, None, {"clientOrderId": "TLr"})
    second = await client.create_order(SYMBOL, "market", "buy", 0.02, None, {"clientOrderId": "TLr"})
    assert first["id"] != second["id"]
    assert (await client.fetch_order(None, SYMBOL, {"clientOrderId": "TLr"}))["id"] == second["id"]


async def test_market_orders_trade_and_balances_are_exact(client: Any) -> None:
    """VEN-1: order, trades and balances agree to the last digit, fees in what is received."""
    bought = await client.create_order(SYMBOL, "market", "buy", 0.01234)
    assert (bought["status"], bought["filled"], bought["fee"]) == (
        "closed",
        0.01234,
        {"currency": "BTC", "cost": 1.234e-05},
    )
    assert await held(client, "USDT") == ("99469.36766000", "0.00000000")
    assert await held(client, "BTC") == ("2.01232766", "0.00000000")
    sold = await client.create_order(SYMBOL, "market", "sell", 0.01234)
    assert await held(client, "USDT") == ("99999.45704000", "0.00000000")
    trades = await client.fetch_my_trades(SYMBOL)
    assert [one["order"] for one in trades] == [bought["id"], sold["id"]]
    assert [one["info"]["commissionAsset"] for one in trades] == ["BTC", "USDT"]
    assert [one["takerOrMaker"] for one in trades] == ["taker", "taker"]


async def test_a_market_order_by_worth_buys_whole_lots_only(client: Any) -> None:
    """ORD-7: quoteOrderQty never spends more than it says."""
    bought = await client.create_order(SYMBOL, "market", "buy", None, None, {"cost": 1000})
    assert bought["filled"] == 0.02325
    assert await held(client, "USDT") == ("99000.22675000", "0.00000000")


async def test_a_partial_fill_is_seen_everywhere(client: Any) -> None:
    """ORD-4: somebody takes 0.2 of a resting 0.5; then the rest is cancelled with all others."""
    placed = await client.create_order(SYMBOL, "limit", "sell", 0.5, 44000, {"clientOrderId": "TLp"})
    await client.create_order(SYMBOL, "limit", "sell", 0.1, 45000)
    effect = {"what": "fill", "client_order_id": "TLp", "lots": 20_000}
    address = client.urls["api"]["private"].removesuffix("/api/v3") + "/paper/v1/happenings"
    await client.fetch(address, "POST", {}, client.json({"effects": [effect]}))
    found = await client.fetch_order(placed["id"], SYMBOL)
    assert (found["status"], found["filled"], found["info"]["status"]) == ("open", 0.2, "PARTIALLY_FILLED")
    assert await held(client, "BTC") == ("1.40000000", "0.40000000")
    assert await held(client, "USDT") == ("108791.20000000", "0.00000000")
    cancelled = await client.cancel_all_orders(SYMBOL)
    assert [one["status"] for one in cancelled] == ["canceled", "canceled"]
    assert await held(client, "BTC") == ("1.80000000", "0.00000000")
    with pytest.raises(ccxt.OrderNotFound, match="-2011"):
        await client.cancel_all_orders(SYMBOL)
    assert [one["status"] for one in await client.fetch_orders(SYMBOL)] == ["canceled", "canceled"]


async def test_immediate_or_cancel_and_fill_or_kill(client: Any) -> None:
    """ORD-9: one coin is displayed at 43001."""
    taken = await client.create_order(SYMBOL, "limit", "buy", 1.5, 43001, {"timeInForce": "IOC"})
    assert (taken["status"], taken["filled"]) == ("expired", 1)
    killed = await client.create_order(SYMBOL, "limit", "buy", 0.5, 43001, {"timeInForce": "FOK"})
    assert (killed["status"], killed["filled"]) == ("expired", 0)


async def test_spot_and_perpetual_of_one_symbol_are_apart(client: Any) -> None:
    """VEN-1: own order lists, own wallets, one sequence of ids; transfers move between the wallets."""
    perpetual = "BTC/USDT:USDT"
    await client.create_order(SYMBOL, "limit", "buy", 0.1, 42000, {"clientOrderId": "same"})
    await client.create_order(perpetual, "limit", "buy", 0.1, 42000, {"clientOrderId": "same"})
    assert [one["symbol"] for one in await client.fetch_open_orders(SYMBOL)] == [SYMBOL]
    assert [one["symbol"] for one in await client.fetch_open_orders(perpetual)] == [perpetual]
    await client.transfer("USDT", 1000, "spot", "swap")
    assert await held(client, "USDT") == ("94800.00000000", "4200.00000000")
    assert (await client.fapiPrivateV2GetBalance())[0]["balance"] == "11000.00000000"
    with pytest.raises(ccxt.ExchangeError, match=r"-5013.*insufficient balance"):
        await client.transfer("USDT", 10_900, "swap", "spot")
    with pytest.raises(ccxt.ExchangeError, match=r"-5013.*insufficient balance"):
        await client.transfer("BTC", 3, "spot", "margin")


async def test_market_data_of_both_products_comes_from_one_tape(client: Any) -> None:
    """VEN-1: the same quote, each on its own grid."""
    spot, perpetual = await client.fetch_ticker(SYMBOL), await client.fetch_bids_asks(["BTC/USDT:USDT"])
    assert (spot["bid"], spot["ask"]) == (43000, 43001)
    assert perpetual["BTC/USDT:USDT"]["ask"] == 43001
    depth = await client.fetch_order_book(SYMBOL, 2)
    assert depth["asks"] == [[43001, 1], [43005.3, 1.16276]]


async def test_the_account_says_its_rates_and_what_its_key_may_do(client: Any, tmp_path: Path) -> None:
    """GRPC-4: a key that can withdraw is told apart."""
    fee = await client.fetch_trading_fee(SYMBOL)
    assert (fee["maker"], fee["taker"]) == (0.001, 0.001)
    assert (await client.privateGetAccountCommission({"symbol": "BTCUSDT"}))["standardCommission"][
        "taker"
    ] == "0.00100000"
    assert len(await client.privateGetRateLimitOrder()) == 2
    assert (await client.sapiGetAccountApiRestrictions())["enableWithdrawals"] is False
    async with (
        running(settings_for(tmp_path / "other", key_may_withdraw=True)) as port,
        ccxt_client(port, kind="binance") as other,
    ):
        assert (await other.sapiGetAccountApiRestrictions())["enableWithdrawals"] is True
