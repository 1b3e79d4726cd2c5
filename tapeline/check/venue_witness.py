"""What the venue says: the paper venue's own ledger, read from its file whether it runs or not."""

import asyncio
from pathlib import Path

from tapeline.check.facts import Execution, VenueFacts, VenueOrder
from topics.errors import TapelineError
from venue.errors import LedgerError
from venue.ledger_reader import LedgerReader


class PaperVenue:
    """`folder` holds the venue's ledger; `name` is what the connector calls this venue."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._name = name

    async def read(self) -> VenueFacts:
        """Empty before the venue's first start. Raises TapelineError for a ledger that cannot be read."""
        return await asyncio.to_thread(self._read)

    def _read(self) -> VenueFacts:
        if not self._folder.exists() or not any(self._folder.iterdir()):
            return VenueFacts()
        try:
            return self._consistent(LedgerReader(self._folder))
        except LedgerError as error:
            raise TapelineError(f"the venue cannot be asked: {error}") from error

    def _consistent(self, ledger: LedgerReader) -> VenueFacts:
        """The reader takes one snapshot a question: ask until nothing traded in between."""
        while True:
            trades, positions, orders = ledger.trades(), ledger.positions(), ledger.orders()
            if len(ledger.trades()) == len(trades):
                break
        return VenueFacts(
            orders=[
                VenueOrder(
                    self._name, it.symbol, it.client_order_id, str(it.order_id), it.is_open, it.status,
                    it.executed_quantity,
                )
                for it in orders
            ],
            fills=[
                Execution(
                    self._name, it.symbol, str(it.trade_id), it.client_order_id,
                    it.quantity if it.side == "BUY" else -it.quantity,
                )
                for it in trades
            ],
            positions={(self._name, it.symbol): it.quantity for it in positions},
        )  # fmt: skip
