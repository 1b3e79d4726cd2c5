"""Each venue's documented replies over real HTTP through ccxt's own parsers, and our requests as the venue sees them.

No answer is the venue's word that it is right: what was never run against a sandbox is not shown by this.
"""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal

import pytest
from pydantic import SecretStr

from connector.ccxt_adapter.unified.venue import UnifiedVenue
from connector.errors import (
    DuplicateOrderError,
    InsufficientFundsError,
    OrderNotFoundError,
    OutcomeUnknownError,
    RateLimitedError,
)
from connector.port import OrderRequest, VenueOrder
from connector.settings import VenueConnection
from tests.integration.connector.formats import binance, bitget, bybit, gate, okx
from tests.integration.connector.formats.batches import BATCHES, BatchFormat
from tests.integration.connector.formats.told import (
    AT_MS,
    ENTRY,
    EXECUTED,
    FEE,
    LIQUIDATION,
    MARK,
    NEXT_MS,
    OTHER,
    OURS,
    PRICE,
    QUANTITY,
    THEIR_ID,
    TRADE_ID,
    Format,
    Teller,
    telling,
)
from topics.scale import Scale
from topics.v1.common_pb2 import OrderType, Side, TimeInForce
from topics.v1.instruments_pb2 import Instrument
from topics.v1.orders_pb2 import OrderStatus

FORMATS = (*binance.FORMATS, *bybit.FORMATS, *okx.FORMATS, *bitget.FORMATS, *gate.FORMATS)
WORDS = SecretStr("a secret of the test's own")


def connection(told: Format, address: str) -> VenueConnection:
    return VenueConnection(
        exchange=told.exchange,
        product=told.product,
        rest_url=address,
        ws_url=address.replace("http", "ws"),
        api_key=SecretStr("the-key-of-the-test"),
        api_secret=WORDS,
        api_password=SecretStr("a passphrase"),
        symbols=(told.symbol,),
        timeout_s=5,
    )


class Told:
    """A started adapter, the venue it talks to, and the story in its terms."""

    def __init__(self, form: Format, port: UnifiedVenue, teller: Teller, instrument: Instrument) -> None:
        self.form = form
        self.port = port
        self.teller = teller
        self.instrument = instrument
        self.scale = Scale.of(instrument.grain)

    def lots(self, quantity: str) -> int:
        return self.scale.lots(quantity)

    @property
    def request(self) -> OrderRequest:
        return OrderRequest(
            symbol=self.form.symbol,
            client_order_id=OURS,
            side=Side.SIDE_BUY,
            type=OrderType.ORDER_TYPE_LIMIT,
            time_in_force=TimeInForce.TIME_IN_FORCE_POST_ONLY,
            price_ticks=self.scale.ticks(PRICE),
            quantity_lots=self.lots(QUANTITY),
        )


@pytest.fixture(params=FORMATS, ids=lambda form: form.title)
async def told(request: pytest.FixtureRequest) -> AsyncIterator[Told]:
    form: Format = request.param
    async with telling(form.answers) as (address, teller):
        port = UnifiedVenue(connection(form, address))
        try:
            (instrument,) = await port.start()
            yield Told(form, port, teller, instrument)
        finally:
            await port.close()
        nobody = [asked.path for asked in teller.asked if not any(it.path == asked.path for it in teller.answers)]
        assert nobody == []


async def test_the_instrument_has_the_venue_s_grid_in_base_units(told: Told) -> None:
    """SYM-1: tick and lot, minimum notional, assets, contract size."""
    found = told.instrument
    assert found.symbol == told.form.symbol
    assert Decimal(found.grain.tick_size) == Decimal("0.1")
    assert Decimal(found.grain.lot_size) == Decimal(told.form.lot_size)
    assert Decimal(found.contract_size) == Decimal(told.form.contract_size)
    assert (found.base_asset, found.quote_asset, found.margin_asset) == ("BTC", "USDT", "USDT")
    assert found.trading


async def test_an_order_goes_out_exactly_and_its_answer_is_read(told: Told) -> None:
    """WF-1, ORD-7: our id in the venue's parameter under its prefix, price and quantity as the very strings."""
    placed = await told.port.place(told.request)
    (asked,) = told.teller.of(told.form.place_path)
    for name, value in told.form.order.items():
        sent = asked.given.get(name)
        if value in (PRICE, QUANTITY):
            assert isinstance(sent, str)
            sent, value = Decimal(sent), Decimal(value)
        assert (name, sent) == (name, value)
    assert (placed.client_order_id, placed.venue_order_id) == (OURS, THEIR_ID)
    assert (placed.price_ticks, placed.quantity_lots) == (told.request.price_ticks, told.request.quantity_lots)
    assert placed.side == Side.SIDE_BUY
    assert placed.status == OrderStatus.ORDER_STATUS_ACCEPTED


async def test_an_order_is_found_by_our_id_and_read_alike_in_every_list(told: Told) -> None:
    """WF-3, ORD-6, VEN-1: look-up, open orders, history."""
    found = await told.port.find_order(told.form.symbol, client_order_id=OURS)
    path, given = told.form.found_by
    asked = told.teller.of(path)[-1]
    assert {name: str(asked.given.get(name)) for name in given} == {name: str(value) for name, value in given.items()}
    assert found is not None
    assert (found.client_order_id, found.venue_order_id) == (OURS, THEIR_ID)
    assert (found.price_ticks, found.quantity_lots) == (told.scale.ticks(PRICE), told.lots(QUANTITY))
    assert found.filled_lots == told.lots(EXECUTED)
    assert found.status == OrderStatus.ORDER_STATUS_PARTIALLY_FILLED
    assert found.time_in_force == TimeInForce.TIME_IN_FORCE_POST_ONLY
    assert found.type == OrderType.ORDER_TYPE_LIMIT
    assert AT_MS - 1000 <= found.time_ms <= AT_MS + 1000
    assert await told.port.open_orders(told.form.symbol) == [found]
    (past,) = await told.port.orders_since(told.form.symbol, AT_MS - 10_000)
    assert (past.venue_order_id, past.client_order_id, past.filled_lots) == (THEIR_ID, OURS, told.lots(EXECUTED))
    assert await told.port.find_order(told.form.symbol, venue_order_id=THEIR_ID) == found


async def test_an_execution_is_read_with_its_fee(told: Told) -> None:
    """ORD-4: trade id, order, price, quantity in lots, fee and its asset, maker."""
    (found,) = await told.port.fills(told.form.symbol)
    assert (found.fill.trade_id, found.venue_order_id) == (TRADE_ID, THEIR_ID)
    assert (found.fill.price_ticks, found.fill.quantity_lots) == (told.scale.ticks(PRICE), told.lots(EXECUTED))
    assert (Decimal(found.fill.fee), found.fill.fee_asset) == (Decimal(FEE), told.form.fee_asset)
    assert found.fill.maker
    assert AT_MS - 1000 <= found.fill.time_ms <= AT_MS
    assert found.client_order_id in ("", OURS)
    assert await told.port.fills(told.form.symbol, since_trade_id=TRADE_ID) == []


async def test_the_account_is_read(told: Told) -> None:
    """ORD-6, RISK-1: balances; on perpetuals the position with margin ratio and liquidation price, on spot none."""
    snapshot = await told.port.snapshot()
    (balance,) = snapshot.balances
    assert (balance.asset, Decimal(balance.wallet_balance)) == ("USDT", Decimal("1000.5"))
    assert Decimal(balance.available_balance) == Decimal(900)
    if told.form.product == "spot":
        assert list(snapshot.positions) == []
        return
    (position,) = snapshot.positions
    assert (position.symbol, position.quantity_lots) == (told.form.symbol, told.lots(EXECUTED))
    assert Decimal(position.entry_price) == Decimal(ENTRY)
    assert Decimal(position.liquidation_price) == Decimal(LIQUIDATION)
    assert Decimal(position.mark_price) == Decimal(MARK)
    assert position.grain == told.instrument.grain


async def test_funding_is_read_or_zero_on_spot(told: Told) -> None:
    """FUND-1: rate, next time, mark price; spot has rate 0, next 0; payments with their sign."""
    rate = await told.port.funding_rate(told.form.symbol)
    payments = await told.port.funding_payments(since_ms=AT_MS - 10_000)
    if told.form.product == "spot":
        assert (rate.rate, rate.next_funding_time_ms, payments) == ("0", 0, [])
        return
    assert Decimal(rate.rate) == Decimal("0.0001")
    assert abs(rate.next_funding_time_ms - NEXT_MS) < 1000
    assert Decimal(rate.mark_price) == Decimal(MARK)
    (payment,) = payments
    assert (payment.symbol, payment.asset, Decimal(payment.amount)) == (told.form.symbol, "USDT", Decimal("0.5"))


async def test_the_venue_s_refusals_keep_their_meaning(told: Told) -> None:
    """ERR-1, WF-3: duplicate id, insufficient funds, rate limit, not found, and what the venue does not know itself."""
    port, teller, refusals = told.port, told.teller, told.form.refusals
    for name, kind in (
        ("duplicate", DuplicateOrderError),
        ("insufficient", InsufficientFundsError),
        ("limited", RateLimitedError),
        ("uncertain", OutcomeUnknownError),
    ):
        teller.first(refusals[name])
        with pytest.raises(kind) as refused:
            await port.place(told.request)
        assert type(refused.value) is kind
        assert WORDS.get_secret_value() not in str(refused.value)
    teller.first(refusals["unheard"])
    with pytest.raises(OrderNotFoundError):
        await port.cancel(told.form.symbol, client_order_id=OURS)
    if "unfound" in refusals:
        teller.first(refusals["unfound"])
    assert await port.find_order(told.form.symbol, client_order_id=OTHER) is None


@pytest.fixture(params=BATCHES, ids=lambda batch: batch.form.title)
async def batch(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Told, BatchFormat]]:
    found: BatchFormat = request.param
    async with telling([found.placed, *found.form.answers]) as (address, teller):
        port = UnifiedVenue(connection(found.form, address))
        try:
            (instrument,) = await port.start()
            yield Told(found.form, port, teller, instrument), found
        finally:
            await port.close()


async def test_a_batch_is_one_request_and_each_item_has_its_own_answer(batch: tuple[Told, BatchFormat]) -> None:
    """ORD-2, ERR-1: half accepted, half refused, matched by our id; an error of the whole is each item's."""
    told, found = batch
    two = [told.request, replace(told.request, client_order_id=OTHER)]
    taken, refused = await told.port.place_batch(two)
    assert isinstance(taken, VenueOrder)
    assert (taken.client_order_id, taken.venue_order_id) == (OURS, THEIR_ID)
    assert type(refused) is InsufficientFundsError
    (asked,) = told.teller.of(found.placed.path)
    sent = json.dumps(asked.given)
    assert sent.count(OURS) == sent.count(OTHER) == 1
    told.teller.first(found.refused_whole)
    assert [type(it) for it in await told.port.place_batch(two)] == [RateLimitedError, RateLimitedError]


async def test_an_item_the_answer_leaves_out_is_open(batch: tuple[Told, BatchFormat]) -> None:
    """ORD-2, WF-3: it is looked up, never dropped."""
    told, _ = batch
    unheard = replace(told.request, client_order_id="tlANOTHER0000000000000000000")
    outcomes = await told.port.place_batch([told.request, unheard])
    assert isinstance(outcomes[0], VenueOrder)
    assert type(outcomes[1]) is OutcomeUnknownError


async def test_a_cancel_that_was_only_taken_is_looked_up(told: Told) -> None:
    """ORD-4: most venues say no more than that they took it; the order is then told as it is."""
    found = await told.port.cancel(told.form.symbol, client_order_id=OURS)
    ended, lives = OrderStatus.ORDER_STATUS_CANCELED, OrderStatus.ORDER_STATUS_PARTIALLY_FILLED
    assert (found.client_order_id, found.status) == (OURS, ended if told.form.cancelled else lives)
    assert found.filled_lots == told.lots(EXECUTED)
