"""Which candles a cut stream left out: the pure part of fetching them again (STREAM-1)."""

from dataclasses import dataclass

from topics.v1.market_pb2 import Candle


@dataclass(slots=True)
class CandleGap:
    """Follows one instrument's candles; says what to fetch once the stream is back."""

    last: Candle | None = None
    was_cut: bool = False

    def cut(self) -> None:
        self.was_cut = self.last is not None

    def missed_before(self, candle: Candle) -> tuple[int, int] | None:
        """Open times [from, until) to fetch before `candle` is passed on; None: nothing is missing."""
        last, was_cut = self.last, self.was_cut
        self.last, self.was_cut = candle, False
        if not was_cut or last is None or candle.open_time_ms <= last.open_time_ms:
            return None
        start = last.open_time_ms + (last.interval_ms if last.closed else 0)
        return (start, candle.open_time_ms) if start < candle.open_time_ms else None
