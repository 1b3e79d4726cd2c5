"""The strings of a paper venue that was started to misbehave, pulled over HTTP as `venue.edge_control` takes them."""

from __future__ import annotations

from typing import Any

import aiohttp

from venue.edge import StreamTrouble
from venue.edge_control import Happenings
from venue.instruments import Product
from venue.misbehaviour import Effect, Script


class VenueStrings:
    """`address`: scheme, host and port. Raises RuntimeError for what the venue cannot do."""

    def __init__(self, address: str) -> None:
        self._address = address

    async def misbehave(self, script: Script) -> None:
        """From now on, in place of what was asked before."""
        await self._tell("PUT", "misbehaviour", script.model_dump_json())

    async def happen(self, *effects: Effect) -> None:
        await self._tell("POST", "happenings", Happenings(effects=effects).model_dump_json())

    async def trouble(self, kind: StreamTrouble, product: Product = Product.PERPETUAL) -> None:
        """Of the product's user streams that are open now; at least one must be."""
        happenings = Happenings(user_streams=kind, user_streams_of=product)
        answer = await self._tell("POST", "happenings", happenings.model_dump_json())
        if not answer["streams"]:
            raise RuntimeError(f"no user stream was open that could {kind.value}")

    async def untouched(self) -> list[str]:
        """The script's rules that had nothing to touch."""
        return list((await self._tell("GET", "misbehaviour", ""))["untouched"])

    async def touched(self) -> int:
        """Requests and messages."""
        return int((await self._tell("GET", "misbehaviour", ""))["touched"])

    async def _tell(self, method: str, what: str, body: str) -> dict[str, Any]:
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, f"{self._address}/paper/v1/{what}", data=body) as answer,
        ):
            if answer.status != 200:
                raise RuntimeError(f"the venue could not be told to {what}: {await answer.text()}")
            told: dict[str, Any] = await answer.json()
            return told
