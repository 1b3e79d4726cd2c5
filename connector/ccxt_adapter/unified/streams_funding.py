"""Funding rate and mark price of one instrument, put together from wherever a venue tells them (FUND-1). Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from connector.ccxt_adapter.unified.numbers import exact_or_zero, text
from topics.v1.funding_pb2 import FundingUpdate

_HOUR_MS = 3_600_000


@dataclass(slots=True)
class FundingPicture:
    """Told once rate and mark price are both known, and when one of them, the time or the prediction changes."""

    venue: str
    symbol: str
    _known: FundingUpdate = field(default_factory=FundingUpdate)
    _told: FundingUpdate | None = None

    def rate(self, raw: Mapping[str, Any], *, received_ms: int) -> FundingUpdate | None:
        """Of ccxt's funding rate structure; its mark price too where it has one."""
        if raw.get("fundingRate") is None:
            return None
        self._known.rate = text(raw["fundingRate"])
        self._known.next_funding_time_ms = int(raw.get("fundingTimestamp") or raw.get("nextFundingTimestamp") or 0)
        self._known.interval_ms = _hours(raw.get("interval")) * _HOUR_MS
        if raw.get("nextFundingRate") is None:
            self._known.ClearField("predicted_rate")
        else:
            self._known.predicted_rate = text(raw["nextFundingRate"])
        return self.mark(raw.get("markPrice"), time_ms=raw.get("timestamp") or received_ms)

    def none(self, last_price: Any, *, received_ms: int) -> FundingUpdate | None:
        """A spot instrument: rate 0, no next time, the time of receipt; the last price stands for the mark price."""
        self._known.rate = "0"
        return self.mark(last_price, time_ms=received_ms)

    def mark(self, price: Any, *, time_ms: int) -> FundingUpdate | None:
        if exact_or_zero(price):
            self._known.mark_price = text(price)
        if not self._known.rate or not self._known.mark_price:
            return None
        now = FundingUpdate(venue=self.venue, symbol=self.symbol)
        now.MergeFrom(self._known)
        if now == self._told:
            return None
        self._told = FundingUpdate()
        self._told.CopyFrom(now)
        now.time_ms = time_ms
        return now


def _hours(interval: Any) -> int:
    """Of ccxt's `8h`; 0 where the venue does not tell."""
    word = str(interval or "").removesuffix("h")
    return int(word) if word.isdigit() else 0
