"""What a log holds, for tests."""

from typing import Any

from topics.catalogue import Topic
from topics.codec import decode
from topics.log import LogAddress, partitions_of, read_to_end, reader


async def everything(log: LogAddress, topic: Topic[Any]) -> list[Any]:
    """All messages of a topic, in the order of their partitions."""
    found = []
    async with reader(log, client_id="test") as consumer:
        async for records in read_to_end(consumer, partitions_of(log, [topic])):
            found += [decode(topic, record.value) for record in records]
    return found
