"""The agents' process: a Faust worker with the grid, volatility and exposure agents, and the operations server.

`run` blocks until SIGTERM or SIGINT (returns) or until the worker cannot go on (raises). It is crash-only: whatever
goes wrong ends the process, and the supervisor starts it again.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any

import faust
import uvloop

from agents import metrics
from agents.delivery import DirectConsumer
from agents.exposure_agent import ExposureAgent
from agents.gate import Gate
from agents.grid_agent import GridAgent
from agents.keys import PureAgent
from agents.settings import AgentsSettings
from agents.stateful import StatefulAgent
from agents.volatility_agent import VolatilityAgent
from observability.http import OperationsServer
from observability.logs import get_logger
from topics.log import LogAddress, LogProducer

GROUP = "tapeline-agents"
STREAM_RECORDS = 1024
STOP_S = 10.0

log = get_logger("agents.main")


def run(settings: AgentsSettings, address: LogAddress, *, gate: type[Gate] = Gate) -> None:
    """Runs the worker on the calling thread, with an event loop of its own.

    Logs go where `observability.logs.configure` was told to. `gate` is there for the test that shows what it is for.
    Raises what made the worker stop; topics must exist (`topics.admin.apply`).
    """
    uvloop.run(_run(settings, address, gate))


def pure_agents(settings: AgentsSettings) -> list[PureAgent[Any]]:
    """Every agent of this process."""
    return [
        GridAgent(settings.grid),
        VolatilityAgent(settings.volatility.limits),
        ExposureAgent(settings.exposure.limits),
    ]


def make_app(settings: AgentsSettings, address: LogAddress) -> faust.App:
    """A Faust app that only reads and remembers offsets: no web server, no tables, no topics of its own.

    Faust's own assignor keeps partition n of all topics on one worker; `canonical_url` names the worker in it.
    """
    app = faust.App(
        f"{address.namespace}{GROUP}",
        broker=";".join(f"kafka://{each}" for each in address.bootstrap.split(",")),
        store="memory://",
        datadir=settings.data_dir,
        canonical_url=f"http://{settings.worker_id}",
        consumer_group_instance_id=settings.worker_id,
        consumer_auto_offset_reset="earliest",
        broker_session_timeout=settings.session_timeout_s,
        broker_heartbeat_interval=settings.session_timeout_s / 4,
        broker_commit_interval=1.0,
        stream_buffer_maxsize=STREAM_RECORDS,
        topic_disable_leader=True,
        topic_allow_declare=False,
        web_enabled=False,
        stream_recovery_delay=0,
        # Faust would wait for acks of events the gate has dropped, which never come, and the group with it. What is
        # under way is waited for by `StatefulAgent.release`; what is read again is known by its offset.
        stream_wait_empty=False,
        agent_supervisor="mode.supervisors:CrashingSupervisor",
    )
    app.transport.Consumer = DirectConsumer
    return app


async def _run(settings: AgentsSettings, address: LogAddress, gate: type[Gate]) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    async with AsyncExitStack() as resources:
        app = make_app(settings, address)
        agents: list[StatefulAgent[Any]] = []
        for pure in pure_agents(settings):
            # One each: a producer has one request under way to a broker, and a trade must not wait for another agent's.
            producer = LogProducer(address, client_id=f"{settings.worker_id}-{pure.name}")
            await resources.enter_async_context(producer)
            agent = StatefulAgent(
                pure,
                producer=producer,
                address=address,
                gate=gate(),
                patience_s=settings.session_timeout_s,
                lease_age_s=lambda: float(app.consumer.lease_age_s()),
            )
            agent.attach(app)
            agents.append(agent)
        _count_slots(agents)
        server = OperationsServer(
            settings.operations_host,
            settings.operations_port,
            status=lambda: {agent.agent.name: agent.status() for agent in agents},
            process_name="agents",
        )
        await resources.enter_async_context(server)
        log.info("agents start", worker=settings.worker_id, operations_port=server.port)
        await _serve(app, stop)


async def _serve(app: faust.App, stop: asyncio.Event) -> None:
    """Until asked to stop, or until the worker crashes: then raises why."""
    await app.start()
    gc.freeze()  # modules and descriptors are here to stay: a collection that walks them all holds up a trade
    try:
        stopping = asyncio.ensure_future(stop.wait())
        crashing = asyncio.ensure_future(app.wait_until_stopped())
        await asyncio.wait({stopping, crashing}, return_when=asyncio.FIRST_COMPLETED)
        for task in (stopping, crashing):
            task.cancel()
    finally:
        await _end(app)
    if app.crash_reason is not None:
        raise app.crash_reason
    log.info("agents stopped")


async def _end(app: faust.App) -> None:
    """Stops the app, or the process: the consumer's thread may wait for the app to let go of partitions while the app
    waits for that thread to commit, and as long as the thread lives Python does not end. As after kill -9 nothing is
    lost by it: what was not committed is read again and known by its offset."""
    try:
        async with asyncio.timeout(STOP_S):
            await app.stop()
    except TimeoutError:
        log.error("the consumer does not stop; the process ends without it", crash=repr(app.crash_reason))  # noqa: TRY400
        os._exit(1)


def _count_slots(agents: Sequence[StatefulAgent[Any]]) -> None:
    grids = next(agent for agent in agents if agent.agent.name == GridAgent.name)

    def locked() -> float:
        return sum(len(key.state.live) for key in grids.keys.values())

    def waiting() -> float:
        return sum(len(key.state.slots) - len(key.state.live) for key in grids.keys.values())

    metrics.SLOTS.labels("LOCKED").set_function(locked)
    metrics.SLOTS.labels("WAITING").set_function(waiting)
