"""Requests that differ by venue beyond an order's words: margin orders, and open orders in pages."""

from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import SecretStr

from connector.ccxt_adapter.unified.venue import UnifiedVenue
from connector.port import OrderRequest
from connector.settings import VenueConnection
from tests.integration.connector.formats import bitget, bybit, gate, okx
from tests.integration.connector.formats.told import OURS, PRICE, QUANTITY, Answer, Asked, Format, telling
from topics.scale import Scale
from topics.v1.common_pb2 import OrderType, Side, TimeInForce
from topics.v1.orders_pb2 import OrderStatus

(BYBIT, BYBIT_SPOT), (OKX, OKX_SPOT), (GATE, GATE_SPOT) = bybit.FORMATS, okx.FORMATS, gate.FORMATS
BITGET, _ = bitget.FORMATS


def connection(form: Format, address: str, **others: Any) -> VenueConnection:
    keys = {name: SecretStr("anything") for name in ("api_key", "api_secret", "api_password")}
    there = {"rest_url": address, "ws_url": address.replace("http", "ws"), "symbols": (form.symbol,)}
    what = {"exchange": form.exchange, "product": form.product}
    return VenueConnection.model_validate({**what, **keys, **there, **others})


@pytest.mark.parametrize(
    ("form", "marks"),
    [
        (BYBIT_SPOT, {"category": "spot", "isLeverage": 1}),
        (OKX_SPOT, {"tdMode": "cross", "ccy": "USDT"}),
        (GATE_SPOT, {"account": "cross_margin"}),
    ],
    ids=lambda it: it.title if isinstance(it, Format) else "",
)
async def test_a_margin_order_says_so_and_keeps_our_id(form: Format, marks: Mapping[str, Any]) -> None:
    """ARB-2: only with `use_margin`; the rest of the order is the same."""
    for use_margin in (False, True):
        async with telling([*MARGIN_ACCOUNTS, *form.answers]) as (address, teller):
            port = UnifiedVenue(connection(form, address, use_margin=use_margin))
            try:
                (instrument,) = await port.start()
                scale = Scale.of(instrument.grain)
                placed = await port.place(
                    OrderRequest(
                        symbol=form.symbol,
                        client_order_id=OURS,
                        side=Side.SIDE_BUY,
                        type=OrderType.ORDER_TYPE_LIMIT,
                        time_in_force=TimeInForce.TIME_IN_FORCE_POST_ONLY,
                        price_ticks=scale.ticks(PRICE),
                        quantity_lots=scale.lots(QUANTITY),
                    )
                )
            finally:
                await port.close()
            assert placed.client_order_id == OURS
            given = teller.of(form.place_path)[0].given
            assert ({name: given.get(name) for name in marks} == dict(marks)) == use_margin


MARGIN_ACCOUNTS = [
    Answer("GET", "/api/v4/margin/cross/accounts", {"user_id": 1, "balances": {"USDT": {
        "available": "900", "freeze": "100.5", "borrowed": "0", "interest": "0"}}}),
]  # fmt: skip


def bybit_page(asked: Asked) -> Any:
    if asked.given.get("cursor") == "next":
        return bybit.said({"category": "linear", "list": [_numbered(BYBIT_ORDER, 50)], "nextPageCursor": ""})
    orders = [_numbered(BYBIT_ORDER, number) for number in range(50)]
    return bybit.said({"category": "linear", "list": orders, "nextPageCursor": "next"})


def okx_page(asked: Asked) -> Any:
    if asked.given.get("after") == "0":
        return okx.said(_numbered(OKX_ORDER, 100, "ordId", "clOrdId"))
    return okx.said(*(_numbered(OKX_ORDER, number, "ordId", "clOrdId") for number in reversed(range(100))))


def bitget_page(asked: Asked) -> Any:
    if asked.given.get("idLessThan") == "0":
        return bitget.said({"entrustedList": [_numbered(BITGET_ORDER, 100, "orderId", "clientOid")], "endId": "100"})
    orders = [_numbered(BITGET_ORDER, number, "orderId", "clientOid") for number in reversed(range(100))]
    return bitget.said({"entrustedList": orders, "endId": "0"})


def gate_page(asked: Asked) -> Any:
    if asked.given.get("offset") == "100":
        return [_numbered(gate.future_order(), 100, "id", "text")]
    return [_numbered(gate.future_order(), number, "id", "text") for number in range(100)]


def _first_of(form: Format, path: str) -> Any:
    return next(answer.reply for answer in form.answers if answer.path == path and not answer.when)


BYBIT_ORDER = _first_of(BYBIT, "/v5/order/realtime")["result"]["list"][0]
OKX_ORDER = _first_of(OKX, "/api/v5/trade/orders-pending")["data"][0]
BITGET_ORDER = _first_of(BITGET, "/api/v2/mix/order/orders-pending")["data"]["entrustedList"][0]


def _numbered(order: Any, number: int, name: str = "orderId", ours: str = "orderLinkId") -> Any:
    """Younger ones have higher numbers; time goes with them where the format is in milliseconds."""
    mark = f"t-foreign{number}" if ours == "text" else f"foreign{number}"
    times = {it: str(int(order[it]) + number) for it in ("createdTime", "cTime") if it in order}
    return {**order, **times, name: str(number), ours: mark}


@pytest.mark.parametrize(
    ("form", "path", "page", "count"),
    [
        (BYBIT, "/v5/order/realtime", bybit_page, 51),
        (OKX, "/api/v5/trade/orders-pending", okx_page, 101),
        (BITGET, "/api/v2/mix/order/orders-pending", bitget_page, 101),
        (GATE, "/api/v4/futures/usdt/orders", gate_page, 101),
    ],
    ids=["bybit", "okx", "bitget", "gate"],
)
async def test_open_orders_are_read_to_the_last_page(form: Format, path: str, page: Any, count: int) -> None:
    """ORD-6: an order beyond the first page would be taken for one that is gone."""
    async with telling([Answer("GET", path, page), *form.answers]) as (address, teller):
        port = UnifiedVenue(connection(form, address))
        try:
            await port.start()
            found = await port.open_orders(form.symbol)
        finally:
            await port.close()
    assert sorted(int(order.venue_order_id) for order in found) == list(range(count))
    assert len(teller.of(path)) == 2


@pytest.mark.parametrize(
    ("form", "path", "ended"),
    [
        (BYBIT, "/v5/order/realtime", {"orderStatus": "Cancelled", "rejectReason": "EC_PostOnlyWillTakeLiquidity"}),
        (OKX, "/api/v5/trade/order", {"state": "canceled", "cancelSource": "31"}),
    ],
    ids=["bybit", "okx"],
)
async def test_a_post_only_order_that_was_taken_first_and_ended_then_says_why(
    form: Format, path: str, ended: Mapping[str, str]
) -> None:
    """ORD-9: these venues accept it and cancel it themselves."""
    order = BYBIT_ORDER if form is BYBIT else OKX_ORDER
    untouched = {**order, **ended, "cumExecQty": "0", "accFillSz": "0"}
    reply = bybit.said({"category": "linear", "list": [untouched]}) if form is BYBIT else okx.said(untouched)
    async with telling([Answer("GET", path, reply), *form.answers]) as (address, _):
        port = UnifiedVenue(connection(form, address))
        try:
            await port.start()
            found = await port.find_order(form.symbol, client_order_id=OURS)
        finally:
            await port.close()
    assert found is not None
    assert (found.status, found.reason_code) == (OrderStatus.ORDER_STATUS_EXPIRED, "POST_ONLY_WOULD_TAKE")
