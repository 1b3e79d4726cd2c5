"""The safeguards of the product by name, each with what is taken out in its place; the simulator must find it missing.

Each defect substitutes one named function or method for the length of a run and puts the real one back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pkgutil import resolve_name
from typing import Any, Final

from reliability.simulation import spoiling


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


DEFECTS: Final[tuple[Defect, ...]] = (
    Defect(
        "ledger-forgets-ids",
        "a client order id is taken for ever, after the order ended and over restarts",
        "connector.gateway.memory_ledger:MemoryLedger",
        "_taken",
        spoiling.forgets_ids,
    ),
    Defect(
        "claim-not-awaited",
        "nothing is sent before the claim is durable",
        "connector.gateway.group_commit:GroupCommit",
        "claim",
        spoiling.claim_not_awaited,
    ),
    Defect(
        "claim-after-send",
        "the claim comes before the send",
        "connector.gateway.group_commit:GroupCommit",
        "claim",
        spoiling.claim_after_send,
    ),
    Defect(
        "no-fence",
        "a gateway that was taken over from writes nothing",
        "connector.gateway.memory_ledger:MemoryLedger",
        "commit",
        spoiling.unfenced,
    ),
    Defect(
        "zombie-tries-again",
        "before each try the account is known to be still ours",
        "connector.gateway.placing:Placing",
        "_still_ours",
        spoiling.not_asked_again,
    ),
    Defect(
        "blind-retry",
        "what may have arrived is looked up, not sent again",
        "connector.gateway.placing",
        "with_retries",
        spoiling.blind_retry,
    ),
    Defect(
        "timeout-is-refusal",
        "an unknown outcome is not taken for a refusal",
        "connector.gateway.placing:Placing",
        "_uncertain",
        spoiling.timeout_is_refusal,
    ),
    Defect(
        "first-look-decides",
        "not received is concluded after the visibility delay, at the second look",
        "connector.gateway.lookups:Lookups",
        "_look",
        spoiling.first_look_decides,
    ),
    Defect(
        "fills-repeat", "an execution counts once", "connector.gateway.lifecycle", "_on_fill", spoiling.fills_repeat
    ),
    Defect(
        "end-is-not-final",
        "an ended order stays ended",
        "connector.gateway.lifecycle",
        "_status",
        spoiling.end_is_not_final,
    ),
    Defect(
        "late-fill-ignored",
        "an execution told after the end is booked",
        "connector.gateway.lifecycle",
        "_on_fill",
        spoiling.late_fill_ignored,
    ),
    Defect(
        "newest-report-wins",
        "what is filled never decreases",
        "connector.gateway.lifecycle",
        "_on_report",
        spoiling.newest_report_wins,
    ),
    Defect(
        "cancel-wish-forgotten",
        "the wish to cancel is durable",
        "connector.gateway.memory_ledger:MemoryLedger",
        "commit",
        spoiling.wish_forgotten,
    ),
    Defect(
        "intent-done-when-read",
        "an intent's offset moves with its effect",
        "connector.gateway.intent_progress:IntentProgress",
        "begin",
        spoiling.done_when_read,
    ),
    Defect(
        "mark-ahead-of-fills",
        "the mark of fetched executions follows what was booked",
        "connector.gateway.reconciliation:Reconciliation",
        "_fetch",
        spoiling.mark_ahead,
    ),
    Defect(
        "starts-blind",
        "placing begins after the account was compared with the venue",
        "connector.gateway.reconciliation:Reconciliation",
        "start_up",
        spoiling.starts_blind,
    ),
    Defect(
        "ledger-before-log",
        "the ledger hears of a change after the log has it",
        "connector.gateway.journal:Journal",
        "_turn",
        spoiling.ledger_first,
    ),
    Defect(
        "no-exposure-limit",
        "an order beyond the exposure limit is denied before it is claimed",
        "connector.gateway.exposure",
        "_check_exposure",
        spoiling.no_limit,
    ),
    Defect(
        "kill-unseen-at-claim",
        "no order is claimed once the ledger says killed, whoever wrote it",
        "connector.gateway.memory_ledger:MemoryLedger",
        "commit",
        spoiling.kill_unseen,
    ),
    Defect(
        "kill-forgotten-at-restart",
        "the kill switch holds over restarts",
        "connector.gateway.memory_ledger:MemoryLedger",
        "start",
        spoiling.kill_forgotten,
    ),
    Defect(
        "foreign-adopted",
        "an order of another program is never taken for ours",
        "connector.gateway.reports",
        "is_ours",
        spoiling.always_true,
    ),
    Defect(
        "cancels-behind-placements",
        "cancels never wait for what holds placements back",
        "connector.gateway.cancelling:Cancelling",
        "_send",
        spoiling.cancels_wait,
    ),
    Defect(
        "duplicates-uncounted",
        "each suppressed duplicate is counted",
        "connector.gateway.placing:Placing",
        "_compare",
        spoiling.one_not_counted,
    ),
    Defect(
        "details-not-compared",
        "an id used again for another order is refused as an event",
        "connector.gateway.placing:Placing",
        "_compare",
        spoiling.details_not_compared,
    ),
    Defect(
        "outbox-forgotten",
        "a new owner sends the outbox of the state it loads again",
        "agents.stateful",
        "outbox_of",
        spoiling.outbox_forgotten,
    ),
    Defect(
        "gate-admits-all",
        "only events of the present assignment are folded",
        "agents.gate:Gate",
        "admits",
        spoiling.always_true,
    ),
    Defect(
        "outputs-before-state",
        "no output is visible before the state that decided it is durable",
        "agents.stateful:StatefulAgent",
        "_take_in",
        spoiling.outputs_first,
    ),
    Defect(
        "rows-after-offsets",
        "the projections' rows and offsets are one transaction",
        "reliability.simulation.projector_process:SimulatedStore",
        "write",
        spoiling.rows_after_offsets,
    ),
)
