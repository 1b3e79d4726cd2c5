"""Slots: each that waits for an order waits for one that will be heard of. See `judge`."""

from tapeline.check.facts import TERMINAL, SlotKey, Testimony, VenueOrder, slot_name
from tapeline.check.verdict import Findings


def check_slots(heard: Testimony, findings: Findings) -> None:
    at_venue = {order.client_order_id: order for order in heard.venue_before.orders}
    for slot, step in heard.log.slots.items():
        if step.state == "LOCKED":
            _locked(heard, slot, step.client_order_id, at_venue.get(step.client_order_id), findings)


def _locked(heard: Testimony, slot: SlotKey, name: str, at_venue: VenueOrder | None, findings: Findings) -> None:
    """A slot waits for an order: fine while that is live or being found out, or the agent has still to read its end."""
    told, row = heard.log.orders.get(name), heard.ledger.orders.get(name)
    where = slot_name(slot)
    if told and told.ended_at:
        _, offset = told.ended_at
        if heard.log.agents_read_orders.get((slot[1], slot[2]), -1) >= offset:
            findings.violation("orphan_locked_slots", where, f"the agent has read that {name} is {told.status}")
        else:
            findings.under_way("slot", where, f"{name} is {told.status}, the agent has still to read it")
    elif at_venue is not None and not at_venue.live:
        if row is None or row.settled:
            findings.violation(
                "orphan_locked_slots", where, f"{name} is {at_venue.status} at the venue and the log was never told"
            )
    elif at_venue is None and row is None:
        _unclaimed(heard, slot, name, findings)
    elif at_venue is None and row is not None and row.state in TERMINAL:
        if row.settled:
            findings.violation("orphan_locked_slots", where, f"{name} is {row.state} and the log was never told")
        else:
            findings.under_way("slot", where, f"{name} is {row.state} in the ledger, the log has still to be told")


def _unclaimed(heard: Testimony, slot: SlotKey, name: str, findings: Findings) -> None:
    intent = heard.log.intents.get(name)
    if intent is None:
        findings.violation("orphan_locked_slots", slot_name(slot), f"nobody ever asked for {name}")
    elif intent.read_at and intent.read_at[1] < heard.ledger.intents_read.get(intent.read_at[0], 0):
        findings.violation(
            "orphan_locked_slots", slot_name(slot), f"the intent of {name} was consumed, but there is no order"
        )
    else:
        findings.under_way("intent", slot_name(slot), f"the gateway has still to read the intent of {name}")


def check_projected_slots(heard: Testimony, findings: Findings) -> None:
    """Rows against the log, up to exactly the offset the rows contain."""
    for slot, step in heard.log.slots.items():
        if step.at is None or step.at[1] >= heard.projections.next_offset.get(("slots", step.at[0]), 0):
            continue
        row = heard.projections.slots.get(slot)
        if row is None or row < (step.version, ""):
            findings.violation(
                "slot_mismatches", slot_name(slot), f"step {step.version} on the log, the projections have {row}"
            )
