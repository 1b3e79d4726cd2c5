"""The judges judged: one safeguard of the product is taken out at a time, and the simulator must find it missing.

Each defect substitutes one named function or method for the length of a run and puts the real one back. A run counts as
a catch only where the same seed is good with the safeguard in its place.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from pkgutil import resolve_name
from typing import Any, Final

from connector.errors import OutcomeUnknownError, VenueError
from connector.gateway.ledger import Batch
from connector.gateway.lifecycle import TERMINAL
from projections.tables import Tables
from reliability.simulation.campaign import INTENTS, quiet, run_seed
from topics.v1.orders_pb2 import ORDER_STATUS_ACCEPTED, ORDER_STATUS_REJECTED

MOST_SEEDS = 200
FIRST_SEED = 1


@dataclass(frozen=True, slots=True)
class Defect:
    """`owner` names a module or `module:Class`; `spoil` makes the substitute from the real thing."""

    name: str
    safeguard: str
    owner: str
    attribute: str
    spoil: Callable[[Any], Any]

    @contextmanager
    def in_place(self) -> Iterator[None]:
        owner = resolve_name(self.owner)
        real = getattr(owner, self.attribute)
        setattr(owner, self.attribute, self.spoil(real))
        try:
            yield
        finally:
            setattr(owner, self.attribute, real)


@dataclass(frozen=True, slots=True)
class Caught:
    """`seeds`: how many it took, 0 where none of them showed it. `found`: the violations' codes of the last one."""

    defect: str
    safeguard: str
    seeds: int
    seed: int
    found: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Hunt:
    caught: tuple[Caught, ...]

    @property
    def ok(self) -> bool:
        return bool(self.caught) and all(it.seeds for it in self.caught)

    def as_json(self) -> dict[str, Any]:
        return {"ok": self.ok, "defects": [asdict(it) for it in self.caught]}


def hunt(
    names: Sequence[str] = (),
    *,
    first: int = FIRST_SEED,
    most: int = MOST_SEEDS,
    intents: int = INTENTS,
    jobs: int = 1,
    heard: Callable[[Caught], None] | None = None,
) -> Hunt:
    """Every defect of these names, of all where none is given."""
    wanted = [defect for defect in DEFECTS if not names or defect.name in names]
    caught: dict[str, Caught] = {}
    with ProcessPoolExecutor(jobs, get_context("spawn"), initializer=quiet) as pool:
        chases = [pool.submit(chase, defect.name, first, most, intents) for defect in wanted]
        for done in as_completed(chases):
            one = done.result()
            caught[one.defect] = one
            if heard:
                heard(one)
    return Hunt(tuple(caught[defect.name] for defect in wanted))


def chase(name: str, first: int, most: int, intents: int) -> Caught:
    """Seeds from `first` on until one shows the defect, at most so many."""
    defect = next(it for it in DEFECTS if it.name == name)
    for number, seed in enumerate(range(first, first + most), start=1):
        with defect.in_place():
            spoilt = run_seed(seed, intents)
        if not spoilt.good and run_seed(seed, intents).good:
            codes = dict.fromkeys(code for code, _ in spoilt.violations)
            return Caught(name, defect.safeguard, number, seed, tuple(codes))
    return Caught(name, defect.safeguard, 0, 0, ())


def told(one: Caught) -> str:
    """A line for the person who waits."""
    if not one.seeds:
        return f"{one.defect}: MISSED; without it nobody noticed that {one.safeguard} is gone"
    return f"{one.defect}: caught after {one.seeds} seeds, by {', '.join(one.found)} in seed {one.seed}"


def _forgets_ids(real: Any) -> Any:
    def taken(self: Any, batch: Batch) -> Any:
        for order in batch.claims:
            self._database.orders.pop(order.id, None)
        return real(self, batch)

    return taken


def _claim_not_awaited(real: Any) -> Any:
    def claim(self: Any, order: Any, position: Any = None) -> Any:
        real(self, order, position)
        return _done()

    return claim


def _claim_after_send(real: Any) -> Any:
    def claim(self: Any, order: Any, position: Any = None) -> Any:
        def late() -> None:
            with suppress(Exception):  # the gateway may have ended by then
                real(self, order, position)

        asyncio.get_running_loop().call_later(0.5, late)
        return _done()

    return claim


def _done() -> asyncio.Future[None]:
    future = asyncio.get_running_loop().create_future()
    future.set_result(None)
    return future


def _unfenced(real: Any) -> Any:
    async def commit(self: Any, batch: Batch) -> Any:
        self._epoch = self._database.epochs.get(self._owner, self._epoch)
        return await real(self, batch)

    return commit


def _not_asked_again(_real: Any) -> Any:
    async def still_ours(_self: Any, owned_s: float) -> float:
        return owned_s

    return still_ours


def _blind_retry(real: Any) -> Any:
    async def with_retries(call: Any, *, again_on: Any, **rest: Any) -> Any:
        return await real(call, again_on=(*again_on, OutcomeUnknownError), **rest)

    return with_retries


def _timeout_is_refusal(_real: Any) -> Any:
    def uncertain(self: Any, client_order_id: str, error: Exception, **_: Any) -> None:
        self._end(client_order_id, ORDER_STATUS_REJECTED, "TIMEOUT", str(error))

    return uncertain


def _first_look_decides(real: Any) -> Any:
    async def look(self: Any, order: Any, _missed: int) -> Any:
        return await real(self, order, 1)

    return look


def _fills_repeat(real: Any) -> Any:
    def on_fill(order: Any, *rest: Any) -> Any:
        return real(replace(order, trade_ids=frozenset()), *rest)

    return on_fill


def _end_is_not_final(real: Any) -> Any:
    def status(order: Any, *rest: Any) -> Any:
        return real(replace(order, status=ORDER_STATUS_ACCEPTED) if order.status in TERMINAL else order, *rest)

    return status


def _late_fill_ignored(real: Any) -> Any:
    def on_fill(order: Any, *rest: Any) -> Any:
        return [] if order.status in TERMINAL else real(order, *rest)

    return on_fill


def _newest_report_wins(real: Any) -> Any:
    def on_report(order: Any, report: Any, *rest: Any) -> Any:
        # -1: nothing was filled yet and this is news, whatever the order knows
        older = report.filled_lots < order.filled_lots
        return real(replace(order, filled_lots=-1) if older else order, report, *rest)

    return on_report


def _wish_forgotten(real: Any) -> Any:
    async def commit(self: Any, batch: Batch) -> Any:
        changes = {name: replace(order, cancel_requested=False) for name, order in batch.changes.items()}
        return await real(self, replace(batch, cancels=[], changes=changes))

    return commit


def _done_when_read(real: Any) -> Any:
    def begin(self: Any, position: Any) -> None:
        real(self, position)
        self.finish(position)

    return begin


def _mark_ahead(real: Any) -> Any:
    async def fetch(self: Any, symbol: str, since_ms: int) -> Any:
        executions = await self._desk.port.fills(symbol, since_trade_id=self._marks.get(symbol, ""))
        if executions:
            self._marks[symbol] = executions[-1].fill.trade_id
            self._desk.journal.write([], marks={symbol: self._marks[symbol]})
        return await real(self, symbol, since_ms)

    return fetch


def _starts_blind(_real: Any) -> Any:
    async def start_up(self: Any) -> Any:
        for symbol in self._desk.instruments:
            await self._set_first_mark(symbol)
        return await self._finish(0)

    return start_up


def _ledger_first(real: Any) -> Any:
    async def turn(self: Any) -> None:
        page = self._page
        if page.orders or page.fills:
            self._group.change(page.orders, page.fills, {})
        await real(self)

    return turn


def _no_limit(_real: Any) -> Any:
    return lambda *_, **__: None


def _outbox_forgotten(_real: Any) -> Any:
    return lambda _record: []


def _always_true(_real: Any) -> Any:
    return lambda *_: True


def _outputs_first(_real: Any) -> Any:
    async def take_in(self: Any, _granted: Any, facts: Any) -> bool:
        folded = self._fold(facts)
        await self._producer.send_all(folded.outputs)
        await self._producer.send_all(folded.states)
        return True

    return take_in


def _rows_after_offsets(real: Any) -> Any:
    async def write(self: Any, tables: Any, offsets: Any, ends: Any) -> None:
        await real(self, Tables(), offsets, ends)
        await asyncio.sleep(0.1)
        await real(self, tables, offsets, ends)

    return write


def _kill_unseen(real: Any) -> Any:
    async def commit(self: Any, batch: Batch) -> Any:
        known, kills, self._database.kills = self._kill, self._database.kills, {}
        try:
            return await real(self, batch)
        finally:
            self._kill, self._database.kills = known, kills

    return commit


def _kill_forgotten(real: Any) -> Any:
    async def start(self: Any, venue: str, account: str, holder: str) -> Any:
        self._database.kills.pop(f"{venue}:{account}", None)
        return await real(self, venue, account, holder)

    return start


def _cancels_wait(real: Any) -> Any:
    async def send(self: Any, client_order_id: str, first: Any) -> None:
        desk = self._desk
        while True:
            try:
                desk.gate.enter()
                break
            except VenueError:
                await desk.clock.sleep(0.5)
        await real(self, client_order_id, first)

    return send


def _one_not_counted(real: Any) -> Any:
    def compare(self: Any, request: Any, known: Any) -> Any:
        self.duplicates_suppressed -= 1
        return real(self, request, known)

    return compare


def _details_not_compared(real: Any) -> Any:
    def compare(self: Any, _request: Any, known: Any) -> Any:
        return real(self, known.request, known)

    return compare


DEFECTS: Final[tuple[Defect, ...]] = (
    Defect(
        "ledger-forgets-ids",
        "a client order id is taken for ever, after the order ended and over restarts",
        "connector.gateway.memory_ledger:MemoryLedger",
        "_taken",
        _forgets_ids,
    ),
    Defect(
        "claim-not-awaited",
        "nothing is sent before the claim is durable",
        "connector.gateway.group_commit:GroupCommit",
        "claim",
        _claim_not_awaited,
    ),
    Defect(
        "claim-after-send",
        "the claim comes before the send",
        "connector.gateway.group_commit:GroupCommit",
        "claim",
        _claim_after_send,
    ),
    Defect(
        "no-fence",
        "a gateway that was taken over from writes nothing",
        "connector.gateway.memory_ledger:MemoryLedger",
        "commit",
        _unfenced,
    ),
    Defect(
        "zombie-tries-again",
        "before each try the account is known to be still ours",
        "connector.gateway.placing:Placing",
        "_still_ours",
        _not_asked_again,
    ),
    Defect(
        "blind-retry",
        "what may have arrived is looked up, not sent again",
        "connector.gateway.placing",
        "with_retries",
        _blind_retry,
    ),
    Defect(
        "timeout-is-refusal",
        "an unknown outcome is not taken for a refusal",
        "connector.gateway.placing:Placing",
        "_uncertain",
        _timeout_is_refusal,
    ),
    Defect(
        "first-look-decides",
        "not received is concluded after the visibility delay, at the second look",
        "connector.gateway.lookups:Lookups",
        "_look",
        _first_look_decides,
    ),
    Defect("fills-repeat", "an execution counts once", "connector.gateway.lifecycle", "_on_fill", _fills_repeat),
    Defect(
        "end-is-not-final", "an ended order stays ended", "connector.gateway.lifecycle", "_status", _end_is_not_final
    ),
    Defect(
        "late-fill-ignored",
        "an execution told after the end is booked",
        "connector.gateway.lifecycle",
        "_on_fill",
        _late_fill_ignored,
    ),
    Defect(
        "newest-report-wins",
        "what is filled never decreases",
        "connector.gateway.lifecycle",
        "_on_report",
        _newest_report_wins,
    ),
    Defect(
        "cancel-wish-forgotten",
        "the wish to cancel is durable",
        "connector.gateway.memory_ledger:MemoryLedger",
        "commit",
        _wish_forgotten,
    ),
    Defect(
        "intent-done-when-read",
        "an intent's offset moves with its effect",
        "connector.gateway.intent_progress:IntentProgress",
        "begin",
        _done_when_read,
    ),
    Defect(
        "mark-ahead-of-fills",
        "the mark of fetched executions follows what was booked",
        "connector.gateway.reconciliation:Reconciliation",
        "_fetch",
        _mark_ahead,
    ),
    Defect(
        "starts-blind",
        "placing begins after the account was compared with the venue",
        "connector.gateway.reconciliation:Reconciliation",
        "start_up",
        _starts_blind,
    ),
    Defect(
        "ledger-before-log",
        "the ledger hears of a change after the log has it",
        "connector.gateway.journal:Journal",
        "_turn",
        _ledger_first,
    ),
    Defect(
        "no-exposure-limit",
        "an order beyond the exposure limit is denied before it is claimed",
        "connector.gateway.exposure",
        "_check_exposure",
        _no_limit,
    ),
    Defect(
        "kill-unseen-at-claim",
        "no order is claimed once the ledger says killed, whoever wrote it",
        "connector.gateway.memory_ledger:MemoryLedger",
        "commit",
        _kill_unseen,
    ),
    Defect(
        "kill-forgotten-at-restart",
        "the kill switch holds over restarts",
        "connector.gateway.memory_ledger:MemoryLedger",
        "start",
        _kill_forgotten,
    ),
    Defect(
        "foreign-adopted",
        "an order of another program is never taken for ours",
        "connector.gateway.reports",
        "is_ours",
        _always_true,
    ),
    Defect(
        "cancels-behind-placements",
        "cancels never wait for what holds placements back",
        "connector.gateway.cancelling:Cancelling",
        "_send",
        _cancels_wait,
    ),
    Defect(
        "duplicates-uncounted",
        "each suppressed duplicate is counted",
        "connector.gateway.placing:Placing",
        "_compare",
        _one_not_counted,
    ),
    Defect(
        "details-not-compared",
        "an id used again for another order is refused as an event",
        "connector.gateway.placing:Placing",
        "_compare",
        _details_not_compared,
    ),
    Defect(
        "outbox-forgotten",
        "a new owner sends the outbox of the state it loads again",
        "agents.stateful",
        "outbox_of",
        _outbox_forgotten,
    ),
    Defect(
        "gate-admits-all",
        "only events of the present assignment are folded",
        "agents.gate:Gate",
        "admits",
        _always_true,
    ),
    Defect(
        "outputs-before-state",
        "no output is visible before the state that decided it is durable",
        "agents.stateful:StatefulAgent",
        "_take_in",
        _outputs_first,
    ),
    Defect(
        "rows-after-offsets",
        "the projections' rows and offsets are one transaction",
        "reliability.simulation.projector_process:SimulatedStore",
        "write",
        _rows_after_offsets,
    ),
)
