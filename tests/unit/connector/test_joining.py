"""What waits for a subscriber leaves together, with every number once and in its order."""

from itertools import chain

from connector.joining import MOST_EVENTS, joined
from topics.v1.common_pb2 import Grain
from topics.v1.market_pb2 import MarketBatch, MarketEvent, Quote
from topics.v1.orders_pb2 import OrderUpdate

A, B = "AAAUSDT", "BBBUSDT"


def batch(symbol: str, *seqs: int, tick_size: str = "1") -> MarketBatch:
    """`update_id` says which number each event has; `received_ns` is the last one's."""
    return MarketBatch(
        venue="paper",
        symbol=symbol,
        grain=Grain(tick_size=tick_size, lot_size="1"),
        first_seq=seqs[0],
        events=[MarketEvent(quote=Quote(update_id=seq)) for seq in seqs],
        received_ns=seqs[-1],
    )


def numbers(message: MarketBatch) -> list[int]:
    """As a reader counts them, which must be what the events say."""
    counted = list(range(message.first_seq, message.first_seq + len(message.events)))
    assert counted == [event.quote.update_id for event in message.events]
    return counted


def test_what_follows_on_each_other_is_one_message_a_symbol() -> None:
    """GRPC-2, NFR: numbers, grain and the time of the last event stay true; the shared messages are not touched."""
    given = [batch(A, 1), batch(B, 7), batch(A, 2, 3), batch(B, 8), batch(A, 4)]
    before = [message.SerializeToString() for message in given]
    together = joined(given)
    assert [(one.symbol, numbers(one), one.received_ns) for one in together] == [(A, [1, 2, 3, 4], 4), (B, [7, 8], 8)]
    assert [one.grain.tick_size for one in together] == ["1", "1"]
    assert [message.SerializeToString() for message in given] == before


def test_a_hole_and_another_grain_keep_messages_apart() -> None:
    """GRPC-5, SYM-1: a hole must be seen, and a price means nothing without its own grain."""
    given = [batch(A, 1), batch(A, 3), batch(A, 4, tick_size="0.1")]
    assert [numbers(one) for one in joined(given)] == [[1], [3], [4]]


def test_a_message_is_bounded() -> None:
    """GRPC-6: however much waits."""
    count = 2 * MOST_EVENTS + 1
    together = joined([batch(A, seq) for seq in range(1, count + 1)])
    assert [len(one.events) for one in together] == [MOST_EVENTS, MOST_EVENTS, 1]
    assert list(chain.from_iterable(map(numbers, together))) == list(range(1, count + 1))


def test_one_alone_and_other_messages_pass_as_they_are() -> None:
    """GRPC-2: nothing is copied that need not be."""
    alone, updates = batch(A, 1), [OrderUpdate(seq=1), OrderUpdate(seq=2)]
    assert joined([alone])[0] is alone
    assert all(one is other for one, other in zip(joined(updates), updates, strict=True))
