"""Carries the plan out: breaks things at their moments and mends them again.

Each kind of fault is one method; which seed has which is for `faults` to draw.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from random import Random

from aiokafka import ConsumerRecord

from reliability.simulation.faults import Moment
from reliability.simulation.group import Group
from reliability.simulation.loop import VirtualLoop
from reliability.simulation.machines import Machine
from reliability.simulation.operator_wishes import Operator
from reliability.simulation.sim_ledger import Database
from reliability.simulation.streams import Streams
from reliability.simulation.weather import Weather
from reliability.simulation.wire import VenueState
from topics.catalogue import GRID_STATE, TOPICS
from topics.memory_broker import MemoryBroker
from topics.v1.state_pb2 import AgentState

_BETWEEN_WRITES_S = 0.003
_REBALANCES_APART_S = 2.0


@dataclass(slots=True)
class Breaker:
    """What can break. `machines` by name; `streams` are those connected now. `ambushes`: kills that wait, by kind."""

    loop: VirtualLoop
    machines: Mapping[str, Machine]
    broker: MemoryBroker
    weather: Weather
    database: Database
    venue: VenueState
    streams: list[Streams]
    group: Group
    operator: Operator
    random: Random
    ambushes: Counter[str] = field(default_factory=Counter)

    def handlers(self) -> dict[str, Callable[[Moment], Awaitable[None]]]:
        return {
            "kill": self._kill,
            "stop": self._stop,
            "zombie": self._zombie,
            "clock jump": self._clock_jump,
            "log down": self._log_down,
            "ledger down": self._ledger_down,
            "maintenance": self._maintenance,
            "rate limit": self._rate_limit,
            "unreachable": self._unreachable,
            "cut streams": self._cut_streams,
            "zombie in back-off": self._zombie_in_back_off,
            "crash in an outage": self._crash_in_outage,
            "kill after a state": self._ambush,
            "kill after rows": self._ambush,
            "pause": self._pause,
            "rebalance": self._rebalance,
            "rebalance under load": self._rebalance_under_load,
            "compact": self._compact,
            "kill switch": self._kill_switch,
        }

    async def at(self, moment: Moment) -> None:
        """Waits for its time, breaks, mends."""
        await asyncio.sleep(moment.at_s)
        await self.handlers()[moment.kind](moment)

    def mend(self) -> None:
        """Everything, at once; nothing planned happens any more."""
        self.broker.come_up()
        self.ambushes.clear()
        self.weather.burdened = False
        self.database.available = True
        self.venue.maintenance = self.venue.limiting = self.venue.unreachable = False
        for machine in self.machines.values():
            machine.awake_all()
            machine.defuse()

    def _aimed_at(self, moment: Moment) -> list[Machine]:
        """Those with the name, beginning with another one each time."""
        aimed = [machine for name, machine in self.machines.items() if name.startswith(moment.target)]
        first = moment.steps % len(aimed)
        return [*aimed[first:], *aimed[:first]]

    async def _kill(self, moment: Moment) -> None:
        for machine in self._aimed_at(moment)[:1]:
            machine.kill_after(moment.steps)

    async def _stop(self, moment: Moment) -> None:
        for machine in self._aimed_at(moment)[:1]:
            if machine.life is not None:
                machine.life.body.stopping.set()

    async def _zombie(self, moment: Moment) -> None:
        """Stopped, replaced, and continued while its successor works."""
        for machine in self._aimed_at(moment)[:1]:
            life = machine.suspend()
            if life is not None:
                await asyncio.sleep(self.random.uniform(0.0, 1.0))
                machine.start()
                await asyncio.sleep(moment.for_s)
                machine.awake(life)

    async def _zombie_in_back_off(self, moment: Moment) -> None:
        """The venue limits rates, so tries of placements wait; then it is a zombie for longer than a verdict takes."""
        self.venue.limiting = True
        await asyncio.sleep(self.random.uniform(0.1, 0.5))
        suspended = asyncio.ensure_future(self._zombie(moment))
        await asyncio.sleep(self.random.uniform(0.0, 0.1))
        self.venue.limiting = False
        await suspended

    async def _crash_in_outage(self, moment: Moment) -> None:
        """What the gateway has under way stands still, then it is killed; the outage may outlast its next start."""
        outages = {"log": self._log_down, "ledger": self._ledger_down, "venue": self._unreachable}
        outage = asyncio.ensure_future(outages[moment.target](moment))
        await asyncio.sleep(self.random.uniform(0.0, moment.for_s))
        life = self.machines["gateway"].life
        if life is not None:
            self.machines["gateway"].kill(life)
        await outage

    async def _ambush(self, moment: Moment) -> None:
        """After a state: the next worker whose state holds something to send ends between the state and what it sends.
        After rows: the projector ends around its next commit."""
        self.ambushes[moment.kind] += 1

    def rows_written(self, writer: str) -> None:
        """The projections' database has made a commit."""
        self._spring("kill after rows", writer)

    def written(self, record: ConsumerRecord, writer: str) -> None:
        """The log has a new record."""
        if record.topic == GRID_STATE.name and AgentState.FromString(record.value).outbox:
            self._spring("kill after a state", writer)

    def _spring(self, ambush: str, writer: str) -> None:
        """Kills the writer within the time its next write takes, if such a kill waits and it is the present life."""
        machine = self.machines.get(writer.split("/", 1)[0])
        life = machine.life if machine else None
        if self.ambushes[ambush] and machine and life and f"{writer}/".startswith(f"{life.told.name}/"):
            self.ambushes[ambush] -= 1
            self.loop.outside_later(self.random.uniform(0.0, _BETWEEN_WRITES_S), machine.kill, life)

    async def _pause(self, moment: Moment) -> None:
        """Stopped and continued; its group may have given its partitions away meanwhile."""
        for machine in self._aimed_at(moment)[:1]:
            life = machine.suspend()
            if life is not None:
                await asyncio.sleep(moment.for_s)
                machine.awake(life)

    async def _rebalance(self, moment: Moment) -> None:
        """And once more, often while states of the first are still being loaded and records wait."""
        self.group.rebalance()
        await asyncio.sleep(moment.for_s)
        self.group.rebalance()

    async def _rebalance_under_load(self, moment: Moment) -> None:
        """The log is slow, so that states load slowly; partitions change hands again and again meanwhile."""
        self.weather.burdened = True
        until_s = self.loop.time() + moment.for_s
        while self.loop.time() < until_s:
            self.group.rebalance()
            await asyncio.sleep(self.random.uniform(0.0, _REBALANCES_APART_S))
        self.weather.burdened = False

    async def _compact(self, _moment: Moment) -> None:
        for topic in TOPICS:
            for number in range(topic.partitions if topic.compacted else 0):
                self.broker.compact(topic.name, number)

    async def _kill_switch(self, moment: Moment) -> None:
        """`for_s` 0: for good. Target "ledger": nobody reaches the gateway, which goes on trading."""
        await self.operator.kill(through_gateway=moment.target != "ledger")
        if moment.for_s:
            await asyncio.sleep(moment.for_s)
            await self.operator.release()

    async def _clock_jump(self, moment: Moment) -> None:
        lives = [machine.life for machine in self._aimed_at(moment) if machine.life is not None]
        for life in lives:
            life.process.skew_ns = int(moment.amount * 1e9)
        await asyncio.sleep(moment.for_s)
        for life in lives:
            life.process.skew_ns = 0

    async def _log_down(self, moment: Moment) -> None:
        self.broker.go_down()
        await asyncio.sleep(moment.for_s)
        self.broker.come_up()

    async def _ledger_down(self, moment: Moment) -> None:
        self.database.available = False
        await asyncio.sleep(moment.for_s)
        self.database.available = True

    async def _maintenance(self, moment: Moment) -> None:
        self.venue.maintenance = True
        await asyncio.sleep(moment.for_s)
        self.venue.maintenance = False

    async def _rate_limit(self, moment: Moment) -> None:
        self.venue.limiting = True
        await asyncio.sleep(moment.for_s)
        self.venue.limiting = False

    async def _unreachable(self, moment: Moment) -> None:
        self.venue.unreachable = True
        await asyncio.sleep(moment.for_s)
        self.venue.unreachable = False

    async def _cut_streams(self, moment: Moment) -> None:
        for streams in self.streams:
            streams.cut(silent_s=moment.for_s)
