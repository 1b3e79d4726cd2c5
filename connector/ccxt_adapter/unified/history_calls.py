"""Order history, executions and funding payments, read to the end by what the venue has."""

from collections.abc import Mapping
from typing import Any

from connector.ccxt_adapter import history
from connector.ccxt_adapter.instruments import Listing
from connector.ccxt_adapter.unified import account_messages, lists
from connector.ccxt_adapter.unified.calls import Calls
from connector.port import VenueFill, VenueOrder
from topics.v1.account_pb2 import FundingPayment

# How far the venue's clock may be from ours, both ways.
_CLOCK_MARGIN_MS = 60_000
_PAYMENTS_PAGE = 100
_TIMES_KEPT = 10_000


def history_calls(calls: Calls) -> tuple[str, ...]:
    """ccxt's calls that together list every order, ended or live; none where they do not."""
    if calls.has("fetchOrders"):
        return ("fetchOrders",)
    if calls.has("fetchCanceledAndClosedOrders"):
        return ("fetchCanceledAndClosedOrders", "fetchOpenOrders")
    if not calls.has("fetchClosedOrders"):
        return ()
    cancelled = ("fetchCanceledOrders",) if calls.has("fetchCanceledOrders") else ()
    return ("fetchClosedOrders", *cancelled, "fetchOpenOrders")


class HistoryCalls:
    """`own_time`: the venue plays a tape in a time of its own; then its newest orders and
    funding payments are read, executions by id."""

    def __init__(self, calls: Calls, asking: Mapping[str, Any]) -> None:
        self._calls = calls
        self._exchange = calls.exchange
        self._profile = calls.profile
        self._lists = calls.profile.lists
        self._asking = dict(asking)
        self._times_ms: dict[tuple[str, str], int] = {}
        self.own_time = False

    async def orders_since(self, listing: Listing, since_ms: int) -> list[VenueOrder]:
        page, now_ms = self._lists.orders, self._exchange.milliseconds()
        found: list[Any] = []
        for name in history_calls(self._calls):
            call = getattr(self._exchange, name)
            what = f"reading the order history of {listing.symbol}"
            if name == "fetchOpenOrders" or self.own_time:
                found += await self._calls.read(what, call(listing.unified, None, page, dict(self._asking)))
                continue

            async def fetch(start_ms: int, end_ms: int, call: Any = call, what: str = what) -> list[Any]:
                params = {"until": end_ms, **self._asking}
                return list(await self._calls.read(what, call(listing.unified, start_ms, page, params)))

            start_ms = max(since_ms - _CLOCK_MARGIN_MS, now_ms - self._lists.reach_ms)
            end_ms = now_ms + _CLOCK_MARGIN_MS
            found += await lists.since(fetch, start_ms, end_ms, **self._spans(page))
        return [account_messages.order(raw, listing, self._profile) for raw in lists.oldest_first(found)]

    async def fills(self, listing: Listing, *, since_trade_id: str, since_ms: int) -> list[VenueFill]:
        by_id = self._lists.from_id and (since_trade_id or not since_ms or self.own_time)
        found = await (
            self._fills_by_id(listing, since_trade_id) if by_id else self._by_time(listing, since_trade_id, since_ms)
        )
        if len(self._times_ms) > _TIMES_KEPT:
            self._times_ms.clear()
        self._times_ms |= {(listing.symbol, raw["id"]): raw["timestamp"] for raw in found}
        return [account_messages.fill(raw, listing, self._profile) for raw in found if raw["timestamp"] >= since_ms]

    async def _fills_by_id(self, listing: Listing, trade_id: str) -> list[Any]:
        async def fetch(request: dict[str, Any]) -> list[Any]:
            params = {self._lists.from_id: request["fromId"], **self._asking}
            reply = self._exchange.fetch_my_trades(listing.unified, None, history.PAGE, params)
            return list(await self._calls.read(f"reading the executions of {listing.symbol}", reply))

        return await history.trades_after(fetch, int(trade_id or history.FIRST_TRADE_ID))

    async def _by_time(self, listing: Listing, trade_id: str, since_ms: int) -> list[Any]:
        page = self._lists.executions

        async def fetch(start_ms: int, end_ms: int) -> list[Any]:
            params = {"until": end_ms, **self._asking}
            reply = self._exchange.fetch_my_trades(listing.unified, start_ms, page, params)
            return list(await self._calls.read(f"reading the executions of {listing.symbol}", reply))

        end_ms = self._exchange.milliseconds() + _CLOCK_MARGIN_MS
        known_ms = self._times_ms.get((listing.symbol, trade_id), 0)
        if trade_id and not known_ms:
            reach_ms = self._lists.reach_ms
            return await lists.after(fetch, trade_id, now_ms=end_ms, reach_ms=reach_ms, **self._spans(page))
        start_ms = known_ms or since_ms or end_ms - self._lists.reach_ms
        found = await lists.since(fetch, start_ms, end_ms, **self._spans(page))
        return [raw for raw in found if raw["id"] != trade_id]

    async def funding_payments(self, listing: Listing, *, since_ms: int) -> list[FundingPayment]:
        async def fetch(start_ms: int | None, end_ms: int | None) -> list[Any]:
            what = f"reading the funding payments of {listing.symbol}"
            until = {"until": end_ms} if end_ms else {}
            reply = self._exchange.fetch_funding_history(listing.unified, start_ms, _PAYMENTS_PAGE, until)
            told = await self._calls.read(what, reply)
            return [{**raw, "id": raw.get("id") or f"{listing.symbol}-{raw['timestamp']}"} for raw in told]

        end_ms = self._exchange.milliseconds() + _CLOCK_MARGIN_MS
        start_ms = since_ms or end_ms - self._lists.window_ms
        if self.own_time:
            found = lists.oldest_first([raw for raw in await fetch(None, None) if raw["timestamp"] >= since_ms])
        else:
            found = await lists.since(fetch, start_ms, end_ms, **self._spans(_PAYMENTS_PAGE))
        sign = -1 if self._profile.funding_is_a_fee else 1
        return [account_messages.funding_payment(raw, listing, sign=sign) for raw in found]

    def _spans(self, page: int) -> dict[str, int]:
        finest_ms = 1000 if self._lists.in_seconds else 1
        return {"window_ms": self._lists.window_ms, "page": page, "finest_ms": finest_ms}
