"""The rules of `tapeline check`, pure. What is wrong, what is only under way, and why the difference is safe.

Violations (each makes `ok` false):

- **duplicate order**: more than one order at the venue with one client order id of ours; one client order id with two
  venue order ids on the log; two live orders at the venue for one (strategy, symbol, slot). Nothing exempts these: the
  venue's ledger alone decides, at one moment, and no message under way can make or unmake an order there.
- **lost order**: an order of ours at the venue that the gateway's ledger does not know (the claim is durable before
  anything is sent, so no timing explains it); an answered ledger row the log knows nothing of (the log is told first);
  a row with a venue order id the venue does not know; an order live at the venue that ledger or log call ended; a
  settled row whose filled quantity is not the venue's; a fill at the venue, up to the trade id the gateway recorded as
  fetched and told, that log or ledger lack; a fill below the projections' offset that the projections lack.
- **phantom fill**: a fill on the log, in the ledger or in the projections that the venue does not have, unless the log
  says that the gateway made it up for what the venue's executions leave unexplained (those are counted).
- **orphan locked slot**: a slot LOCKED by an order that has ended, where whoever must act on that has acted already:
  the agent's state contains the order's end and its outbox holds no step for it; or the ledger has settled the order
  and the log was never told; or neither venue nor ledger know the order and its intent was consumed.
- **position mismatch**: the venue's position is not the sum of the venue's fills; the venue's position is not the sum
  of the log's fills and those under way; the projections' position is not the sum of the log's fills below their
  offset.
- **order after kill**: an order at the venue that the kill switch denied; one live at the venue although the switch is
  on and the venue was verified to have none; one at the venue claimed while the switch was on (5 s after it was turned,
  for a claim may have been durable before a kill that waited to be written).

Under way (`in_flight`, counted and listed, not a violation), each with the one who will settle it:

- an order at the venue whose ledger row is unanswered: the gateway looks it up by client order id at its next start;
- an ended order whose row is not settled: the gateway asks for it at its next reconciliation;
- a fill after the trade id recorded as fetched: the gateway fetches from that id on at every start and reconciliation;
- a locked slot whose order's end the agent has not read, or whose step waits in its outbox, or whose intent the
  gateway has not consumed: the readers' own offsets say so.

None of these rests on a clock. Each rests on what a party durably recorded *not* to have done yet, and that party
starts from that record. So what is under way is settled by the next start, or it becomes a violation: the trade id
recorded as fetched passes it, the row is answered, the state contains it. It cannot hide a double order, which is seen
at the venue alone. While the pipeline runs, what stays under way through every look of a long enough wait is a
violation too (`stuck`).

A fill of the venue that its own list withheld, so that a synthetic one stands in for it on the log, is neither: order
and position are right, and should it be listed after all, it moves nothing a second time. Such fills are counted.

Foreign fills from before the gateway's first start belong to nobody here: the venue's history up to the first fetched
trade id is taken as the position the gateway began with.
"""

from tapeline.check.facts import UNANSWERED, Testimony
from tapeline.check.judging_fills import check_fills, check_phantoms, check_positions, check_projected_fills, synthetic
from tapeline.check.judging_orders import (
    check_after_a_kill,
    check_duplicates,
    check_orders_of_the_ledger,
    check_orders_of_the_venue,
    is_of_ours,
)
from tapeline.check.judging_slots import check_projected_slots, check_slots
from tapeline.check.verdict import Findings, Verdict


def judge(heard: Testimony) -> Verdict:
    """One look, judged."""
    findings = Findings()
    check_duplicates(heard, findings)
    check_orders_of_the_venue(heard, findings)
    check_orders_of_the_ledger(heard, findings)
    check_after_a_kill(heard, findings)
    under_way = check_fills(heard, findings)
    check_phantoms(heard, findings)
    check_projected_fills(heard, findings)
    check_projected_slots(heard, findings)
    check_slots(heard, findings)
    check_positions(heard, under_way, findings)
    return Verdict(
        orders_at_venue=sum(is_of_ours(heard, order.client_order_id) for order in heard.venue_before.orders),
        orders_in_ledger=len(heard.ledger.orders),
        unknown_orders=sum(row.state in UNANSWERED for row in heard.ledger.orders.values()),
        fills_at_venue=len(heard.venue_before.fills),
        fills_in_log=len(heard.log.fills),
        fills_in_ledger=len(heard.ledger.fills),
        fills_in_postgres=len(heard.projections.fills),
        synthetic_fills=len(synthetic(heard)),
        projection_lag=_lag(heard),
        unreadable_records=heard.log.unreadable,
        findings=findings,
    )


def _lag(heard: Testimony) -> int:
    return sum(max(0, end - heard.projections.next_offset.get(at, 0)) for at, end in heard.log_ends.items())
