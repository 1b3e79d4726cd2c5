"""One simulated run: all of it built from a seed, broken as the plan says, left alone at the end, told as a History.

The product's gateway, agents' rules and projections run unchanged on virtual time; venue, network, log and database are
twins that misbehave by plan.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Coroutine
from decimal import Decimal
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from aiokafka import ConsumerRecord

from agents.main import pure_agents
from agents.settings import AgentsSettings
from connector.gateway.settings import GatewaySettings, RiskLimits
from projections.memory_store import MemoryRows
from reliability.simulation import aftermath
from reliability.simulation.agents_process import AgentsProcess
from reliability.simulation.breaking import Breaker
from reliability.simulation.connector_process import ConnectorProcess
from reliability.simulation.faults import Moment, Plan, draw
from reliability.simulation.group import Group
from reliability.simulation.history import History, LogRecord, ProcessLife
from reliability.simulation.loop import DeadlockError, Process, StalledError, VirtualLoop
from reliability.simulation.machines import START_NS, Begin, Machine, ProcessClock
from reliability.simulation.operator_wishes import Operator
from reliability.simulation.projector_process import ProjectorProcess, SimulatedStore
from reliability.simulation.sim_ledger import Database, SimulatedLedger
from reliability.simulation.streams import Streams
from reliability.simulation.traffic import ACCOUNT, SYMBOLS, VENUE, Traffic
from reliability.simulation.venue_books import Frame, VenueBooks
from reliability.simulation.venue_port import SimulatedVenue
from reliability.simulation.weather import LogConditions, Weather
from reliability.simulation.wire import VenueState, Wire
from topics.catalogue import INTENTS
from topics.memory_broker import MemoryBroker
from topics.memory_log import MemoryLog
from topics.v1.control_pb2 import ActivateSymbol, DeactivateSymbol
from venue.instruments import LISTED

SESSION_S = 8.0
DRAIN_S = 5.0
GRID_ENDS_S = 15.0
"""After the quiet begins: its orders are cancelled then."""
GRID = {"levels": "3", "interval_bps": "8", "order_notional": "100", "max_position_notional": "600"}
AGENTS = AgentsSettings(data_dir=Path())


def run(seed: int, plan: Plan | None = None) -> History:
    """The same seed and plan give the same history, byte for byte."""
    loop = VirtualLoop()
    world = World(loop, seed, plan or draw(seed))
    collecting = gc.isenabled()
    gc.disable()  # what a collection ends, it would end at another moment in the next run
    try:
        return world.run()
    finally:
        loop.close()
        if collecting:
            gc.enable()


class World:
    """The parts of one run."""

    def __init__(self, loop: VirtualLoop, seed: int, plan: Plan) -> None:
        self.loop = loop
        self.plan = plan
        self.weather = Weather(seed, plan.rates)
        self.history = History(
            seed,
            plan=plan.told(),
            venue=VENUE,
            account=ACCOUNT,
            start_ns=START_NS,
            quiet_from_s=plan.quiet_from_s,
            duration_s=plan.duration_s,
            faults=self.weather.faults,
        )
        self.state = VenueState()
        self.database = Database()
        self.history.ledger = self.database.books
        self.streams: list[Streams] = []
        self.books = VenueBooks(
            VENUE,
            ACCOUNT,
            [LISTED[symbol] for symbol in SYMBOLS],
            start_ms=START_NS // 1_000_000,
            now_s=loop.time,
            tell=self._tell,
        )
        self.broker = MemoryBroker(now_ns=self._now_ns, later=loop.outside_later, on_append=self._note)
        self.traffic = Traffic(
            loop, plan, self.weather, self.books, self.broker, self.streams, seed=seed, now_ns=self._now_ns
        )
        self.records: list[ConsumerRecord] = []
        self.random: Random = self.weather.stream("world")
        self.gateway = self._machine("gateway", "gateway", self._gateway)
        self.group = Group(loop, self.weather.stream("group"), SESSION_S)
        self.rows = MemoryRows()
        self.machines = {"gateway": self.gateway}
        if plan.projector:
            self.machines["projector"] = self._machine("projector", "projector", self._projector)
        for number in range(plan.agents):
            name = f"agents-{number}"
            self.machines[name] = self._machine(name, "agents", partial(self._agents, name))
        outside = loop.world
        operator = Operator(
            loop,
            self.gateway,
            SimulatedLedger(self.database, loop, self.weather, outside),
            ProcessClock(loop, outside),
            self.traffic.control,
            self.history.kill_switch,
            f"{VENUE}:{ACCOUNT}",
        )
        self.breaker = Breaker(
            loop,
            self.machines,
            self.broker,
            self.weather,
            self.database,
            self.state,
            self.streams,
            self.group,
            operator,
            self.random,
        )

    def run(self) -> History:
        try:
            self.loop.run_until_complete(self._play())
        except (DeadlockError, StalledError) as error:
            self.history.problems.append(str(error))
        return self._told()

    # --- the run --------------------------------------------------------------------------------------------------

    def _machine(self, name: str, kind: str, begin: Begin) -> Machine:
        return Machine(name, kind, self.loop, self.weather.stream(name), begin, self.history.processes)

    async def _play(self) -> None:
        self.traffic.control(activate=ActivateSymbol(parameters=GRID))
        for machine in self.machines.values():
            machine.start()
        traffic = self.traffic
        for work in (traffic.market(), traffic.storm(), traffic.others(), *map(self._break, self.plan.moments)):
            self._spawn(work)
        await asyncio.sleep(self.plan.quiet_from_s)
        self._quiet()
        await asyncio.sleep(GRID_ENDS_S)
        self.traffic.control(deactivate=DeactivateSymbol())
        await asyncio.sleep(self.plan.duration_s - self.loop.time())
        self._ask()
        if self.gateway.life is not None:
            self.loop.pause(self.gateway.life.process)  # it says nothing new while the others catch up
        await asyncio.sleep(DRAIN_S)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        task.add_done_callback(self._report)

    def _report(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.history.problems.append(f"the simulation itself: {error!r}")

    async def _break(self, moment: Moment) -> None:
        await self.breaker.at(moment)
        self.weather.faults[f"{moment.kind} {moment.target}".strip()] += 1

    def _quiet(self) -> None:
        self.weather.calm()
        self.breaker.mend()

    # --- processes ------------------------------------------------------------------------------------------------

    def _ready(self, told: ProcessLife) -> None:
        told.ready_s = self.loop.time() if told.ready_s is None else told.ready_s

    def _agents(self, machine: str, process: Process, told: ProcessLife) -> Any:
        log = MemoryLog(self.broker, LogConditions(self.weather, told.name))
        clock = ProcessClock(self.loop, process)
        body = AgentsProcess(
            machine,
            told.name,
            self.loop,
            log,
            self.group,
            clock,
            pure_agents(AGENTS),
            duties=self.history.duties,
            on_ready=partial(self._ready, told),
        )
        return log, body, body.serve(), lambda: self.group.leave(body)

    def _projector(self, process: Process, told: ProcessLife) -> Any:
        log = MemoryLog(self.broker, LogConditions(self.weather, told.name))
        body = ProjectorProcess(
            log,
            lambda: SimulatedStore(self.rows, self.loop, self.weather, process, on_commit=self.breaker.rows_written),
            on_ready=partial(self._ready, told),
        )
        return log, body, body.serve(), lambda: None

    def _gateway(self, process: Process, told: ProcessLife) -> Any:
        name = told.name
        clock = ProcessClock(self.loop, process)
        log = MemoryLog(self.broker, LogConditions(self.weather, name))
        streams = Streams(self.loop, self.weather, self.state, list(SYMBOLS), purpose=name)
        wire = Wire(
            self.loop,
            self.weather,
            self.state,
            clock,
            purpose=name,
            venue_ms=lambda: self.books.now_ms,
            timeout_s=self.plan.timeout_s,
        )
        body = ConnectorProcess(
            port=SimulatedVenue(self.books, wire, streams, self.loop, self.history.requests, name),
            log=log,
            ledger=SimulatedLedger(self.database, self.loop, self.weather, process),
            clock=clock,
            limits=RiskLimits(max_exposure_quote=Decimal(self.plan.max_exposure_quote)),
            on_ready=partial(self._ready, told),
            settings=GatewaySettings(reconcile_interval_s=self.plan.reconcile_interval_s),
        )
        self.streams.append(streams)

        def detach() -> None:
            streams.close()
            self.streams.remove(streams)

        return log, body, body.serve(), detach

    # --- witnesses ------------------------------------------------------------------------------------------------

    def _now_ns(self) -> int:
        return START_NS + round(self.loop.time() * 1e9)

    def _tell(self, frame: Frame) -> None:
        for streams in self.streams:
            streams.tell(frame)

    def _note(self, record: ConsumerRecord, writer: str) -> None:
        self.records.append(record)
        self.history.log.append(
            LogRecord(record.topic, record.partition, record.offset, self.loop.time(), record.key, record.value, writer)
        )
        self.breaker.written(record, writer)
        if record.topic == INTENTS.name:
            self.history.intents += 1

    def _ask(self) -> None:
        """What the processes that run say of themselves."""
        life = self.gateway.life
        if life is None or life.body.gateway is None:
            self.history.problems.append("no gateway runs at the end")
            return
        life.told.steps = life.process.steps
        life.told.status = life.body.gateway.status()
        for machine in self.machines.values():
            if machine.life is not None:
                machine.life.told.steps = machine.life.process.steps

    def _told(self) -> History:
        history = self.history
        history.steps = self.loop.steps
        history.duration_s = self.loop.time()
        history.problems += self.loop.complaints
        aftermath.note_venue(history, self.books, SYMBOLS)
        aftermath.note_ledger(history, self.database)
        history.agent_states = dict(aftermath.agent_states(history.log, pure_agents(AGENTS)))
        if self.plan.projector:
            history.projected = aftermath.projected(self.rows, self.records)
        return history
