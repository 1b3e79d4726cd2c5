"""Messages to records and back. One encoding for all: protobuf in the value, the envelope in the headers."""

from dataclasses import dataclass
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError, Message

from topics.catalogue import MessageT, Topic
from topics.envelope import Envelope
from topics.errors import MalformedRecordError


@dataclass(frozen=True, slots=True)
class Record:
    """A record ready to be sent. `topic` is the catalogue's name, without a namespace."""

    topic: str
    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]


def encode(topic: Topic[MessageT], message: MessageT, envelope: Envelope) -> Record:
    return Record(
        topic=topic.name,
        key=topic.key_of(message).encode(),
        value=message.SerializeToString(),
        headers=envelope.headers(message.DESCRIPTOR.full_name),
    )


def decode(topic: Topic[MessageT], value: bytes | None) -> MessageT:
    """Raises MalformedRecordError where the bytes are not this topic's message."""
    if not value:
        raise MalformedRecordError(f"topic {topic.name}: the record is empty; expected {topic.message.__name__}")
    try:
        return topic.message.FromString(value)
    except DecodeError as error:
        raise MalformedRecordError(
            f"topic {topic.name}: {len(value)} bytes are not a {topic.message.__name__}: {error}"
        ) from error


def to_json(message: Message) -> dict[str, Any]:
    """For people and programs outside: field names as in proto/, 64-bit integers as strings (protobuf's JSON)."""
    return MessageToDict(message, preserving_proto_field_name=True)
