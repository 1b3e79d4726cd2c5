"""The synthetic market: seeded, the same for the same seed and index, and it says that it is synthetic.

The price swings on several time scales around a level: ten quotes a second and instrument, about a basis point
each, so that a grid spaced five basis points trades within seconds. Randomness is a hash of (seed, symbol,
index), so any index can be played without the ones before it.
Must not: pass for a recording; `name` and the venue's state say what it is.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import Decimal
from hashlib import blake2b

from venue.instruments import Instrument
from venue.orders import Side
from venue.tape import FundingRate, Quote, TapeEvent, Trade, UpcomingFunding

STEP_MS = 100
FUNDING_EVERY_MS = 8 * 3_600_000
REFERENCE_PRICES = {
    "BTCUSDT": "43000",
    "ETHUSDT": "2400",
    "XRPUSDT": "1.05",
    "SUSHIUSDT": "7.6",
    "CTKUSDT": "1.01",
    "AKROUSDT": "0.0174",
    "1000SHIBUSDT": "0.0065",
    "KEEPUSDT": "0.27",
    "XRPETH": "0.00044",
    "ETHBTC": "0.0558",
}
QUOTE_NOTIONAL = 40_000
"""Displayed size of a quote is around this much quote currency."""
WAVES = ((7.3, 6e-4), (23.0, 8e-4), (97.0, 1.5e-3), (613.0, 5e-3), (9_973.0, 1.5e-2))
"""Swings around the level: (period in seconds, amplitude as a fraction of the price)."""
NOISE = 4e-5
"""Size of the independent noise of each step, as a fraction of the price."""
EVENTS_A_STEP = 2


class SyntheticMarket:
    """One instrument's endless source: each step is a trade and a quote, `STEP_MS` apart from `start_ms`."""

    total = None

    def __init__(self, instrument: Instrument, seed: int, start_ms: int) -> None:
        self.symbol = instrument.symbol
        self.wire_symbol = instrument.wire_symbol
        self.name = f"synthetic:{instrument.symbol}"
        self._instrument = instrument
        self._seed = seed
        self.start_ms = start_ms
        price = Decimal(REFERENCE_PRICES.get(instrument.wire_symbol, "1"))
        self._reference = max(instrument.nearest_ticks(price), 1_000)
        value = float(instrument.lot_value) * self._reference
        self._typical_lots = max(1.0, QUOTE_NOTIONAL / value)
        self._phases = [self._random(-1 - wave)[0] for wave in range(len(WAVES))]

    def _random(self, index: int) -> tuple[float, float, float, float]:
        """Four numbers in [0, 1) that belong to this seed, symbol and index."""
        digest = blake2b(
            f"{self._seed}:{self.wire_symbol}:{index}".encode(), digest_size=16, usedforsecurity=False
        ).digest()
        parts = (int.from_bytes(digest[at : at + 4], "little") / 2**32 for at in range(0, 16, 4))
        return next(parts), next(parts), next(parts), next(parts)

    def mid(self, step: int) -> int:
        """The middle price of a step, in ticks."""
        seconds = step * STEP_MS / 1_000
        swing = sum(
            amplitude * math.sin(2 * math.pi * (seconds / period + phase))
            for (period, amplitude), phase in zip(WAVES, self._phases, strict=True)
        )
        noise = NOISE * (self._random(step)[0] - 0.5) * 2
        return max(2, round(self._reference * math.exp(swing + noise)))

    def step(self, step: int) -> tuple[Trade, Quote]:
        """The events of one step (steps before 0 are the history before the start)."""
        mid, before = self.mid(step), self.mid(step - 1)
        _, size_bid, size_ask, size_trade = self._random(step)
        time_ms = self.start_ms + step * STEP_MS
        half_spread = max(1, mid // 50_000)
        side = Side.BUY if mid >= before else Side.SELL
        price = before + half_spread if side is Side.BUY else before - half_spread
        trade = Trade(self.symbol, time_ms, None, side, max(price, 1), self._lots(size_trade * 0.5))
        quote = Quote(
            self.symbol,
            time_ms,
            max(mid - half_spread, 1),
            self._lots(0.25 + size_bid),
            mid + half_spread,
            self._lots(0.25 + size_ask),
        )
        return trade, quote

    def _lots(self, share: float) -> int:
        return max(1, round(self._typical_lots * share))

    def play(self, position: int) -> Iterator[TapeEvent]:
        """Two events a step, from a position on."""
        step, part = divmod(position, EVENTS_A_STEP)
        while True:
            yield from self.step(step)[part:]
            part = 0
            step += 1

    def upcoming_funding(self, after_ms: int) -> UpcomingFunding | None:  # noqa: ARG002 - `SyntheticFunding` has it
        return None


class SyntheticFunding:
    """Funding of a synthetic market: a seeded rate every eight hours, at 00, 08 and 16 UTC of tape time.

    It plays the settlements after `after_ms`, whatever its stored position: time alone says which come next.
    """

    total = None

    def __init__(self, symbol: str, seed: int, after_ms: int) -> None:
        self.symbol = symbol
        self.name = f"synthetic-funding:{symbol}"
        self._seed = seed
        self._after_ms = after_ms

    def play(self, position: int) -> Iterator[TapeEvent]:  # noqa: ARG002 - see the class docstring
        time_ms = self._after_ms
        while True:
            upcoming = self.upcoming_funding(time_ms)
            following = self.upcoming_funding(upcoming.time_ms)
            time_ms = upcoming.time_ms
            yield FundingRate(self.symbol, time_ms, upcoming.rate, following.time_ms, following.rate)

    def upcoming_funding(self, after_ms: int) -> UpcomingFunding:
        time_ms = (after_ms // FUNDING_EVERY_MS + 1) * FUNDING_EVERY_MS
        return UpcomingFunding(time_ms, self._rate(time_ms))

    def _rate(self, time_ms: int) -> Decimal:
        key = f"{self._seed}:{self.symbol}:funding:{time_ms}".encode()
        drawn = int.from_bytes(blake2b(key, digest_size=4, usedforsecurity=False).digest(), "little")
        return Decimal(drawn % 30_001 - 10_000) / Decimal(10**8)
