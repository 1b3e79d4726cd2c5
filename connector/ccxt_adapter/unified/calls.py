"""One call of the venue: within its time, its error translated once by the profile's table. Never repeated."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from connector.ccxt_adapter.client import VenueAnswerError
from connector.ccxt_adapter.errors import translate
from connector.ccxt_adapter.unified.exchange import said
from connector.errors import VenueError
from connector.venues import VenueProfile

ReplyT = TypeVar("ReplyT")


class Calls:
    def __init__(self, exchange: Any, profile: VenueProfile, *, timeout_s: float) -> None:
        self.exchange = exchange
        self.profile = profile
        self._timeout_s = timeout_s

    def has(self, capability: str) -> bool:
        """What ccxt calls emulated is not the venue's own."""
        return self.exchange.has.get(capability) is True

    async def read(self, what: str, reply: Awaitable[ReplyT]) -> ReplyT:
        return await self._call(what, reply, changes=False)

    async def change(self, what: str | Callable[[], str], reply: Awaitable[ReplyT]) -> ReplyT:
        """`what` may be a function: then it is only told if the call fails."""
        return await self._call(what, reply, changes=True)

    def refused(self, what: str, info: Any) -> VenueError:
        """Of one item of a batch that the venue refused."""
        answer = VenueAnswerError(200, *said(info), None)
        answer.__cause__ = self._judged(answer)
        return self.error(answer, what, changes=True)

    def error(self, error: Exception, what: str, *, changes: bool) -> VenueError:
        return translate(error, what=what, changes=changes, table=self.profile.errors)

    async def _call(self, what: str | Callable[[], str], reply: Awaitable[ReplyT], *, changes: bool) -> ReplyT:
        try:
            async with asyncio.timeout(self._timeout_s):
                return await reply
        except Exception as error:
            raise self.error(error, what if isinstance(what, str) else what(), changes=changes) from error

    def _judged(self, answer: VenueAnswerError) -> Exception:
        """ccxt's class for the code or the words, as `handle_errors` would find it; one that says nothing if none."""
        known = self.exchange.exceptions or {}
        try:
            self.exchange.throw_exactly_matched_exception(known.get("exact", {}), answer.code, answer.words)
            self.exchange.throw_broadly_matched_exception(known.get("broad", {}), answer.words, answer.words)
        except Exception as judged:  # noqa: BLE001 (a class of ccxt's is the very answer)
            return judged
        return answer
