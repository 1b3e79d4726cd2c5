"""A real venue's sandbox as a subject: small orders, few of them, and never real money.

Keys come from the environment or `.env`, as the connector's do. Must not: drive the venue, or touch what it finds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Final

from pydantic import SecretStr

from connector.ccxt_adapter.opening import open_venue
from connector.settings import VenueConnection
from connector.venues import PERPETUAL, SPOT
from reliability.conformance.case import Case, Need, Product
from reliability.conformance.catalogue import CASES
from reliability.conformance.subject import Bounds, Subject
from tapeline.errors import UsageError

BOUNDS: Final = Bounds(orders=250, notional=Decimal(150))
PATIENCE_S: Final = 20.0
LOOK_EVERY_S: Final = 0.5
_TIMEOUT_S: Final = 10.0
_SYMBOLS: Final[Mapping[tuple[str, str], str]] = {
    ("okx", PERPETUAL): "ETH-USDT-SWAP",
    ("okx", SPOT): "ETH-USDT",
    ("gate", PERPETUAL): "ETH_USDT",
    ("gate", SPOT): "ETH_USDT",
}
_DRIVEN: Final = frozenset({Need.FILL, Need.CUT, Need.FAULT, Need.FUNDING, Need.LARGE_ORDERS})
_VARIABLE: Final = "TAPELINE_CONNECTOR__VENUE__"


def sandbox_subject(configured: VenueConnection, exchange: str, product: Product, symbol: str = "") -> Subject:
    """`configured`: where the keys are from. Raises UsageError for real money, or without keys, before anything opens.

    `symbol` empty: Ether against USDT, as the venue writes it.
    """
    connection = VenueConnection(
        exchange=exchange,
        product=product.value,
        api_key=configured.api_key,
        api_secret=configured.api_secret,
        api_password=configured.api_password,
        symbols=(symbol or _SYMBOLS.get((exchange, product.value), "ETHUSDT"),),
        timeout_s=_TIMEOUT_S,
    )
    if configured.live:
        raise UsageError(
            "connector.venue.live is true: these keys are for real money, and conformance only ever trades on a "
            f"sandbox. Unset it and give keys of the sandbox of {exchange}"
        )
    if missing := _missing(connection):
        raise UsageError(
            f"{connection.profile.title}: missing {', '.join(missing)} in the environment or in .env. "
            f"{would_be_tried(connection.symbols[0], product)}"
        )
    wrong = connection.model_copy(update={"api_secret": SecretStr("not-the-secret-of-this-key")})
    return Subject(
        venue=exchange,
        product=product,
        through="ccxt, native adapter" if connection.profile.native else "ccxt, unified adapter",
        where=f"the venue's {connection.profile.sandbox}",
        symbol=connection.symbols[0],
        open=partial(open_venue, connection),
        patience_s=PATIENCE_S,
        connection=connection,
        open_with_wrong_key=partial(open_venue, wrong),
        bounds=BOUNDS,
        look_every_s=LOOK_EVERY_S,
    )


def would_be_tried(symbol: str, product: Product, cases: Sequence[Case] = CASES) -> str:
    """For people who have no keys yet."""
    mine = [it for it in cases if it.only in (None, product)]
    driven = [it for it in mine if _DRIVEN & set(it.needs)]
    return (
        f"With keys of its sandbox it would try {len(mine) - len(driven)} of {len(cases)} cases on {symbol}: at most "
        f"{BOUNDS.orders} orders of at most {BOUNDS.notional} USDT, all cancelled and closed again, on a symbol where "
        f"nothing is open before. {len(driven)} more need a venue that can be driven, or larger orders"
    )


def _missing(connection: VenueConnection) -> list[str]:
    wanted = {"API_KEY": connection.api_key, "API_SECRET": connection.api_secret}
    if connection.profile.needs_password:
        wanted["API_PASSWORD"] = connection.api_password
    return [f"{_VARIABLE}{name}" for name, secret in wanted.items() if not secret.get_secret_value()]
