"""Reading a topic as a person: each record decoded to JSON with its place and envelope."""

from collections.abc import AsyncIterator
from typing import Any

from aiokafka import ConsumerRecord

from topics.catalogue import Topic
from topics.codec import decode, to_json
from topics.envelope import read_headers
from topics.errors import MalformedRecordError
from topics.log import LogAddress, partitions_of, read_to_end, reader


async def tail(
    address: LogAddress, topic: Topic[Any], *, start: int | None = None, follow: bool = False
) -> AsyncIterator[dict[str, Any]]:
    """Yields `{partition, offset, key, envelope, message}` or, for an unreadable record, `error` for `message`.

    `start` is an offset in every partition; None: the oldest kept. With `follow` it goes on for ever.
    """
    partitions = partitions_of(address, [topic])
    async with reader(address, client_id="tapeline-tail") as consumer:
        begin = None if start is None else dict.fromkeys(partitions, start)
        async for records in read_to_end(consumer, partitions, start=begin):
            for record in records:
                yield describe(topic, record)
        while follow:
            for records in (await consumer.getmany(*partitions, timeout_ms=500)).values():
                for record in records:
                    yield describe(topic, record)


def describe(topic: Topic[Any], record: ConsumerRecord) -> dict[str, Any]:
    described: dict[str, Any] = {
        "topic": topic.name,
        "partition": record.partition,
        "offset": record.offset,
        "key": (record.key or b"").decode(errors="replace"),
        "envelope": read_headers(record.headers),
    }
    try:
        described["message"] = to_json(decode(topic, record.value))
    except MalformedRecordError as error:
        described["error"] = str(error)
    return described
