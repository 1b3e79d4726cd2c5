"""What venues answer to a batch of two, of which they take the first and refuse the second for want of funds."""

from dataclasses import dataclass
from typing import Any

from tests.integration.connector.formats import bitget, bybit, gate, okx
from tests.integration.connector.formats.told import OTHER, OURS, THEIR_ID, Answer, Format

NEXT_ID = "1234567890123456790"


@dataclass(frozen=True, slots=True)
class BatchFormat:
    form: Format
    placed: Answer
    refused_whole: Answer


def _bybit(form: Format) -> BatchFormat:
    path = "/v5/order/create-batch"
    one = {"category": "linear", "symbol": "BTCUSDT", "createAt": ""}
    items = [{**one, "orderId": THEIR_ID, "orderLinkId": OURS}, {**one, "orderId": "", "orderLinkId": OTHER}]
    funds = {"code": 110007, "msg": "ab not enough for new order"} if form.product == "perpetual" else {
        "code": 170131, "msg": "Insufficient balance."}  # fmt: skip
    said = bybit.said({"list": items}) | {"retExtInfo": {"list": [{"code": 0, "msg": "OK"}, funds]}}
    return BatchFormat(
        form, Answer("POST", path, said), Answer("POST", path, bybit.said({}, 10006, "Too many visits."))
    )


def _okx(form: Format) -> BatchFormat:
    path = "/api/v5/trade/batch-orders"
    items = [
        {"clOrdId": OURS, "ordId": THEIR_ID, "tag": "", "sCode": "0", "sMsg": ""},
        {
            "clOrdId": OTHER,
            "ordId": "",
            "tag": "",
            "sCode": "51008",
            "sMsg": "Order failed. Insufficient USDT balance.",
        },
    ]
    said = okx.said(*items, code="2", words="Bulk operation partially succeeded")
    return BatchFormat(
        form, Answer("POST", path, said), Answer("POST", path, okx.said(code="50011", words="Rate limit"))
    )


def _bitget(form: Format) -> BatchFormat:
    spot = form.product == "spot"
    path = "/api/v2/spot/trade/batch-orders" if spot else "/api/v2/mix/order/batch-place-order"
    words = "Insufficient balance" if spot else "The order amount exceeds the balance"
    failed = {"orderId": "", "clientOid": OTHER, "errorMsg": words, "errorCode": "43012" if spot else "40762"}
    said = bitget.said({"successList": [{"orderId": THEIR_ID, "clientOid": OURS}], "failureList": [failed]})
    return BatchFormat(
        form, Answer("POST", path, said), Answer("POST", path, bitget.said(None, "429", "Too Many Requests"), 429)
    )


def _gate(form: Format) -> BatchFormat:
    spot = form.product == "spot"
    path = "/api/v4/spot/batch_orders" if spot else "/api/v4/futures/usdt/batch_orders"
    order: dict[str, Any] = {**(gate.spot_order() if spot else gate.future_order()), "succeeded": True}
    label = "BALANCE_NOT_ENOUGH" if spot else "INSUFFICIENT_AVAILABLE"
    failed = {"text": f"t-{OTHER}", "succeeded": False, "label": label, "message": "not enough", "detail": "not enough"}
    return BatchFormat(
        form, Answer("POST", path, [order, failed]),
        Answer("POST", path, {"label": "TOO_MANY_REQUESTS", "message": "Request Rate limit Exceeded"}, 429),
    )  # fmt: skip


BATCHES = tuple(
    make(form)
    for make, forms in (
        (_bybit, bybit.FORMATS),
        (_okx, okx.FORMATS),
        (_bitget, bitget.FORMATS),
        (_gate, gate.FORMATS),
    )
    for form in forms
)
