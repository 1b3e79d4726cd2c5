"""The paper venue as a subject: `tapeline venue` in a process of its own, reached through ccxt, driven over HTTP.

Its tape is made here: a market that stands, trades, and a funding settlement every few seconds.
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Final

import orjson
from pydantic import SecretStr

from benchmarks.venue_process import paper_venue
from connector.ccxt_adapter.unified.venue import UnifiedVenue
from connector.ccxt_adapter.venue import CcxtVenue
from connector.port import VenuePort
from connector.settings import VenueConnection
from reliability.conformance.case import Product
from reliability.conformance.subject import Call, Fault, Subject
from reliability.venue_strings import VenueStrings
from venue.edge import StreamTrouble
from venue.instruments import Product as Account
from venue.misbehaviour import Answer, Effect, Happening, Operation, RequestRule, Script, refusal

SYMBOL: Final = "ETHUSDT"
PATIENCE_S: Final = 10.0
TIMEOUT_S: Final = 3.0
_RECONNECT_S: Final = (0.3, 0.5, 1.0)
UNIFIED: Final = "ccxt, unified adapter"
_WALLET: Final = {"USDT": "200000"}
_SPEED: Final = 60
_BEGIN_MS: Final = 1_700_000_040_000
_HOURS: Final = 20
_QUOTE_EVERY_MS: Final = 6_000
_TRADE_EVERY_MS: Final = 12_000
_SETTLEMENT_EVERY_MS: Final = 240_000
_BID: Final = Decimal("2299.99")
_ASK: Final = Decimal("2300.01")
_HTML: Final = "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
_OPERATIONS: Final[Mapping[Call, Operation]] = {
    Call.PLACE: Operation.PLACE,
    Call.CANCEL: Operation.CANCEL,
    Call.FIND: Operation.FIND,
    Call.OPEN_ORDERS: Operation.OPEN_ORDERS,
}


class PaperDriver:
    """Funding settles by the tape, every few seconds."""

    def __init__(self, strings: VenueStrings, account: Account) -> None:
        self._strings = strings
        self._account = account

    async def fill(self, symbol: str, client_order_id: str, lots: int) -> None:  # noqa: ARG002 - ids are of one account
        await self._strings.happen(Effect(what=Happening.FILL, client_order_id=client_order_id, lots=lots))

    async def cut_user_stream(self) -> None:
        await self._strings.trouble(StreamTrouble.CLOSE, self._account)

    async def answer_next(self, call: Call, fault: Fault) -> None:
        await self._strings.misbehave(Script(requests=(_rule(_OPERATIONS[call], fault),)))

    async def settle_funding(self, symbol: str) -> None:
        """The tape does."""


def _rule(on: Operation, fault: Fault) -> RequestRule:
    match fault:
        case Fault.RATE_LIMITED:
            words = "Too many requests; current limit is 2400 requests per minute."
            return RequestRule(on=on, executed=False, answer=refusal(429, -1003, words, retry_after_s=1))
        case Fault.CLOCK_SKEW:
            words = "Timestamp for this request is outside of the recvWindow."
            return RequestRule(on=on, executed=False, answer=refusal(400, -1021, words))
        case Fault.UNAVAILABLE:
            return RequestRule(on=on, executed=False, answer=Answer(status=503, body="Service Unavailable"))
        case Fault.UNANSWERED:
            return RequestRule(on=on, answered=False)
        case Fault.TOO_LATE:
            return RequestRule(on=on, answered_after_s=TIMEOUT_S + 0.5)
        case Fault.HTML:
            return RequestRule(on=on, answer=Answer(status=502, body=_HTML, content_type="text/html"))


@asynccontextmanager
async def paper_subjects() -> AsyncIterator[list[Subject]]:
    """A venue of the run's own, on a free port and in a folder of its own, ended with the block.

    The perpetual through both adapters; spot, and spot on cross margin, through the one that speaks for every venue.
    """
    with tempfile.TemporaryDirectory(prefix="tapeline-conformance-") as folder:
        settings = {
            "TAPES": orjson.dumps([str(it) for it in _tapes(Path(folder))]).decode(),
            "SPOT_SYMBOLS": orjson.dumps([SYMBOL]).decode(),
            "SPOT_BALANCES": orjson.dumps(_WALLET).decode(),
            "MARGIN_BALANCES": orjson.dumps(_WALLET).decode(),
            "SPEED": str(_SPEED),
            "WAIT_FOR_SUBSCRIBER": "false",
            "MISBEHAVES": "true",
        }
        async with paper_venue(SYMBOL, settings) as running:
            strings = VenueStrings(running.address)
            perpetual = running.connection(SYMBOL).model_copy(
                update={"timeout_s": TIMEOUT_S, "reconnect_delays_s": _RECONNECT_S}
            )
            spot = perpetual.model_copy(update={"product": Product.SPOT.value})
            margin = spot.model_copy(update={"use_margin": True})
            futures, pairs, loans = (
                PaperDriver(strings, it) for it in (Account.PERPETUAL, Account.SPOT, Account.MARGIN)
            )
            yield [
                _subject(Product.PERPETUAL, "ccxt, native adapter", CcxtVenue, perpetual, futures),
                _subject(Product.PERPETUAL, UNIFIED, UnifiedVenue, perpetual, futures),
                _subject(Product.SPOT, UNIFIED, UnifiedVenue, spot, pairs),
                _subject(Product.SPOT, f"{UNIFIED}, cross margin", UnifiedVenue, margin, loans),
            ]


def _subject(
    product: Product,
    through: str,
    made: Callable[[VenueConnection], VenuePort],
    connection: VenueConnection,
    driver: PaperDriver,
) -> Subject:
    wrong = connection.model_copy(update={"api_secret": SecretStr("not-the-secret-of-this-key")})
    return Subject(
        venue="paper",
        product=product,
        through=through,
        where="the paper venue, a process of its own",
        symbol=SYMBOL,
        open=lambda: made(connection),
        patience_s=PATIENCE_S,
        connection=connection,
        open_with_wrong_key=lambda: made(wrong),
        driver=driver,
        settles_within_s=3 * _SETTLEMENT_EVERY_MS / _SPEED / 1000,
    )


def _tapes(folder: Path) -> list[Path]:
    """Quotes of changing sizes, trades at their prices, and funding."""
    end_ms = _BEGIN_MS + _HOURS * 3_600_000
    quotes = [
        f"{time_ms},{_BID},{20 + number % 7},{_ASK},{20 + number % 5}"
        for number, time_ms in enumerate(range(_BEGIN_MS, end_ms, _QUOTE_EVERY_MS))
    ]
    trades = [
        f"{time_ms},{number + 1},{'buy' if number % 2 else 'sell'},{_ASK if number % 2 else _BID},0.0{number % 7 + 1}"
        for number, time_ms in enumerate(range(_BEGIN_MS + 1, end_ms, _TRADE_EVERY_MS))
    ]
    settlements = [f"{time_ms},0.0001" for time_ms in range(_BEGIN_MS + 30_000, end_ms, _SETTLEMENT_EVERY_MS)]
    written = []
    for name, header, rows in (
        ("quotes", "time_ms,bid,bid_size,ask,ask_size", quotes),
        ("trades", "time_ms,trade_id,taker_side,price,quantity", trades),
        ("funding", "funding_time_ms,rate", settlements),
    ):
        tape = folder / f"eth-usdt-{name}.csv"
        tape.write_text("\n".join([header, *rows, ""]))
        written.append(tape)
    return written
