"""The network between one process and the venue: each request takes its time, and may be lost, late, or answered badly.

Errors reach the caller exactly as the ccxt adapter gives them: the same translation of the same answers. A request on
its way arrives although its sender has ended or has given up; then the venue's receive window decides (recvWindow).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, TypeVar

from connector.ccxt_adapter.client import RECV_WINDOW_MS, VenueAnswerError
from connector.ccxt_adapter.errors import translate
from connector.errors import NotSentError, VenueError
from connector.gateway.clock import Clock
from reliability.simulation.history import Request
from reliability.simulation.loop import VirtualLoop, deliver
from reliability.simulation.weather import Weather, quick_s
from venue.errors import Refusal

ResultT = TypeVar("ResultT")
AHEAD_MS = 1_000
"""How far ahead of the venue's clock a request's time may be."""


class VenueState:
    """What holds for everybody: whether the venue is in maintenance, limits rates, or cannot be reached."""

    def __init__(self) -> None:
        self.maintenance = False
        self.limiting = False
        self.unreachable = False


@dataclass(slots=True)
class _Call:
    """One request on its way."""

    action: Callable[[float], Any]
    changes: bool
    stamp_ms: int
    future: asyncio.Future[Any]
    requests: tuple[Request, ...]


class Wire:
    """`venue_ms` is the venue's clock. `timeout_s`: when a caller gives up."""

    def __init__(
        self,
        loop: VirtualLoop,
        weather: Weather,
        state: VenueState,
        clock: Clock,
        *,
        purpose: str,
        venue_ms: Callable[[], int],
        timeout_s: float,
    ) -> None:
        self.random: Random = weather.stream(f"wire/{purpose}")
        self._loop = loop
        self._weather = weather
        self._state = state
        self._clock = clock
        self._venue_ms = venue_ms
        self._timeout_s = timeout_s

    async def call(
        self,
        what: str,
        action: Callable[[float], ResultT],
        *,
        changes: bool,
        requests: tuple[Request, ...] = (),
    ) -> ResultT:
        """`action` runs at the venue, with the moment its answer is as of. Raises connector.errors."""
        try:
            result = await self._call(what, action, changes=changes, requests=requests)
        except VenueError as error:
            for request in requests:
                request.reply = type(error).__name__
            raise
        for request in requests:
            request.reply = "answer"
        return result

    async def _call(
        self, what: str, action: Callable[[float], ResultT], *, changes: bool, requests: tuple[Request, ...]
    ) -> ResultT:
        rates = self._weather.rates
        if self._state.unreachable or self._strikes(rates.refused, "connection refused"):
            await asyncio.sleep(quick_s(self.random, 0.002))
            raise NotSentError(f"{what}: no connection to the venue: refused; nothing was sent")
        future: asyncio.Future[ResultT] = self._loop.create_future()
        call = _Call(action, changes, self._clock.now_ns() // 1_000_000, future, requests)
        if self._strikes(rates.lost_request, "request lost"):
            pass  # it never arrives
        else:
            delayed = self._strikes(rates.delayed, "request delayed")
            way_s = self.random.uniform(0.05, 8.0) if delayed else quick_s(self.random, 0.004)
            self._loop.outside_later(way_s, self._arrive, call)
            cancels = bool(requests) and all(request.kind != "place" for request in requests)
            if cancels and self._strikes(rates.repeated_cancel, "cancel repeated"):
                self._loop.outside_later(way_s + quick_s(self.random, 0.01), self._arrive, call)
        try:
            async with asyncio.timeout(self._timeout_s):
                return await future
        except Exception as error:
            raise translate(error, what=what, changes=changes) from error

    def _strikes(self, rate: float, name: str) -> bool:
        return self._weather.strikes(self.random, rate, name)

    def _arrive(self, call: _Call) -> None:
        rates = self._weather.rates
        for request in call.requests:
            if request.arrived_s is None:
                request.arrived_s = self._loop.time()
        if self._state.maintenance or self._strikes(rates.unavailable, "503"):
            self._answer(call, VenueAnswerError(503, "", "Service Unavailable", None))
        elif self._state.limiting or self._strikes(rates.rate_limited, "429"):
            retry_after_s = self.random.choice((None, 0.5, 1.0))
            self._answer(call, VenueAnswerError(429, "-1003", "Too many requests.", retry_after_s))
        elif call.changes and not self._in_time(call):
            words = "Timestamp for this request is outside of the recvWindow."
            self._answer(call, VenueAnswerError(400, "-1021", words, None))
        else:
            self._carry_out(call)

    def _in_time(self, call: _Call) -> bool:
        late_ms = self._venue_ms() - call.stamp_ms
        return -AHEAD_MS < late_ms <= RECV_WINDOW_MS

    def _carry_out(self, call: _Call) -> None:
        rates = self._weather.rates
        stale = not call.changes and self._strikes(rates.stale_read, "stale read")
        as_of_s = self._loop.time() - (self.random.uniform(0.0, 0.8) if stale else 0.0)
        answer = answer_of(lambda: call.action(as_of_s))
        if call.changes and self._strikes(rates.failed_after, "failed after"):
            words = "Timeout waiting for response from backend server. Send status unknown; execution status unknown."
            status, code = self.random.choice(((503, ""), (408, "-1007")))
            self._answer(call, VenueAnswerError(status, code, words, None), told=answer)
        else:
            self._answer(call, answer)

    def _answer(self, call: _Call, answer: Any, told: Any = None) -> None:
        outcome = answer if told is None else told
        each = outcome if isinstance(outcome, list) else [outcome] * len(call.requests)
        for request, its in zip(call.requests, each, strict=False):
            request.answer = request.answer or _named(its)
        if self._strikes(self._weather.rates.lost_reply, "reply lost"):
            return
        self._loop.outside_later(quick_s(self.random, 0.004), deliver, call.future, answer)


def answer_of(action: Callable[[], ResultT]) -> ResultT | VenueAnswerError:
    """What the venue answers: the result, or its refusal as it goes over the wire."""
    try:
        return action()
    except Refusal as refusal:
        return VenueAnswerError(refusal.status, str(refusal.code), refusal.message, None)


def _named(outcome: Any) -> str:
    if isinstance(outcome, VenueAnswerError):
        return outcome.code or str(outcome.status)
    return "done"
