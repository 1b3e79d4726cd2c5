"""The one list of venues: what sets each apart, as data. Shared code asks a profile or ccxt's `has`, never a name.

A profile is one product of one venue: `perpetual` (linear, settled in USDT) or `spot`. Our client order ids are at most
28 of [A-Za-z0-9]; `ClientIds` says where they go, under which prefix, and how they are read back.
`ccxt:<id>` is any other venue of ccxt: unified calls only, each missing capability told at start.
"""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from connector.errors import ConnectorError
from connector.venue_errors import BINANCE, BITGET, BYBIT, GATE, OKX, UNTOLD, ErrorTable

PERPETUAL: Final = "perpetual"
SPOT: Final = "spot"
PRODUCTS: Final = (PERPETUAL, SPOT)
OTHER: Final = "ccxt:"
_DAY_MS = 24 * 3600 * 1000


@dataclass(frozen=True, slots=True)
class ClientIds:
    """`parameter`: its name in the venue's own messages; `most`: characters of our part; `prefix`: what the venue wants
    in front. `asked_by`: ccxt's parameter of cancels and look-ups; empty where it stands in the venue id's place.
    `written_after`: ccxt alters or refuses it, so it is written into the request after ccxt made it.
    """

    parameter: str = "clientOrderId"
    most: int = 32
    prefix: str = ""
    asked_by: str = "clientOrderId"
    written_after: bool = False

    def written(self, client_order_id: str) -> str:
        return self.prefix + client_order_id

    def read(self, text: str | None) -> str:
        return (text or "").removeprefix(self.prefix)


@dataclass(frozen=True, slots=True)
class LookUp:
    """One way to ask for an order: ccxt's call, and the parameters that name it by our id and by the venue's (empty:
    in the call's own argument)."""

    call: str = "fetchOrder"
    by_client_id: str = "clientOrderId"
    by_venue_id: str = ""


@dataclass(frozen=True, slots=True)
class OpenPages:
    """How a list of open orders longer than a page goes on: `parameter` takes the page's last order id (`after`), its
    cursor (`cursor`), how many were read (`offset`), or the page's number from 1 (`page`)."""

    most: int
    kind: Literal["after", "cursor", "offset", "page"]
    parameter: str


@dataclass(frozen=True, slots=True)
class Lists:
    """How the venue's lists of orders and executions are read: the most entries of a page, the longest span of one
    request, how far back they reach, whether spans are told in whole seconds, and the parameter that asks for
    executions from an id on (empty: by time only). `open` None: open orders come whole."""

    orders: int = 50
    executions: int = 50
    window_ms: int = _DAY_MS
    reach_ms: int = 7 * _DAY_MS
    in_seconds: bool = False
    from_id: str = ""
    open: OpenPages | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """The most items of one call, and the ends of its paths; 0: one by one. Answers are matched by client order id."""

    places: int = 0
    cancels: int = 0
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Margin:
    """ccxt's parameters of a margin order (ARB-2), of every other call about it, and of the account's streams."""

    placing: Mapping[str, Any]
    asking: Mapping[str, Any] = field(default_factory=dict)
    watching: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class VenueProfile:
    """One product of one venue. `options` select the product in ccxt; `permissions` names the reader of the key's
    rights in `ccxt_adapter.key_rights`; `margin` is None where ccxt cannot place, find and list such orders;
    `sandbox`: which of ccxt's two switches leads to it; `would_have_taken`: the field and its values by which an ended
    post-only order tells why; `native`: an adapter of its own speaks the venue's endpoints; `volume_in_contracts`: of
    candles; `funding_is_a_fee`: a payment is positive where it was paid; `all_positions`: what it takes to have all of
    them in one answer; `wallets`: where ccxt's total is equity, profit not yet realised and all: the venue's list of
    assets, the name and the wallet's balance of each."""

    name: str
    product: str
    ccxt_id: str
    options: Mapping[str, Any] = field(default_factory=dict)
    needs_password: bool = False
    client_ids: ClientIds = ClientIds()
    look_ups: tuple[LookUp, ...] = (LookUp(),)
    lists: Lists = Lists()
    batch: Batch = Batch()
    errors: ErrorTable = UNTOLD
    permissions: str = ""
    market_buys_in_base: bool = True
    margin: Margin | None = None
    sandbox: Literal["sandbox", "demo"] = "sandbox"
    would_have_taken: tuple[str, frozenset[str]] = ("", frozenset())
    native: bool = False
    volume_in_contracts: bool = False
    funding_is_a_fee: bool = False
    all_positions: Mapping[str, Any] = field(default_factory=dict)
    wallets: tuple[str, str, str] | None = None

    @property
    def title(self) -> str:
        return f"{self.name} {self.product}"


def _binance() -> tuple[VenueProfile, VenueProfile]:
    lists = Lists(orders=1000, executions=1000, window_ms=7 * _DAY_MS - 1, reach_ms=90 * _DAY_MS, from_id="fromId")
    perpetual = VenueProfile(
        "binance", PERPETUAL, "binanceusdm", client_ids=ClientIds("newClientOrderId", 36), lists=lists,
        errors=BINANCE, permissions="binance", native=True, sandbox="demo",
        wallets=("assets", "asset", "walletBalance"),
    )  # fmt: skip
    spot = VenueProfile(
        "binance", SPOT, "binance",
        {"defaultType": "spot", "fetchMargins": False, "fetchMarkets": {"types": ["spot"]}},
        client_ids=ClientIds("newClientOrderId", 36), errors=BINANCE, permissions="binance", sandbox="demo",
        lists=Lists(orders=1000, executions=1000, window_ms=_DAY_MS - 1, reach_ms=30 * _DAY_MS, from_id="fromId"),
        margin=Margin({"marginMode": "cross", "sideEffectType": "AUTO_BORROW_REPAY"}, {"marginMode": "cross"},
                      {"type": "margin"}),
    )  # fmt: skip
    return perpetual, spot


def _bybit(product: str) -> VenueProfile:
    linear = {"defaultType": "swap", "defaultSubType": "linear", "fetchMarkets": {"types": ["linear"]}}
    return VenueProfile(
        "bybit", product, "bybit",
        linear if product == PERPETUAL else {"defaultType": "spot", "fetchMarkets": {"types": ["spot"]}},
        client_ids=ClientIds("orderLinkId", 36, asked_by="orderLinkId"),
        look_ups=(
            LookUp("fetchOpenOrders", "orderLinkId", "orderId"),
            LookUp("fetchCanceledAndClosedOrders", "orderLinkId", "orderId"),
        ),
        lists=Lists(orders=50, executions=100, window_ms=7 * _DAY_MS - 1, reach_ms=180 * _DAY_MS,
                    open=OpenPages(50, "cursor", "cursor")),
        batch=Batch(10, 10, ("/v5/order/create-batch", "/v5/order/cancel-batch")),
        errors=BYBIT, permissions="bybit",
        margin=Margin({"isLeverage": 1}) if product == SPOT else None,
        would_have_taken=("rejectReason", frozenset({"EC_PostOnlyWillTakeLiquidity"})),
        funding_is_a_fee=True,
        all_positions={"settleCoin": "USDT", "limit": 200},
    )  # fmt: skip


def _okx(product: str) -> VenueProfile:
    return VenueProfile(
        "okx", product, "okx",
        {"defaultType": "swap" if product == PERPETUAL else "spot", "createOrder": "privatePostTradeOrder",
         "fetchMarkets": {"types": ["swap" if product == PERPETUAL else "spot"]}},
        needs_password=True,
        client_ids=ClientIds("clOrdId", 32, asked_by="clOrdId"),
        look_ups=(LookUp(by_client_id="clOrdId"),),
        lists=Lists(orders=100, executions=100, window_ms=7 * _DAY_MS - 1, reach_ms=90 * _DAY_MS,
                    open=OpenPages(100, "after", "after")),
        batch=Batch(20, 20, ("/trade/batch-orders", "/trade/cancel-batch-orders")),
        errors=OKX, permissions="okx",
        margin=Margin({"marginMode": "cross"}) if product == SPOT else None,
        would_have_taken=("cancelSource", frozenset({"31"})),
    )  # fmt: skip


def _bitget(product: str) -> VenueProfile:
    return VenueProfile(
        "bitget", product, "bitget",
        {"defaultType": "swap" if product == PERPETUAL else "spot", "defaultSubType": "linear",
         "fetchMarkets": {"types": ["swap" if product == PERPETUAL else "spot"]}},
        needs_password=True,
        client_ids=ClientIds("clientOid", 32),
        lists=Lists(orders=100, executions=100, window_ms=7 * _DAY_MS - 1, reach_ms=90 * _DAY_MS,
                    open=OpenPages(100, "after", "idLessThan")),
        batch=Batch(50, 50, ("/batch-place-order", "/batch-orders", "/batch-cancel-orders", "/batch-cancel-order")),
        errors=BITGET, permissions="bitget", market_buys_in_base=product == PERPETUAL,
    )  # fmt: skip


def _gate(product: str) -> VenueProfile:
    return VenueProfile(
        "gate", product, "gate",
        {"defaultType": "swap" if product == PERPETUAL else "spot",
         "fetchMarkets": {"types": ["swap" if product == PERPETUAL else "spot"]}},
        client_ids=ClientIds("text", 28, prefix="t-", asked_by="", written_after=True),
        look_ups=(LookUp(by_client_id=""),),
        lists=Lists(orders=100, executions=100, window_ms=7 * _DAY_MS - 1000, reach_ms=30 * _DAY_MS, in_seconds=True,
                    open=OpenPages(100, *(("offset", "offset") if product == PERPETUAL else ("page", "page")))),
        batch=Batch(10, 20, ("/spot/batch_orders", "/futures/usdt/batch_orders", "/batch_cancel_orders",
                             "/cancel_batch_orders")),
        errors=GATE, permissions="gate", market_buys_in_base=product == PERPETUAL,
        volume_in_contracts=product == PERPETUAL,
        margin=Margin({"marginMode": "cross"}, {"marginMode": "cross"}) if product == SPOT else None,
    )  # fmt: skip


PROFILES: Mapping[tuple[str, str], VenueProfile] = {
    (profile.name, profile.product): profile
    for profile in (
        *_binance(),
        *(make(product) for make in (_bybit, _okx, _bitget, _gate) for product in PRODUCTS),
    )
}
NAMES = tuple(dict.fromkeys(name for name, _ in PROFILES))


def profile_of(exchange: str, product: str) -> VenueProfile:
    """Raises ConnectorError for a venue that is none, with the nearest name there is."""
    if exchange.startswith(OTHER) and len(exchange) > len(OTHER):
        ccxt_id = exchange.removeprefix(OTHER)
        default = {"defaultType": "swap" if product == PERPETUAL else "spot"}
        return VenueProfile(exchange, product, ccxt_id, default)
    if product not in PRODUCTS:
        raise ConnectorError(f"the product is {product!r}; allowed: {', '.join(PRODUCTS)}")
    try:
        return PROFILES[exchange, product]
    except KeyError:
        close = difflib.get_close_matches(exchange.lower(), NAMES, n=1)
        meant = f" Did you mean {close[0]!r}?" if close else ""
        raise ConnectorError(
            f"there is no venue {exchange!r}.{meant} Known: {', '.join(NAMES)}; any other of ccxt is {OTHER}<id>"
        ) from None
