"""One catalogue: every topic declared once, with one writer, and instruments owned by one worker."""

import pytest

from topics import catalogue
from topics.catalogue import BY_NAME, INTENTS, MARKET, PARTITIONS, TOPICS
from topics.codec import decode, encode, to_json
from topics.envelope import Envelope, read_headers
from topics.errors import MalformedRecordError
from topics.v1.intents_pb2 import Intent, PlaceOrder
from topics.v1.market_pb2 import MarketBatch, MarketEvent, Quote


def test_every_topic_is_declared_once_and_listed() -> None:
    """ES-1: what the module declares is what the catalogue lists."""
    declared = [value for value in vars(catalogue).values() if isinstance(value, catalogue.Topic)]
    assert sorted(topic.name for topic in declared) == sorted(topic.name for topic in TOPICS)
    assert len({topic.name for topic in TOPICS}) == len(TOPICS)


def test_topics_of_an_instrument_share_partitions_and_key() -> None:
    """ES-1: the same key goes to the same partition of every instrument topic, so one worker owns it."""
    shared = [topic for topic in TOPICS if topic.key_shape == "venue:symbol"]
    assert {topic.partitions for topic in shared} == {PARTITIONS}
    assert len(shared) >= 7


def test_every_topic_has_a_dead_letter_topic() -> None:
    """ES-6: there is a place for what cannot be read, kept for ever."""
    for topic in TOPICS:
        letters = BY_NAME[f"{topic.name}.dlq"]
        assert letters.configuration == {"cleanup.policy": "delete", "retention.ms": "-1"}


def test_a_message_survives_the_log() -> None:
    """ES-1: what is encoded is what is decoded, under the declared key."""
    batch = MarketBatch(venue="paper", symbol="BTCUSDT", first_seq=7, events=[MarketEvent(quote=Quote(bid_ticks=1))])
    record = encode(MARKET, batch, Envelope(id="m/7", source="connector", time_ms=1_640_991_660_123))
    assert record.key == b"paper:BTCUSDT"
    assert decode(MARKET, record.value) == batch


def test_the_envelope_says_who_what_when_and_why() -> None:
    """OBS-4: id, type, source, time, correlation and causation on every record."""
    intent = Intent(intent_id="tlX", venue="paper", symbol="BTCUSDT", place=PlaceOrder(client_order_id="tlX"))
    envelope = Envelope(
        id="tlX", source="agents", time_ms=1_640_991_660_123, correlation_id="tlX", causation_id="paper:BTCUSDT/9"
    )
    assert read_headers(encode(INTENTS, intent, envelope).headers) == {
        "specversion": "1.0",
        "id": "tlX",
        "type": "topics.v1.Intent",
        "source": "agents",
        "time": "2021-12-31T23:01:00.123Z",
        "correlationid": "tlX",
        "causationid": "paper:BTCUSDT/9",
    }


@pytest.mark.parametrize("value", [b"", None, b"\xff\xff\xff", b"not protobuf at all"])
def test_bytes_that_are_no_message_are_named_as_such(value: bytes | None) -> None:
    """ES-6: a poison record is recognised, with the topic and what was expected."""
    with pytest.raises(MalformedRecordError, match="topic market"):
        decode(MARKET, value)


def test_json_keeps_the_field_names_of_the_schema() -> None:
    """ES-1: `tapeline topics tail` speaks the schema's words."""
    assert to_json(MarketBatch(first_seq=7)) == {"first_seq": "7"}
