"""The same grid in Quix Streams: decode the same record, fold the same pure rule, keep state, produce intents.

`python -m benchmarks.peers.quix_grid BOOTSTRAP NAMESPACE TOTAL_EVENTS`

In Quix's favour: the folded grid stays in memory and is only written through to its store (RocksDB with a changelog
topic), parameters are given instead of read, intents carry no envelope, slot steps are not published, and its
clock stops at the last record processed, not when that is flushed and committed.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterable
from typing import Any

from quixstreams import Application

from agents.domain import grid, grid_record
from agents.domain.grid_state import Grid
from agents.domain.outputs import Cancel, Output, Place
from benchmarks.market import VENUE
from benchmarks.peers.report import Progress
from benchmarks.workload import active_grid
from topics.catalogue import INTENTS, MARKET, ORDERS, Topic
from topics.codec import decode
from topics.v1.intents_pb2 import CancelOrder, Intent, PlaceOrder
from topics.v1.orders_pb2 import OrderUpdate
from topics.v1.state_pb2 import GridState

STORE_KEY = "grid"


class Grids:
    """Every instrument's grid in memory, written through to the store Quix hands in."""

    def __init__(self) -> None:
        self._grids: dict[str, Grid] = {}
        self._records: dict[str, GridState] = {}
        self.intents = 0

    def on_market(self, value: bytes, state: Any) -> list[bytes]:
        batch = decode(MARKET, value)
        return self._fold(batch.symbol, state, lambda folded: grid.on_market(folded, batch))

    def on_order(self, value: bytes, state: Any) -> list[bytes]:
        update: OrderUpdate = decode(ORDERS, value)
        return self._fold(update.symbol, state, lambda folded: grid.on_order(folded, update))

    def _fold(self, symbol: str, state: Any, rule: Callable[[Grid], list[Output]]) -> list[bytes]:
        folded = self._grids.get(symbol)
        if folded is None:
            folded = self._grids[symbol] = active_grid(symbol)
        outputs = rule(folded)
        if outputs or symbol not in self._records:
            self._records[symbol] = grid_record.to_record(folded)
        else:
            grid_record.update_quote(self._records[symbol], folded)
        state.set_bytes(STORE_KEY, self._records[symbol].SerializeToString())
        intents = [
            intent(folded, output).SerializeToString() for output in outputs if isinstance(output, Place | Cancel)
        ]
        self.intents += len(intents)
        return intents


def intent(folded: Grid, output: Place | Cancel) -> Intent:
    made = Intent(
        intent_id=output.client_order_id,
        strategy="grid",
        venue=VENUE,
        symbol=folded.symbol,
        account=folded.account,
        grain=folded.limits.scale.grain if folded.limits else None,
        rule=output.rule,
        reason=output.reason,
        market_time_ms=output.time_ms,
    )
    if isinstance(output, Cancel):
        made.cancel.CopyFrom(CancelOrder(client_order_id=output.client_order_id))
        return made
    made.place.CopyFrom(
        PlaceOrder(
            client_order_id=output.client_order_id,
            side=output.side,
            price_ticks=output.price_ticks,
            quantity_lots=output.quantity_lots,
            slot=output.slot,
            attempt=output.attempt,
        )
    )
    return made


def main(bootstrap: str, namespace: str, total: int) -> None:
    progress = Progress(total)
    grids = Grids()
    app = Application(
        broker_address=bootstrap,
        consumer_group=f"{namespace}quix-grid",
        auto_offset_reset="earliest",
        state_dir=tempfile.mkdtemp(prefix="tapeline-bench-quix-"),
        loglevel="WARNING",
    )
    market, orders = (_topic(app, topic, namespace) for topic in (MARKET, ORDERS))
    intents = _topic(app, INTENTS, namespace)

    def counted(value: bytes, state: Any) -> Iterable[bytes]:
        progress.begin()
        outputs = grids.on_market(value, state)
        if progress.add(len(decode(MARKET, value).events)):
            progress.tell(intents=grids.intents)
            os._exit(0)
        return outputs

    app.dataframe(market).apply(counted, stateful=True, expand=True).to_topic(intents)
    app.dataframe(orders).apply(grids.on_order, stateful=True, expand=True).to_topic(intents)
    app.run()


def _topic(app: Application, topic: Topic[Any], namespace: str) -> Any:
    name = topic.physical_name(namespace)
    return app.topic(
        name, key_serializer="bytes", key_deserializer="bytes", value_serializer="bytes", value_deserializer="bytes"
    )


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
