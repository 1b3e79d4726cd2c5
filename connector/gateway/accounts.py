"""Positions as the venue reports them, beside those counted from executions: the worse one counts (RISK-2)."""

from collections.abc import Iterable, Mapping

from connector.gateway.exposure import SymbolExposure
from topics.v1.account_pb2 import AccountPosition, AccountUpdate
from topics.v1.instruments_pb2 import INSTRUMENT_KIND_SPOT, Instrument


class Positions:
    """A spot account has balances and no positions: there, what we count is all there is to know."""

    def __init__(self, exposures: Mapping[str, SymbolExposure], instruments: Mapping[str, Instrument]) -> None:
        self.exposures = exposures
        self._instruments = instruments

    def compared(self) -> list[str]:
        """The symbols whose position the venue reports."""
        return [it for it in self.exposures if self._instruments[it].kind != INSTRUMENT_KIND_SPOT]

    def booked(self) -> dict[str, int]:
        return {symbol: exposure.position_lots for symbol, exposure in self.exposures.items()}

    def on_account(self, update: AccountUpdate) -> None:
        reported = {position.symbol: position.quantity_lots for position in update.positions}
        for symbol, exposure in self.exposures.items():
            if self._instruments[symbol].kind == INSTRUMENT_KIND_SPOT:
                exposure.reported_lots = exposure.position_lots
            elif symbol in reported or update.snapshot:
                exposure.reported_lots = reported.get(symbol, 0)

    def on_all(self, positions: Iterable[AccountPosition]) -> dict[str, int]:
        """All positions the venue has, flat ones left out or not. Returns lots of every symbol compared."""
        reported = {position.symbol: position.quantity_lots for position in positions}
        held = {symbol: reported.get(symbol, 0) for symbol in self.compared()}
        for symbol, lots in held.items():
            self.exposures[symbol].reported_lots = lots
        return held
