"""Wires the connector and runs it until SIGTERM or SIGINT, or until a part fails (crash-only).

Order at the start: key and instruments, kill switch, log, ledger and reconciliation, streams, intents, gRPC. Nothing is
placed before the gateway knows what is open at the venue.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Any

from connector.account import AccountView
from connector.ccxt_adapter.opening import OpenedVenue, open_venue
from connector.following import Following
from connector.gateway import crash_points
from connector.gateway.clock import SystemClock
from connector.gateway.gateway import Gateway
from connector.gateway.postgres_ledger import PostgresLedger
from connector.kill_at_start import cancel_if_killed
from connector.latest_prices import LatestPrices
from connector.publisher import Publisher
from connector.pumps import Pumps
from connector.replay import Replays
from connector.sequences import resume
from connector.server import GrpcServer
from connector.service import ConnectorService
from connector.service_parts import Parts
from connector.settings import ConnectorSettings
from connector.transport_security import server_credentials
from connector.venue_at_start import start_venue
from connector.wiring import keys_of, works
from observability.http import OperationsServer
from observability.logs import get_logger
from topics.log import LogAddress, LogProducer
from topics.v1.instruments_pb2 import Instrument

_log = get_logger(__name__)
LOOPBACK = ("127.0.0.1", "::1", "[::1]", "localhost")


async def run(settings: ConnectorSettings, log: LogAddress, dsn: str) -> None:
    """Until a signal, then returns. Raises TapelineError for what a person can mend, KafkaError or psycopg.Error
    when the log or the database is gone."""
    crash_points.arm(os.environ)
    stop = asyncio.Event()
    with _signals(stop):
        await serve(settings, log, dsn, stop)


async def serve(
    settings: ConnectorSettings,
    log: LogAddress,
    dsn: str,
    stop: asyncio.Event,
    started: "asyncio.Future[int] | None" = None,
) -> None:
    """Until `stop`; `started` gets the gRPC port once everything runs. Raises what failed first."""
    try:
        await _serve(settings, log, dsn, stop, started)
    except BaseExceptionGroup as group:
        raise _first(group) from group
    _log.info("connector_stopped")


async def _serve(
    settings: ConnectorSettings,
    log: LogAddress,
    dsn: str,
    stop: asyncio.Event,
    started: "asyncio.Future[int] | None",
) -> None:
    credentials = server_credentials(settings.grpc_tls)
    _warn_of_open_door(settings)
    async with AsyncExitStack() as stack:
        port = open_venue(settings.venue)
        stack.push_async_callback(port.close)
        listed = await start_venue(port, limit_s=settings.credentials_timeout_s, timeout_s=settings.venue.timeout_s)
        instruments = {instrument.symbol: instrument for instrument in listed}
        await cancel_if_killed(port, dsn, instruments)
        publisher = await _publisher(stack, settings, log, instruments)
        gateway = Gateway(
            port=port,
            ledger=PostgresLedger(dsn),
            publish=publisher.publish_orders,
            instruments=instruments,
            limits=settings.limits,
            clock=SystemClock(),
            settings=settings.gateway,
            publish_alerts=publisher.publish_alerts,
        )
        stack.push_async_callback(gateway.stop)
        await gateway.start()
        account = AccountView(port, max_age_s=settings.account_max_age_s)
        prices = LatestPrices(port, max_age_s=settings.price_max_age_s)
        pumps = Pumps(port, publisher, gateway, account, prices, settings.account_snapshot_interval_s)
        following = Following(Replays(log), resume_limit=settings.resume_limit)
        parts = Parts(gateway, port, account, prices, instruments, publisher, following)
        await stack.enter_async_context(_operations(settings, port, publisher, gateway))
        async with asyncio.TaskGroup() as group:
            running = works(publisher, pumps, gateway, instruments, log)
            tasks = [group.create_task(gateway.not_before_a_kill(work)) for work in running]
            server = GrpcServer(
                ConnectorService(parts),
                host=settings.grpc_host,
                port=settings.grpc_port,
                grace_s=settings.shutdown_grace_s,
                credentials=credentials,
                token=settings.grpc_token.get_secret_value(),
            )
            async with server:
                _log.info("connector_ready", grpc_port=server.port, symbols=sorted(instruments))
                if started is not None:
                    started.set_result(server.port)
                await stop.wait()
            for task in tasks:
                task.cancel()


def _warn_of_open_door(settings: ConnectorSettings) -> None:
    if settings.grpc_host in LOOPBACK:
        return
    if not settings.grpc_token.get_secret_value() and settings.grpc_tls.client_ca_file is None:
        _log.warning("whoever reaches the port can trade: set grpc_token or grpc_tls", host=settings.grpc_host)
    elif settings.grpc_tls.certificate_file is None:
        _log.warning("the token crosses the network in the clear: set grpc_tls", host=settings.grpc_host)


async def _publisher(
    stack: AsyncExitStack, settings: ConnectorSettings, log: LogAddress, instruments: dict[str, Instrument]
) -> Publisher:
    sequences = await resume(log, keys_of(settings.venue.name, settings.venue.account, instruments))
    producer = await stack.enter_async_context(LogProducer(log, client_id="connector"))
    market_producer = await stack.enter_async_context(LogProducer(log, client_id="connector-market"))
    publisher = Publisher(
        producer, sequences, subscriber_buffer=settings.subscriber_buffer, market_producer=market_producer
    )
    await publisher.publish_instruments(instruments.values())
    return publisher


@asynccontextmanager
async def _operations(
    settings: ConnectorSettings, port: OpenedVenue, publisher: Publisher, gateway: Gateway
) -> AsyncIterator[OperationsServer]:
    def status() -> dict[str, Any]:
        feeds = {f"venue_{feed}": state for feed, state in port.status().items()}
        return {**feeds, "gateway": gateway.status(), "log": {"waiting_events": publisher.backlog()}}

    async with OperationsServer(
        settings.operations_host, settings.operations_port, status=status, process_name="connector"
    ) as server:
        yield server


@contextmanager
def _signals(stop: asyncio.Event) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGTERM, signal.SIGINT)
    for number in numbers:
        loop.add_signal_handler(number, stop.set)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """What failed first; the others were cancelled for it."""
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error
