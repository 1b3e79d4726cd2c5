"""Positions for the exposure limit: counted from executions, checked against what the venue reports."""

from collections.abc import Mapping

from connector.gateway.exposure import SymbolExposure
from observability.logs import get_logger
from topics.v1.account_pb2 import AccountUpdate
from topics.v1.instruments_pb2 import INSTRUMENT_KIND_SPOT, Instrument

_log = get_logger(__name__)


class Positions:
    """A reported position that differs counts beside ours, the worse one; the same in two full snapshots, it wins."""

    def __init__(self, exposures: Mapping[str, SymbolExposure], instruments: Mapping[str, Instrument]) -> None:
        self._exposures = exposures
        self._instruments = instruments
        self._differed: dict[str, tuple[int, int]] = {}

    def on_account(self, update: AccountUpdate) -> None:
        reported = {position.symbol: position.quantity_lots for position in update.positions}
        for symbol, exposure in self._exposures.items():
            if self._instruments[symbol].kind == INSTRUMENT_KIND_SPOT:
                exposure.reported_lots = exposure.position_lots
            elif symbol in reported or update.snapshot:
                exposure.reported_lots = reported.get(symbol, 0)
                if update.snapshot:
                    self._correct(symbol, exposure)

    def take_over(self, update: AccountUpdate) -> None:
        """At start: the snapshot is the position."""
        reported = {position.symbol: position.quantity_lots for position in update.positions}
        for symbol, exposure in self._exposures.items():
            if self._instruments[symbol].kind != INSTRUMENT_KIND_SPOT:
                exposure.position_lots = exposure.reported_lots = reported.get(symbol, 0)

    def _correct(self, symbol: str, exposure: SymbolExposure) -> None:
        difference = (exposure.position_lots, exposure.reported_lots)
        if difference[0] == difference[1]:
            self._differed.pop(symbol, None)
        elif self._differed.get(symbol) == difference:
            _log.error("position corrected to the venue's", symbol=symbol, ours=difference[0], venue=difference[1])
            exposure.position_lots = exposure.reported_lots
            del self._differed[symbol]
        else:
            self._differed[symbol] = difference
