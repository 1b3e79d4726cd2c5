"""Makes the broker's topics match the catalogue, and says where they differ (ES-1). Never deletes or shrinks."""

from dataclasses import dataclass
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_exponential

from topics.catalogue import BY_NAME, Topic
from topics.errors import TopicMismatchError
from topics.log import LogAddress


class _NotSettledError(TopicMismatchError):
    """The broker does not show yet what it was asked for."""


@dataclass(frozen=True, slots=True)
class TopicDifference:
    """`kind`: missing, configuration or partitions. `found` is empty for a missing topic."""

    topic: str
    kind: str
    expected: str
    found: str


async def apply(address: LogAddress, *, replication_factor: int = 1) -> list[TopicDifference]:
    """Creates what is missing and sets what differs; returns what it changed.

    Raises TopicMismatchError where the number of partitions differs: keys would move, and with them the order of
    events.
    """
    async with _Admin(address) as admin:
        found = await _differences(admin, address)
        _refuse_repartitioning(found)
        missing = [BY_NAME[difference.topic] for difference in found if difference.kind == "missing"]
        if missing:
            await admin.create_topics(
                [
                    NewTopic(
                        name=topic.physical_name(address.namespace),
                        num_partitions=topic.partitions,
                        replication_factor=replication_factor,
                        topic_configs=topic.configuration,
                    )
                    for topic in missing
                ]
            )
        changed = {difference.topic for difference in found if difference.kind == "configuration"}
        if changed:
            await admin.alter_configs(
                [_resource(BY_NAME[name], address, BY_NAME[name].configuration) for name in sorted(changed)]
            )
        if found:
            await _settled(admin, address)
        return found


async def check(address: LogAddress) -> list[TopicDifference]:
    """Where the broker differs from the catalogue; empty when all is well."""
    async with _Admin(address) as admin:
        return await _differences(admin, address)


class _Admin:
    def __init__(self, address: LogAddress) -> None:
        self._client = AIOKafkaAdminClient(bootstrap_servers=address.bootstrap, client_id="tapeline-topics")

    async def __aenter__(self) -> AIOKafkaAdminClient:
        await self._client.start()
        return self._client

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()


@retry(
    retry=retry_if_exception_type(_NotSettledError),
    stop=stop_after_delay(30),
    wait=wait_exponential(multiplier=0.02, max=0.5),
    reraise=True,
)
async def _settled(admin: AIOKafkaAdminClient, address: LogAddress) -> None:
    """A broker answers before all of it knows: returns when what was asked for is what is seen."""
    left = await _differences(admin, address)
    _refuse_repartitioning(left)  # a topic that was there already, and was not shown at the first look
    if left:
        told = "; ".join(f"{entry.topic}: {entry.kind}, wanted {entry.expected}" for entry in left)
        raise _NotSettledError(f"the broker took the changes but does not show them after 30 s: {told}")


async def _differences(admin: AIOKafkaAdminClient, address: LogAddress) -> list[TopicDifference]:
    existing = set(await admin.list_topics())
    present = [topic for topic in BY_NAME.values() if topic.physical_name(address.namespace) in existing]
    differences = [
        TopicDifference(topic.name, "missing", f"{topic.partitions} partitions", "")
        for topic in BY_NAME.values()
        if topic not in present
    ]
    if present:
        differences += await _partition_differences(admin, address, present)
        differences += await _configuration_differences(admin, address, present)
    return differences


async def _partition_differences(
    admin: AIOKafkaAdminClient, address: LogAddress, present: list[Topic[Any]]
) -> list[TopicDifference]:
    described = await admin.describe_topics([topic.physical_name(address.namespace) for topic in present])
    counts = {entry["topic"]: len(entry["partitions"]) for entry in described}
    return [
        TopicDifference(topic.name, "partitions", str(topic.partitions), str(counts[name]))
        for topic in present
        if counts[name := topic.physical_name(address.namespace)] != topic.partitions
    ]


async def _configuration_differences(
    admin: AIOKafkaAdminClient, address: LogAddress, present: list[Topic[Any]]
) -> list[TopicDifference]:
    by_physical = {topic.physical_name(address.namespace): topic for topic in present}
    responses = await admin.describe_configs([_resource(topic, address, None) for topic in present])
    differences = []
    for response in responses:
        for resource in response.resources:
            physical_name, entries = resource[3], resource[4]
            values = {entry[0]: entry[1] for entry in entries}
            topic = by_physical[physical_name]
            differences += [
                TopicDifference(topic.name, "configuration", f"{name}={wanted}", f"{name}={values.get(name)}")
                for name, wanted in topic.configuration.items()
                if values.get(name) != wanted
            ]
    return differences


def _resource(topic: Topic[Any], address: LogAddress, configs: dict[str, str] | None) -> ConfigResource:
    return ConfigResource(ConfigResourceType.TOPIC, topic.physical_name(address.namespace), configs)


def _refuse_repartitioning(differences: list[TopicDifference]) -> None:
    wrong = [difference for difference in differences if difference.kind == "partitions"]
    if wrong:
        told = "; ".join(f"{entry.topic} has {entry.found}, the catalogue says {entry.expected}" for entry in wrong)
        raise TopicMismatchError(
            f"partition counts differ: {told}. Changing them would move keys and break the order of events: use a new "
            "namespace (TAPELINE_KAFKA__TOPIC_PREFIX) or restore the topics from a cluster with the right count"
        )
