"""How much could be at stake if everything open on the worse side filled (RISK-2), and which orders that forbids.

Pure arithmetic on lots and Decimal. The position is known twice: from the fills booked, and as the venue last reported
it. They differ for moments, because the two streams race; the worse of them counts, so the limit holds in between.
Orders that only reduce count no further than the position; but while the two differ an execution is unheard of, and it
may be theirs, from when the position was another: then they count whole.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from connector.gateway.settings import RiskLimits
from connector.port import OrderRequest
from topics.scale import Scale
from topics.v1.common_pb2 import ORDER_TYPE_LIMIT, SIDE_BUY, SIDE_SELL
from topics.v1.instruments_pb2 import Instrument


@dataclass(frozen=True, slots=True)
class Denial:
    """Why an order is not sent: a stable code and the numbers in words (RISK-7)."""

    code: str
    reason: str


@dataclass(slots=True)
class SymbolExposure:
    """One symbol's position and open quantities, in lots; `lot_size` in base units, `mark_price` in quote."""

    lot_size: Decimal
    mark_price: Decimal | None = None
    position_lots: int = 0
    reported_lots: int = 0
    open_buy_lots: int = 0
    open_sell_lots: int = 0
    reducing_buy_lots: int = 0
    reducing_sell_lots: int = 0

    def change_open(self, request: OrderRequest, lots: int) -> None:
        """Adds (or, negative, takes away) what an order may still fill."""
        if request.side == SIDE_BUY:
            if request.reduce_only:
                self.reducing_buy_lots += lots
            else:
                self.open_buy_lots += lots
        elif request.reduce_only:
            self.reducing_sell_lots += lots
        else:
            self.open_sell_lots += lots

    def mark(self, price: Decimal) -> None:
        """A market that has not begun has a mark price of 0 at the venue: it is not known then."""
        if price > 0:
            self.mark_price = price

    def book(self, side: int, lots: int) -> None:
        self.position_lots += lots if side == SIDE_BUY else -lots

    def worst_lots(self) -> int:
        return max(self.side_lots(SIDE_BUY), self.side_lots(SIDE_SELL))

    def side_lots(self, side: int, *, more: int = 0) -> int:
        """The position, without its sign, if everything open on this side filled, and `more` with it."""
        return max(abs(self._filled(side, more, position)) for position in {self.position_lots, self.reported_lots})

    def _filled(self, side: int, more: int, position: int) -> int:
        if side == SIDE_BUY:
            return position + self.open_buy_lots + more + self._reducing(self.reducing_buy_lots, -position)
        return position - self.open_sell_lots - more - self._reducing(self.reducing_sell_lots, position)

    def _reducing(self, lots: int, position: int) -> int:
        return lots if self.position_lots != self.reported_lots else min(lots, max(0, position))


def check_order(
    request: OrderRequest,
    *,
    instrument: Instrument | None,
    limits: RiskLimits,
    exposures: Mapping[str, SymbolExposure],
    open_orders: int,
) -> Denial | None:
    """The first reason not to send this order, or None. `open_orders`: of this symbol, claims in flight included."""
    if instrument is None:
        known = ", ".join(sorted(exposures)) or "none"
        return Denial("UNKNOWN_SYMBOL", f"{request.symbol} is not an instrument of this connector (known: {known})")
    if not instrument.trading:
        return Denial("NOT_TRADING", f"the venue has trading of {request.symbol} halted")
    return (
        _check_quantity(request, instrument)
        or _check_notional(request, instrument, limits, exposures[request.symbol])
        or _check_open_orders(request, limits, open_orders)
        or _check_exposure(request, limits, exposures)
    )


def total_exposure(exposures: Mapping[str, SymbolExposure]) -> Decimal:
    """Quote currency. A symbol without anything at stake needs no mark price."""
    return sum(
        (it.worst_lots() * it.lot_size * (it.mark_price or Decimal(0)) for it in exposures.values()), start=Decimal(0)
    )


def _check_quantity(request: OrderRequest, instrument: Instrument) -> Denial | None:
    lots = request.quantity_lots
    if lots < max(1, instrument.min_quantity_lots):
        return Denial(
            "QUANTITY_TOO_SMALL", f"quantity {lots} lots is below the venue's {instrument.min_quantity_lots} lots"
        )
    if 0 < instrument.max_quantity_lots < lots:
        return Denial(
            "QUANTITY_TOO_LARGE", f"quantity {lots} lots is above the venue's {instrument.max_quantity_lots} lots"
        )
    if request.type == ORDER_TYPE_LIMIT and request.price_ticks <= 0:
        return Denial("INVALID_PRICE", f"a limit order needs a positive price, got {request.price_ticks} ticks")
    return None


def _check_notional(
    request: OrderRequest, instrument: Instrument, limits: RiskLimits, exposure: SymbolExposure
) -> Denial | None:
    scale = Scale.of(instrument.grain)
    if request.type == ORDER_TYPE_LIMIT:
        notional = scale.notional(request.price_ticks, request.quantity_lots)
    elif exposure.mark_price is None:
        return _no_mark_price(request.symbol)
    else:
        notional = scale.quantity(request.quantity_lots) * exposure.mark_price
    asset = instrument.quote_asset
    minimum = Decimal(instrument.min_notional or 0)
    if notional < minimum and not request.reduce_only:
        return Denial("NOTIONAL_TOO_SMALL", f"notional {notional:f} {asset} is below the venue's {minimum:f} {asset}")
    if notional > limits.max_order_notional:
        return Denial(
            "ORDER_NOTIONAL_LIMIT",
            f"notional {notional:f} {asset} is above max_order_notional {limits.max_order_notional:f}",
        )
    return None


def _check_open_orders(request: OrderRequest, limits: RiskLimits, open_orders: int) -> Denial | None:
    if open_orders < limits.max_open_orders_per_symbol:
        return None
    return Denial(
        "OPEN_ORDERS_LIMIT",
        f"{request.symbol} has {open_orders} open orders; max_open_orders_per_symbol is "
        f"{limits.max_open_orders_per_symbol}",
    )


def _check_exposure(
    request: OrderRequest, limits: RiskLimits, exposures: Mapping[str, SymbolExposure]
) -> Denial | None:
    """Its own side is judged: a worse one, lifted above the limit by the mark price or by orders that only reduce (they
    make room for those beside them), hides nothing. What brings its side no further from zero is never denied."""
    if request.reduce_only:
        return None
    mine = exposures[request.symbol]
    after = mine.side_lots(request.side, more=request.quantity_lots)
    if after <= mine.side_lots(request.side):
        return None
    for symbol, other in exposures.items():
        if other.mark_price is None and (symbol == request.symbol or other.worst_lots()):
            return _no_mark_price(symbol)
    total = total_exposure(exposures)
    new_total = total + (after - mine.worst_lots()) * mine.lot_size * (mine.mark_price or Decimal(0))
    if new_total <= limits.max_exposure_quote:
        return None
    return Denial(
        "EXPOSURE_LIMIT",
        f"exposure would be {new_total:f} if its side filled, it is {total:f} now; max_exposure_quote is "
        f"{limits.max_exposure_quote:f}",
    )


def _no_mark_price(symbol: str) -> Denial:
    return Denial("NO_MARK_PRICE", f"no mark price of {symbol} is known yet, so its exposure cannot be judged")
