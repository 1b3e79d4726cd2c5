"""Placing, cancelling and finding orders by ccxt's unified calls. Each is sent once; nothing is remembered."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from connector.ccxt_adapter.instruments import Listing
from connector.ccxt_adapter.order_arguments import told
from connector.ccxt_adapter.unified import account_messages
from connector.ccxt_adapter.unified.calls import Calls
from connector.ccxt_adapter.unified.exchange import HEARD, WRITTEN_AFTER, item_of, said
from connector.errors import (
    InvalidOrderError,
    OrderNotFoundError,
    OutcomeUnknownError,
    UnsupportedError,
    VenueError,
)
from connector.port import OrderRequest, Outcome, VenueOrder
from connector.venues import SPOT, LookUp
from topics.errors import TapelineError
from topics.v1.common_pb2 import ORDER_TYPE_LIMIT, ORDER_TYPE_MARKET, SIDE_BUY, TimeInForce
from topics.v1.orders_pb2 import (
    ORDER_STATUS_ACCEPTED,
    ORDER_STATUS_CANCELED,
    ORDER_STATUS_PARTIALLY_FILLED,
)

Placement = tuple[Listing, OrderRequest]
_TIMES_IN_FORCE: Mapping[int, str] = {TimeInForce.TIME_IN_FORCE_IOC: "IOC", TimeInForce.TIME_IN_FORCE_FOK: "FOK"}
_UNREADABLE = (KeyError, TypeError, ValueError, ArithmeticError, TapelineError)
_GOES_ON = frozenset({ORDER_STATUS_ACCEPTED, ORDER_STATUS_PARTIALLY_FILLED, ORDER_STATUS_CANCELED})


class OrderCalls:
    def __init__(self, calls: Calls, *, use_margin: bool) -> None:
        self._calls = calls
        self._exchange = calls.exchange
        self._profile = calls.profile
        margin = calls.profile.margin if use_margin else None
        self._placing = dict(margin.placing) if margin else {}
        self.asking = dict(margin.asking) if margin else {}

    async def place(self, listing: Listing, request: OrderRequest) -> VenueOrder:
        arguments = self.arguments(listing, request)
        raw = await self._calls.change(
            lambda: f"placing {told(listing, request)}", self._exchange.create_order(*arguments)
        )
        return self._placed(raw, listing, request)

    async def place_one(self, listing: Listing, request: OrderRequest) -> Outcome:
        try:
            return await self.place(listing, request)
        except VenueError as error:
            return error

    async def place_batch(self, orders: Sequence[Placement]) -> list[Outcome]:
        """In calls of as many of one symbol as the venue takes; answers are matched by client order id."""
        most = self._profile.batch.places if self._calls.has("createOrders") else 0
        if not most:
            return list(await asyncio.gather(*(self.place_one(*order) for order in orders)))
        by_symbol: dict[str, list[Placement]] = {}
        for listing, request in orders:
            by_symbol.setdefault(listing.symbol, []).append((listing, request))
        chunks = [them[at : at + most] for them in by_symbol.values() for at in range(0, len(them), most)]
        found = await asyncio.gather(*map(self._place_chunk, chunks))
        outcomes = {name: outcome for chunk in found for name, outcome in chunk.items()}
        return [outcomes[request.client_order_id] for _, request in orders]

    async def cancel(self, listing: Listing, *, client_order_id: str = "", venue_order_id: str = "") -> VenueOrder:
        """What most venues answer is no more than "taken": then the order is looked up, and may still be live."""
        argument, params = self._named(client_order_id, venue_order_id)
        raw = await self._calls.change(
            f"cancelling {client_order_id or venue_order_id} of {listing.symbol}",
            self._exchange.cancel_order(argument, listing.unified, {**params, **self.asking}),
        )
        if account_messages.is_whole(raw):
            return account_messages.order(raw, listing, self._profile)
        found = await self.find(listing, client_order_id=client_order_id, venue_order_id=venue_order_id)
        if found is None:
            raise OutcomeUnknownError(
                f"cancelling {client_order_id or venue_order_id} of {listing.symbol}: taken by the venue, which then "
                "did not find the order; look it up"
            )
        return found

    async def cancel_one(self, listing: Listing, venue_order_id: str) -> Outcome:
        try:
            return await self.cancel(listing, venue_order_id=venue_order_id)
        except VenueError as error:
            return error

    async def cancel_batch(self, listing: Listing, venue_order_ids: Sequence[str]) -> list[Outcome]:
        most = self._profile.batch.cancels if self._calls.has("cancelOrders") else 0
        if not most:
            return list(await asyncio.gather(*(self.cancel_one(listing, it) for it in venue_order_ids)))
        chunks = [venue_order_ids[at : at + most] for at in range(0, len(venue_order_ids), most)]
        found = await asyncio.gather(*(self._cancel_chunk(listing, chunk) for chunk in chunks))
        return [outcome for chunk in found for outcome in chunk]

    async def cancel_all(self, listing: Listing) -> None:
        if not self._calls.has("cancelAllOrders"):
            raise UnsupportedError(f"{self._profile.name} has no call that cancels every order of {listing.symbol}")
        await self._calls.change(
            f"cancelling every order of {listing.symbol}",
            self._exchange.cancel_all_orders(listing.unified, self.asking),
        )

    async def find(self, listing: Listing, *, client_order_id: str = "", venue_order_id: str = "") -> VenueOrder | None:
        written = self._profile.client_ids.written(client_order_id) if client_order_id else ""
        for look_up in self._profile.look_ups:
            try:
                found = await self._calls.read(
                    f"looking up {client_order_id or venue_order_id} of {listing.symbol}",
                    self._ask(look_up, listing, written, venue_order_id),
                )
            except OrderNotFoundError:
                continue
            for raw in found if isinstance(found, list) else [found]:
                if raw["id"] and (raw["id"] == venue_order_id or (written and raw.get("clientOrderId") == written)):
                    return account_messages.order(raw, listing, self._profile)
        return None

    async def open(self, listing: Listing) -> list[VenueOrder]:
        pages, found = self._profile.lists.open, dict[str, Any]()
        follow: dict[str, Any] = {}
        while True:
            page = await self._calls.read(
                f"reading the open orders of {listing.symbol}",
                self._exchange.fetch_open_orders(
                    listing.unified, None, pages.most if pages else None, {**follow, **self.asking}
                ),
            )
            news = {raw["id"]: raw for raw in page if raw["id"] not in found}
            found |= news
            if pages is None or len(page) < pages.most or not news:
                return [account_messages.order(raw, listing, self._profile) for raw in found.values()]
            follow = _next_page(pages.kind, pages.parameter, page, len(found), pages.most)
            if not follow:
                return [account_messages.order(raw, listing, self._profile) for raw in found.values()]

    def arguments(
        self, listing: Listing, request: OrderRequest
    ) -> tuple[str, str, str, str, str | None, dict[str, Any]]:
        """ccxt's createOrder. Raises InvalidOrderError for what the venue's product does not have."""
        limit, buys = request.type == ORDER_TYPE_LIMIT, request.side == SIDE_BUY
        self._refuse_what_there_is_not(listing, request)
        params: dict[str, Any] = dict(self._placing)
        written = self._profile.client_ids.written(request.client_order_id)
        params[WRITTEN_AFTER if self._profile.client_ids.written_after else "clientOrderId"] = written
        if limit and request.time_in_force == TimeInForce.TIME_IN_FORCE_POST_ONLY:
            params["postOnly"] = True
        elif limit:
            params["timeInForce"] = _TIMES_IN_FORCE.get(request.time_in_force, "GTC")
        if request.reduce_only:
            params["reduceOnly"] = True
        return (
            listing.unified,
            "limit" if limit else "market",
            "buy" if buys else "sell",
            listing.amount(request.quantity_lots),
            listing.price(request.price_ticks) if limit else None,
            params,
        )

    def _refuse_what_there_is_not(self, listing: Listing, request: OrderRequest) -> None:
        if request.reduce_only and self._profile.product == SPOT:
            raise InvalidOrderError(f"placing {told(listing, request)}: spot has no reduce-only orders")
        if request.type == ORDER_TYPE_MARKET and request.side == SIDE_BUY and not self._profile.market_buys_in_base:
            raise InvalidOrderError(
                f"placing {told(listing, request)}: {self._profile.title} takes market buys in quote currency only; "
                "place an immediate-or-cancel limit order"
            )

    def _named(self, client_order_id: str, venue_order_id: str) -> tuple[str | None, dict[str, Any]]:
        ids = self._profile.client_ids
        if not client_order_id:
            return venue_order_id, {}
        written = ids.written(client_order_id)
        return (None, {ids.asked_by: written}) if ids.asked_by else (written, {})

    async def _ask(self, look_up: LookUp, listing: Listing, written: str, venue_order_id: str) -> Any:
        name, value = (look_up.by_client_id, written) if written else (look_up.by_venue_id, venue_order_id)
        params = {**({name: value} if name else {}), **self.asking}
        call = getattr(self._exchange, look_up.call)
        if look_up.call == "fetchOrder":
            return await call("" if name else value, listing.unified, params)
        return await call(listing.unified, None, None, params)

    def _placed(self, raw: Any, listing: Listing, request: OrderRequest) -> VenueOrder:
        """An answer that is no order, or another one, leaves open what became of the request."""
        what = f"placing {told(listing, request)}"
        try:
            told_id = self._profile.client_ids.read(raw.get("clientOrderId"))
            if told_id not in ("", request.client_order_id):
                raise ValueError(f"the venue answered with the order {told_id}")
            if account_messages.is_whole(raw):
                return account_messages.order(raw, listing, self._profile)
            return self._acknowledged(raw, listing, request)
        except _UNREADABLE as error:
            raise self._calls.error(error, f"{what}: an answer that is no order of ours", changes=True) from error

    def _acknowledged(self, raw: Any, listing: Listing, request: OrderRequest) -> VenueOrder:
        if not raw.get("id"):
            raise ValueError("the venue gave no order id")
        return VenueOrder(
            symbol=listing.symbol,
            client_order_id=request.client_order_id,
            venue_order_id=str(raw["id"]),
            side=request.side,
            type=request.type,
            time_in_force=request.time_in_force,
            reduce_only=request.reduce_only,
            price_ticks=request.price_ticks if request.type == ORDER_TYPE_LIMIT else 0,
            quantity_lots=request.quantity_lots,
            filled_lots=0,
            status=ORDER_STATUS_ACCEPTED,
            time_ms=raw.get("timestamp") or self._exchange.milliseconds(),
        )

    async def _place_chunk(self, orders: Sequence[Placement]) -> dict[str, Outcome]:
        refused: dict[str, Outcome] = {}
        written: dict[str, tuple[Placement, dict[str, Any]]] = {}
        for listing, request in orders:
            try:
                symbol, kind, side, amount, price, params = self.arguments(listing, request)
            except InvalidOrderError as error:
                refused[request.client_order_id] = error
                continue
            one = {"symbol": symbol, "type": kind, "side": side, "amount": amount, "price": price, "params": params}
            written[request.client_order_id] = ((listing, request), one)
        if not written:
            return refused
        what = f"placing {len(written)} orders in one call"
        heard: list[Any] = []
        HEARD.set(heard)
        try:
            answers = await self._calls.change(what, self._exchange.create_orders([one for _, one in written.values()]))
        except VenueError as error:
            return refused | dict.fromkeys(written, error)
        told_of = {self._profile.client_ids.read(raw.get("clientOrderId")): raw for raw in answers}
        return refused | {name: self._outcome(*order, told_of.get(name), heard) for name, (order, _) in written.items()}

    def _outcome(self, listing: Listing, request: OrderRequest, raw: Any, heard: list[Any]) -> Outcome:
        what = f"placing {told(listing, request)}"
        if raw is None:
            ids = self._profile.client_ids
            left_out = item_of(heard, ids.parameter, ids.written(request.client_order_id))
            if said(left_out)[0]:
                return self._calls.refused(what, left_out)
            return OutcomeUnknownError(f"{what}: the venue's answer leaves it out; look the order up")
        if raw.get("status") == "rejected":
            return self._calls.refused(what, raw.get("info"))
        try:
            return self._placed(raw, listing, request)
        except VenueError as error:
            return error

    async def _cancel_chunk(self, listing: Listing, venue_order_ids: Sequence[str]) -> list[Outcome]:
        what = f"cancelling {len(venue_order_ids)} orders of {listing.symbol} in one call"
        try:
            answers = await self._calls.change(
                what, self._exchange.cancel_orders(list(venue_order_ids), listing.unified, self.asking)
            )
        except VenueError as error:
            return [error] * len(venue_order_ids)
        refused = {raw["id"]: raw["info"] for raw in answers if raw.get("status") == "rejected"}
        return list(await asyncio.gather(*(self._cancelled(listing, it, refused.get(it)) for it in venue_order_ids)))

    async def _cancelled(self, listing: Listing, venue_order_id: str, refused: Any) -> Outcome:
        what = f"cancelling {venue_order_id} of {listing.symbol}"
        if refused is not None:
            return self._calls.refused(what, refused)
        try:
            found = await self.find(listing, venue_order_id=venue_order_id)
        except VenueError as error:
            return error
        if found is None or found.status not in _GOES_ON:
            return OrderNotFoundError(f"{what}: it is not open")
        return found


def _next_page(kind: str, parameter: str, page: list[Any], read: int, most: int) -> dict[str, Any]:
    """Empty where the venue says that this was the last."""
    if kind == "after":
        return {parameter: page[0]["id"]} if _older(page[0], page[-1]) else {parameter: page[-1]["id"]}
    if kind == "offset":
        return {parameter: read}
    if kind == "page":
        return {parameter: read // most + 1}
    cursor = next((raw["info"].get("nextPageCursor") for raw in page if raw["info"].get("nextPageCursor")), "")
    return {parameter: cursor} if cursor else {}


def _older(one: Any, other: Any) -> bool:
    return (one["timestamp"] or 0, one["id"]) <= (other["timestamp"] or 0, other["id"])
