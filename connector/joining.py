"""Market messages that wait for the same subscriber leave as one: a gRPC message costs as much with many events in it
as with one.
"""

from collections.abc import Sequence
from typing import cast

from connector.sequences import last_seq
from topics.catalogue import MessageT
from topics.v1.market_pb2 import MarketBatch

MOST_EVENTS = 256


def joined(messages: Sequence[MessageT]) -> list[MessageT]:
    """The same events, each symbol's in their order, in fewer messages; others than market messages as they are.

    Only what follows without a hole is joined. The messages given are left as they are: others wait for them too.
    """
    if len(messages) == 1 or not isinstance(messages[0], MarketBatch):
        return list(messages)
    by_symbol: dict[str, list[list[MarketBatch]]] = {}
    for batch in cast("Sequence[MarketBatch]", messages):
        groups = by_symbol.setdefault(batch.symbol, [])
        if groups and _goes_on(groups[-1], batch):
            groups[-1].append(batch)
        else:
            groups.append([batch])
    return cast("list[MessageT]", [_one(group) for groups in by_symbol.values() for group in groups])


def _goes_on(group: Sequence[MarketBatch], batch: MarketBatch) -> bool:
    together = batch.first_seq + len(batch.events) - group[0].first_seq
    return batch.first_seq == last_seq(group[-1]) + 1 and batch.grain == group[-1].grain and together <= MOST_EVENTS


def _one(group: Sequence[MarketBatch]) -> MarketBatch:
    if len(group) == 1:
        return group[0]
    one = MarketBatch()
    for batch in group:
        one.MergeFrom(batch)
    one.first_seq = group[0].first_seq
    return one
