"""Orders at the venue against the ledger and the log: none twice, none lost, none after a kill. See `judge`."""

from collections import Counter, defaultdict

from tapeline.check.facts import TERMINAL, UNANSWERED, SlotKey, Testimony, slot_name
from tapeline.check.verdict import Findings
from topics.identifiers import is_ours

KILLED = "KILLED"
_KILL_WRITTEN_MS = 5_000


def is_of_ours(heard: Testimony, client_order_id: str) -> bool:
    """By the ledger where other systems placed through the gateway with ids of their own, else by the prefix."""
    return client_order_id in heard.ledger.orders or is_ours(client_order_id)


def check_duplicates(heard: Testimony, findings: Findings) -> None:
    ours = [order for order in heard.venue_before.orders if is_of_ours(heard, order.client_order_id)]
    for name, count in Counter(order.client_order_id for order in ours).items():
        if count > 1:
            findings.violation("duplicate_orders", name, f"the venue has {count} orders with this client order id")
    for name, told in heard.log.orders.items():
        if len(told.venue_order_ids) > 1:
            ids = ", ".join(sorted(told.venue_order_ids))
            findings.violation("duplicate_orders", name, f"the log tells of venue orders {ids} for it")
    live: dict[SlotKey, list[str]] = defaultdict(list)
    for order in ours:
        intent = heard.log.intents.get(order.client_order_id)
        if order.live and intent:
            live[intent.strategy, order.venue, order.symbol, intent.slot].append(order.client_order_id)
    for slot, names in live.items():
        if len(set(names)) > 1:
            findings.violation("duplicate_orders", slot_name(slot), f"live at once: {', '.join(sorted(names))}")


def check_orders_of_the_venue(heard: Testimony, findings: Findings) -> None:
    for order in heard.venue_before.orders:
        if not is_of_ours(heard, order.client_order_id):
            continue
        row = heard.ledger.orders.get(order.client_order_id)
        if row is None:
            findings.violation("lost_orders", order.client_order_id, "at the venue, but not in the gateway's ledger")
        elif order.client_order_id not in heard.log.orders:
            if row.state in UNANSWERED:
                findings.under_way(
                    "order", order.client_order_id, f"the ledger has it as {row.state}, to be looked up at the venue"
                )
            else:
                findings.violation(
                    "lost_orders", order.client_order_id, f"{row.state} in the ledger, but the log was never told of it"
                )


def check_orders_of_the_ledger(heard: Testimony, findings: Findings) -> None:
    at_venue = {order.client_order_id: order for order in heard.venue_after.orders}
    ended = {order.client_order_id for order in heard.venue_before.orders if not order.live}
    for name, row in heard.ledger.orders.items():
        order = at_venue.get(name)
        if order is None:
            if row.venue_order_id:
                findings.violation(
                    "lost_orders", name, f"{row.state} in the ledger as {row.venue_order_id}, unknown to the venue"
                )
            elif row.state in UNANSWERED:
                findings.under_way("order", name, f"{row.state} in the ledger, not seen at the venue yet")
            continue
        told = heard.log.orders.get(name)
        if order.live and (row.state in TERMINAL or (told and told.status in TERMINAL)):
            for_us = row.state if row.state in TERMINAL else "ended on the log"
            findings.violation("lost_orders", name, f"live at the venue, but {for_us} for us")
        elif row.settled and row.filled != order.filled:
            findings.violation(
                "lost_orders", name, f"the venue filled {order.filled}, the settled ledger row says {row.filled}"
            )
        elif name in ended and not row.settled and (told is None or told.status not in TERMINAL):
            findings.under_way("end of order", name, f"{order.status} at the venue, {row.state} in the ledger")


def check_after_a_kill(heard: Testimony, findings: Findings) -> None:
    on = {turn.venue: turn for turn in heard.ledger.kills}
    live_after = {order.client_order_id for order in heard.venue_after.orders if order.live}
    for order in heard.venue_before.orders:
        row = heard.ledger.orders.get(order.client_order_id)
        if row is None:
            continue
        turn = on.get(order.venue)
        if (row.state, row.reason_code) == ("DENIED", KILLED):
            text = "at the venue, but the kill switch denied it"
        elif turn and turn.killed and turn.verified and order.live and order.client_order_id in live_after:
            text = "live at the venue, but the kill switch is on and the venue was verified to have no order"
        elif any(begin + _KILL_WRITTEN_MS < row.claimed_ms < end for begin, end in _killed_times(heard, order.venue)):
            text = "at the venue, claimed while the kill switch was on"
        else:
            continue
        findings.violation("orders_after_kill", order.client_order_id, text)


def _killed_times(heard: Testimony, venue: str) -> list[tuple[int, float]]:
    """From when to when, Unix ms, the switch was on."""
    turns = [turn for turn in heard.ledger.kills if turn.venue == venue]
    ends: list[float] = [turn.time_ms for turn in turns[1:]]
    return [(turn.time_ms, end) for turn, end in zip(turns, [*ends, float("inf")], strict=False) if turn.killed]
