"""Plays the tape: in real time, a multiple of it, or as fast as the slowest part keeps up.

It plays only while every instrument on the tape has a market-data subscriber, and at speed max only while the
agents keep up (see `pacing`). Where the tape stands is made durable at least every 200 ms.
Must not: decide what an event does; the exchange does.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Literal

from venue.exchange import Exchange
from venue.instruments import Product
from venue.pacing import Pacer
from venue.tape import Quote

SAVE_EVERY_S = 0.2
LOOK_EVERY_S = 0.1
BACKLOG_MOST = 512
BURST = 32

log = logging.getLogger(__name__)


class Player:
    """One run of one tape."""

    def __init__(
        self,
        exchange: Exchange,
        *,
        speed: float | Literal["max"],
        max_lag_ms: int,
        paced: bool,
        wait_for_subscriber: bool,
    ) -> None:
        self._exchange = exchange
        self._streams = exchange.streams
        self.speed = speed
        self.pacer = Pacer(max_lag_ms)
        self._paced = paced and speed == "max"
        self._wait_for_subscriber = wait_for_subscriber
        self._progress = asyncio.Event()
        self._generation = -1
        self._saved_at = time.monotonic()
        self._saved_position = exchange.tape.position
        self._stands = False
        self.waiting: str | None = None
        self.ended = False

    @property
    def lag_ms(self) -> int:
        """Age of the oldest market event that nobody acknowledged yet; 0 unless paced."""
        return round(self.pacer.lag(time.monotonic()) * 1_000)

    def acknowledge(self, symbol: str, update_id: int) -> None:
        """The agents decided everything of the symbol up to that update id."""
        self.pacer.acknowledged(symbol, update_id, time.monotonic())
        self._progress.set()

    def stand(self, standing: bool) -> None:
        """Stop the tape's clock, or let it go on."""
        self._stands = standing
        self._streams.changed.set()

    async def run(self) -> None:
        """Play until the tape ends."""
        tape = self._exchange.tape
        while not tape.ended:
            await self._audience()
            if self.speed == "max":
                await self._play_fast()
            else:
                await self._play_timed(self.speed)
        await self._streams.drained(0)
        self._exchange.save()
        self.ended = True
        self.waiting = None
        log.info("the tape has ended after %d events; the venue stays up", tape.position)

    def _missing(self) -> str | None:
        """What must be there before the tape goes on."""
        if self._stands:
            return "the clock to be let go on"
        if not self._wait_for_subscriber:
            return None
        missing = sorted(one for one in self._exchange.tape.symbols if not self._streams.has_market_data(one))
        return f"a market-data subscriber of {', '.join(missing)}" if missing else None

    async def _audience(self) -> None:
        """Wait until every instrument has a subscriber; forget what nobody is left to acknowledge."""
        while missing := self._missing():
            self.waiting = f"waiting for {missing}"
            self._streams.changed.clear()
            self._save_if_due()
            await self._streams.changed.wait()
        self.waiting = None
        self._forget_the_gone()

    def _forget_the_gone(self) -> None:
        if self._generation != self._streams.generation:
            self._generation = self._streams.generation
            self.pacer.reset()

    async def _play_timed(self, speed: float) -> None:
        tape = self._exchange.tape
        first_ms, started = tape.peek_time_ms() or 0, time.monotonic()
        burst = 0
        while not self._missing():
            next_ms = tape.peek_time_ms()
            if next_ms is None:
                return
            wait_s = started + (next_ms - first_ms) / 1_000 / speed - time.monotonic()
            burst += 1
            if wait_s > 0:
                await asyncio.sleep(min(wait_s, LOOK_EVERY_S))
            elif burst % BURST == 0:
                await asyncio.sleep(0)
            if wait_s <= LOOK_EVERY_S and not self._stands:
                self._exchange.play_next()
            self._save_if_due()

    async def _play_fast(self) -> None:
        tape = self._exchange.tape
        burst = 0
        while not tape.ended:
            burst += 1
            if burst % BURST == 0:
                await self._streams.drained(BACKLOG_MOST)
                await asyncio.sleep(0)
                if self._missing():
                    return
            now = time.monotonic()
            if self._paced and not self.pacer.may_send(now, tape.peek_time_ms() or 0):
                await self._progress_made()
                if self._missing():
                    return
                continue
            event, heard = self._exchange.play_next()
            if self._paced and heard and isinstance(event, Quote):  # trades are decided with the quote they belong to
                self.pacer.sent(event.symbol, self._exchange.markets[event.symbol].update_id, now, event.time_ms)
            self._save_if_due()

    async def _progress_made(self) -> None:
        self._progress.clear()
        self._save_if_due()
        try:
            await asyncio.wait_for(self._progress.wait(), LOOK_EVERY_S)
            self.waiting = None
        except TimeoutError:
            self.waiting = "waiting for progress"
        self._forget_the_gone()

    def _save_if_due(self) -> None:
        now, position = time.monotonic(), self._exchange.tape.position
        if now - self._saved_at >= SAVE_EVERY_S and position != self._saved_position:
            self._exchange.save()
            self._saved_at, self._saved_position = now, position


async def tell_mark_prices(exchange: Exchange) -> None:
    """Publish every mark price once a second, until cancelled."""
    while True:
        await asyncio.sleep(1)
        for symbol in exchange.market_data.of(Product.PERPETUAL):
            exchange.publish_mark_price(symbol)
