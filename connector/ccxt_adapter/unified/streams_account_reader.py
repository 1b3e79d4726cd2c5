"""What ccxt stores of the account, into mailboxes: orders, executions, balances, positions. Never raises, never
waits."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from connector.ccxt_adapter.feeds import Feed
from connector.ccxt_adapter.instruments import Listing
from connector.ccxt_adapter.mailbox import Mailbox
from connector.ccxt_adapter.unified.streams_account import AccountChanges, entries_of
from connector.ccxt_adapter.unified.streams_dialects import StreamDialect
from connector.ccxt_adapter.unified.streams_market_reader import UNREADABLE, now_ms, say_refused
from connector.port import OrderReport, StreamLost, VenueFill, VenueOrder
from connector.settings import VenueConnection
from observability.logs import get_logger
from topics.v1.account_pb2 import AccountUpdate

_log = get_logger(__name__)
_ORDERS_KEPT = 10_000


ReadOrder = Callable[[Mapping[str, Any], Listing], VenueOrder]
ReadFill = Callable[[Mapping[str, Any], Listing], VenueFill]


class AccountReader:
    """Of instruments by ccxt's unified names. A message that cannot be read is a change nobody knows: StreamLost."""

    def __init__(
        self,
        venue: VenueConnection,
        listings: Mapping[str, Listing],
        dialect: StreamDialect,
        read_order: ReadOrder,
        read_fill: ReadFill,
    ) -> None:
        self.orders, self.fills = Feed("orders", ()), Feed("fills", ())
        self.balances, self.positions = Feed("balances", ()), Feed("positions", ())
        self.reports: Mailbox[OrderReport | StreamLost] = Mailbox()
        self.updates: Mailbox[AccountUpdate | StreamLost] = Mailbox()
        self.newest_ms = 0
        self._venue = venue
        self._dialect = dialect
        self._listings = listings
        self._read_order = read_order
        self._read_fill = read_fill
        self._changes = AccountChanges(listings)
        self._client_ids: OrderedDict[str, str] = OrderedDict()
        self._filled: dict[str, int] = {}

    def lost(self) -> None:
        self.reports.put(StreamLost())
        self.updates.put(StreamLost())

    def fail(self, error: Exception) -> None:
        self.reports.fail(error)
        self.updates.fail(error)

    def on_order(self, _unified: str, raw: Any) -> None:
        self._take(self.orders, raw, self._order)

    def on_fill(self, _unified: str, raw: Any) -> None:
        self._take(self.fills, raw, self._fill)

    def on_balances(self, picture: Any) -> None:
        self._take(self.balances, picture, self._balances)

    def on_positions(self, cache: Any) -> None:
        self._take(self.positions, cache, self._positions)

    def _take(self, feed: Feed, raw: Any, read: Callable[[Any], None]) -> None:
        feed.seen()
        try:
            read(raw)
        except UNREADABLE as error:
            say_refused(feed, raw, error)
            self.lost()

    def _order(self, raw: Any) -> None:
        listing = self._followed(raw)
        if listing is None:
            return
        order = self._read_order(self._dialect.in_whole(raw), listing)
        self.reports.put(order)
        self._client_ids[order.venue_order_id] = order.client_order_id
        if not self.fills.watches and order.filled_lots > self._filled.get(order.venue_order_id, 0):
            self._filled[order.venue_order_id] = order.filled_lots
            self.reports.put(StreamLost())  # the venue streams no executions: they are asked for
        if len(self._client_ids) > _ORDERS_KEPT:
            self._filled.pop(self._client_ids.popitem(last=False)[0], None)
        self._advance(order.time_ms)

    def _fill(self, raw: Any) -> None:
        listing = self._followed(raw)
        if listing is not None:
            fill = self._read_fill(raw, listing)
            if not fill.client_order_id:
                fill = replace(fill, client_order_id=self._client_ids.get(fill.venue_order_id, ""))
            self.reports.put(fill)
            self._advance(fill.fill.time_ms)

    def _balances(self, picture: Any) -> None:
        if changed := self._changes.balances(picture):
            self._tell(AccountUpdate(time_ms=picture.get("timestamp") or now_ms(), balances=changed))

    def _positions(self, cache: Any) -> None:
        if changed := self._changes.positions(cache):
            times_ms = [raw.get("timestamp") or 0 for raw in entries_of(cache)]
            self._tell(AccountUpdate(time_ms=max(times_ms, default=0) or now_ms(), positions=changed))

    def _tell(self, update: AccountUpdate) -> None:
        update.venue, update.account = self._venue.name, self._venue.account
        self.updates.put(update)
        self._advance(update.time_ms)

    def _followed(self, raw: Mapping[str, Any]) -> Listing | None:
        listing = self._listings.get(raw["symbol"])
        if listing is not None and not self._dialect.concerns(raw.get("info") or {}, listing.instrument):
            return None
        if listing is None:
            _log.info("order_of_unfollowed_symbol", symbol=raw["symbol"], venue_order_id=raw.get("order") or raw["id"])
        return listing

    def _advance(self, time_ms: int) -> None:
        self.newest_ms = max(self.newest_ms, time_ms)
