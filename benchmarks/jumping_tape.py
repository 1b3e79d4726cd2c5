"""A tape whose price leaves the grid's window again and again, so that decisions are made on market events.

Between two prices it jumps there and back; each jump leaves a window of one level behind: the order it passes is
filled, the other is cancelled, and two are placed around the new price. So the position stays within one order.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import Final

from benchmarks.market import START_MS
from venue.instruments import LISTED
from venue.synthetic import REFERENCE_PRICES

QUOTE_EVERY_MS: Final = 50
JUMP_EVERY_MS: Final = 250
JUMP: Final = Decimal("0.002")
PARAMETERS: Final = ("--param", "levels=1", "--param", "interval_bps=5")
_SIZE_NOTIONAL: Final = 40_000


def write(folder: Path, symbols: tuple[str, ...], seconds: int) -> list[Path]:
    """One file of quotes a symbol; symbols jump at different times."""
    return [
        _write(folder / f"{symbol.removesuffix('USDT').lower()}-perp-quotes.csv", symbol, seconds, number, len(symbols))
        for number, symbol in enumerate(symbols)
    ]


def _write(path: Path, symbol: str, seconds: int, number: int, symbols: int) -> Path:
    tick = LISTED[symbol].tick_size
    low = Decimal(REFERENCE_PRICES[symbol])
    bids = [(price / tick).to_integral_value(ROUND_HALF_EVEN) * tick for price in (low, low * (1 + JUMP))]
    size = (_SIZE_NOTIONAL / low).quantize(LISTED[symbol].lot_size)
    shift_ms = JUMP_EVERY_MS * number // symbols
    lines = ["time_ms,bid,bid_size,ask,ask_size"]
    for passed_ms in range(0, seconds * 1_000, QUOTE_EVERY_MS):
        bid = bids[(passed_ms // JUMP_EVERY_MS) % 2]
        lines.append(f"{START_MS + shift_ms + passed_ms},{bid},{size},{bid + tick},{size}")
    path.write_text("\n".join(lines) + "\n")
    return path
