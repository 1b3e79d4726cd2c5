"""Between decimal money at the edges and whole ticks and lots inside (ORD-7). No float anywhere."""

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from functools import lru_cache

from topics.errors import OffGridError
from topics.v1.common_pb2 import Grain


@dataclass(frozen=True, slots=True)
class Scale:
    """Tick and lot size of one instrument.

    `tick_size` is in quote currency per base unit, `lot_size` in base units; both are positive.
    """

    tick_size: Decimal
    lot_size: Decimal

    def __post_init__(self) -> None:
        for name, size in (("tick size", self.tick_size), ("lot size", self.lot_size)):
            if not (size.is_finite() and size > 0):
                raise OffGridError(f"{name} {size} is not a positive number; the instrument cannot be traded")

    @classmethod
    def of(cls, grain: Grain) -> "Scale":
        """The scale a record carries. Raises OffGridError where the record has none."""
        return _scale(grain.tick_size, grain.lot_size)

    @property
    def grain(self) -> Grain:
        return Grain(tick_size=format(self.tick_size, "f"), lot_size=format(self.lot_size, "f"))

    def ticks(self, price: Decimal | str) -> int:
        """Price in ticks. Raises OffGridError where it is not a whole number of them."""
        return _whole(Decimal(price), self.tick_size, "price", "tick size")

    def lots(self, quantity: Decimal | str) -> int:
        """Quantity in lots, keeping the sign. Raises OffGridError where it is not a whole number of them."""
        return _whole(Decimal(quantity), self.lot_size, "quantity", "lot size")

    def ticks_down(self, price: Decimal | str) -> int:
        return int((Decimal(price) / self.tick_size).to_integral_value(ROUND_FLOOR))

    def ticks_up(self, price: Decimal | str) -> int:
        return int((Decimal(price) / self.tick_size).to_integral_value(ROUND_CEILING))

    def ticks_nearest(self, price: Decimal | str) -> int:
        return int((Decimal(price) / self.tick_size).to_integral_value(ROUND_HALF_EVEN))

    def lots_down(self, quantity: Decimal | str) -> int:
        return int((Decimal(quantity) / self.lot_size).to_integral_value(ROUND_FLOOR))

    def lots_nearest(self, quantity: Decimal | str) -> int:
        return int((Decimal(quantity) / self.lot_size).to_integral_value(ROUND_HALF_EVEN))

    def price(self, ticks: int) -> Decimal:
        return ticks * self.tick_size

    def quantity(self, lots: int) -> Decimal:
        return lots * self.lot_size

    def notional(self, ticks: int, lots: int) -> Decimal:
        """Quote currency, exact."""
        return (ticks * lots) * (self.tick_size * self.lot_size)


@lru_cache(maxsize=4096)
def _scale(tick_size: str, lot_size: str) -> Scale:
    if not tick_size or not lot_size:
        raise OffGridError(f"a record carries no grain: tick size {tick_size!r}, lot size {lot_size!r}")
    return Scale(Decimal(tick_size), Decimal(lot_size))


def _whole(value: Decimal, size: Decimal, what: str, grid: str) -> int:
    if not value.is_finite():
        raise OffGridError(f"{what} {value} is not a number")
    count, rest = divmod(value, size)
    if rest:
        raise OffGridError(f"{what} {value} is not a multiple of the {grid} {size}; round it first")
    return int(count)
