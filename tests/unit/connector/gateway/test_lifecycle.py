"""The life of one order: given what was known, when news comes, then this is said. No clock, no I/O."""

from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.gateway.lifecycle import (
    TERMINAL,
    Ended,
    Found,
    News,
    Order,
    Uncertain,
    as_update,
    describes,
    moved_lots,
    sent,
)
from connector.port import OrderRequest
from tests.unit.connector.gateway.given import NOW_NS, after, execution, order, report, request
from topics.v1.common_pb2 import ORDER_TYPE_MARKET, SIDE_SELL
from topics.v1.orders_pb2 import (
    ORDER_STATUS_ACCEPTED,
    ORDER_STATUS_CANCELED,
    ORDER_STATUS_DENIED,
    ORDER_STATUS_EXPIRED,
    ORDER_STATUS_FILLED,
    ORDER_STATUS_PARTIALLY_FILLED,
    ORDER_STATUS_REJECTED,
    ORDER_STATUS_UNKNOWN,
)

ASKED = request(1)


def statuses(*history: News) -> list[int]:
    return [update.status for update in after(order(1), *history)[1]]


def test_an_accepted_order_is_said_once() -> None:
    """ORD-4: the reply and the stream tell the same; one update."""
    assert statuses(report(ASKED), report(ASKED), report(ASKED)) == [ORDER_STATUS_ACCEPTED]


def test_fills_add_up_to_filled() -> None:
    """ORD-4: cumulative and never decreasing."""
    final, said = after(order(1), report(ASKED), execution(ASKED, "1", 4), execution(ASKED, "2", 6))
    assert [(it.status, it.filled_lots) for it in said] == [
        (ORDER_STATUS_ACCEPTED, 0),
        (ORDER_STATUS_PARTIALLY_FILLED, 4),
        (ORDER_STATUS_FILLED, 10),
    ]
    assert final.settled


def test_a_repeated_fill_says_nothing() -> None:
    """ORD-4: deduplicated by trade id."""
    final, said = after(order(1), execution(ASKED, "1", 4), execution(ASKED, "1", 4))
    assert (len(said), final.booked_lots) == (1, 4)


def test_an_older_report_takes_nothing_back() -> None:
    """ORD-5: filled never decreases, and an accepted that comes late makes nothing unfilled."""
    partly = report(ASKED, ORDER_STATUS_PARTIALLY_FILLED, filled_lots=6)
    assert statuses(partly, report(ASKED)) == [ORDER_STATUS_PARTIALLY_FILLED]


def test_a_fill_after_the_cancel_is_booked_and_resurrects_nothing() -> None:
    """ORD-5: late fill after cancel: quantity yes, life no."""
    cancelled = report(ASKED, ORDER_STATUS_CANCELED, filled_lots=0)
    final, said = after(order(1), report(ASKED), cancelled, execution(ASKED, "1", 4), report(ASKED))
    assert [it.status for it in said] == [ORDER_STATUS_ACCEPTED, ORDER_STATUS_CANCELED, ORDER_STATUS_CANCELED]
    assert (final.filled_lots, final.booked_lots, final.remaining_lots) == (4, 4, 6)


def test_an_end_before_its_fills_waits_for_them() -> None:
    """ORD-4: a terminal status that overtakes its fills keeps waiting by cumulative quantity."""
    filled = report(ASKED, ORDER_STATUS_FILLED, filled_lots=10)
    final, _ = after(order(1), filled, execution(ASKED, "1", 4))
    assert (final.status, final.settled) == (ORDER_STATUS_FILLED, False)
    final, _ = after(final, execution(ASKED, "2", 6))
    assert final.settled


def test_a_fill_that_overshoots_leaves_nothing_negative() -> None:
    """ORD-5: remaining >= 0, whatever the venue says."""
    final, _ = after(order(1), execution(ASKED, "1", 8), execution(ASKED, "2", 8), report(ASKED, filled_lots=99))
    assert (final.filled_lots, final.remaining_lots, final.booked_lots) == (10, 0, 16)


def test_uncertain_is_only_what_nobody_answered() -> None:
    """WF-3: a timeout after the stream already told of the order changes nothing."""
    assert statuses(Uncertain("timeout"), Uncertain("again")) == [ORDER_STATUS_UNKNOWN]
    assert statuses(execution(ASKED, "1", 4), Uncertain("timeout")) == [ORDER_STATUS_PARTIALLY_FILLED]


def test_unknown_is_resolved_by_what_the_venue_says() -> None:
    """WF-3: found, it is what it is there; the reason of the doubt is gone."""
    final, said = after(sent(order(1), NOW_NS), Uncertain("timeout"), report(ASKED))
    assert [it.reason_code for it in said] == ["OUTCOME_UNKNOWN", ""]
    assert (final.status, final.answered_ns) == (ORDER_STATUS_ACCEPTED, NOW_NS)


@pytest.mark.parametrize("status", sorted(TERMINAL))
def test_an_ended_order_ends_only_once(status: int) -> None:
    """ORD-5: a terminal status never changes again."""
    ended = Ended(status, "CODE", "first")
    others: list[News] = [
        Ended(ORDER_STATUS_REJECTED, "OTHER", "second"),
        report(ASKED, ORDER_STATUS_EXPIRED),
        Uncertain("late"),
    ]
    final, _ = after(order(1), ended, *others)
    assert (final.status, final.reason_code) == (status, "CODE")


def test_an_update_carries_everything_a_reader_needs() -> None:
    """ORD-7: whole ticks and lots with their grain, and who asked for it."""
    made = order(1, strategy="grid", intent_id="i-1")
    update = after(made, report(ASKED))[1][0]
    assert (update.grain.tick_size, update.grain.lot_size) == ("0.1", "0.001")
    assert (update.price_ticks, update.quantity_lots) == (100_000, 10)
    assert (update.client_order_id, update.strategy, update.intent_id) == (ASKED.client_order_id, "grid", "i-1")
    assert update.seq == 0


def test_another_order_with_the_same_client_id_is_not_ours() -> None:
    """WF-2: compared by venue id where both have one, by details otherwise."""
    assert describes(order(1), report(ASKED))
    assert not describes(order(1), report(request(1, quantity_lots=11)))
    assert not describes(order(1), report(request(1, side=SIDE_SELL)))
    assert not describes(order(1), report(request(1, price_ticks=1)))
    assert not describes(order(1, venue_order_id="v9"), report(ASKED))
    market = request(1, type=ORDER_TYPE_MARKET, price_ticks=0)
    assert describes(order(1, request=market), report(request(1, type=ORDER_TYPE_MARKET, price_ticks=99)))


@dataclass(frozen=True)
class History:
    """What truly happened at the venue, in its order."""

    asked: OrderRequest
    news: list[News]
    filled_lots: int
    end: int


@st.composite
def histories(draw: st.DrawFn) -> History:
    quantity = draw(st.integers(1, 50))
    asked = request(1, quantity_lots=quantity)
    news: list[News] = [report(asked)]
    filled = 0
    for number in range(draw(st.integers(0, 6))):
        if filled == quantity:
            break
        lots = draw(st.integers(1, quantity - filled))
        filled += lots
        status = ORDER_STATUS_FILLED if filled == quantity else ORDER_STATUS_PARTIALLY_FILLED
        news += [execution(asked, str(number), lots), report(asked, status, filled_lots=filled)]
    end = ORDER_STATUS_FILLED if filled == quantity else draw(st.sampled_from([0, ORDER_STATUS_CANCELED]))
    if end == ORDER_STATUS_CANCELED:
        news.append(report(asked, ORDER_STATUS_CANCELED, filled_lots=filled))
    return History(asked, news, filled, end)


@given(histories(), st.data())
def test_any_order_of_a_true_history_ends_in_the_same_state(history: History, data: st.DataObject) -> None:
    """ORD-4, ORD-5: shuffled and repeated, it converges; nothing is resurrected, nothing goes below zero."""
    repeated = data.draw(st.lists(st.sampled_from(history.news), max_size=6))
    told = data.draw(st.permutations([*history.news, *repeated]))
    doubts = data.draw(st.integers(0, len(told)))
    told.insert(doubts, Uncertain("timeout"))
    start = order(1, request=history.asked)
    at = start
    for news in told:
        before = at
        at, said = after(at, news)
        _hold(before, at)
        assert len(said) <= 1
        assert all(as_update(at).status == it.status for it in said)
    in_turn, _ = after(start, *history.news)
    assert _facts(at) == _facts(in_turn)
    assert (at.filled_lots, at.booked_lots) == (history.filled_lots, history.filled_lots)
    assert at.settled == (history.end != 0)


@given(histories(), st.data())
def test_synthetic_executions_at_any_moment_change_nothing_in_the_end(history: History, data: st.DataObject) -> None:
    """ORD-4, ORD-5: what is made up is covered by what is told later, whole or in part; the sum is the venue's."""
    told = data.draw(st.permutations([*history.news, *history.news[: data.draw(st.integers(0, 4))]]))
    at, moved = order(1, request=history.asked), 0
    for number, news in enumerate(told):
        before = at
        at, said = after(at, news)
        moved += sum(moved_lots(it.fill) for it in said if it.HasField("fill"))
        _hold(before, at)
        short = at.filled_lots - at.booked_lots
        if short and data.draw(st.booleans()):
            made = execution(history.asked, f"R{number}", short)
            made.fill.synthetic = True
            at, said = after(at, made)
            moved += sum(moved_lots(it.fill) for it in said)
            assert at.booked_lots == at.filled_lots == moved
    assert (at.filled_lots, at.booked_lots, moved) == (history.filled_lots,) * 3
    assert at.synthetic_lots == 0


def test_an_adopted_order_says_who_found_it() -> None:
    """WF-3: an order nobody answered for is visibly adopted; one that was answered is only brought up to date."""
    found = Found(report(ASKED), "order history")
    adopted = after(sent(order(1), NOW_NS), Uncertain("timeout"), found)[1][-1]
    assert (adopted.status, adopted.reason_code) == (ORDER_STATUS_ACCEPTED, "ADOPTED")
    assert "order history" in adopted.reason
    known = Found(report(ASKED, ORDER_STATUS_PARTIALLY_FILLED, filled_lots=3), "order history")
    assert after(order(1), report(ASKED), known)[1][-1].reason_code == ""
    refused = replace(report(ASKED, ORDER_STATUS_EXPIRED), reason_code="POST_ONLY_WOULD_TAKE")
    assert after(order(1), Found(refused, "look-up by id"))[1][-1].reason_code == "POST_ONLY_WOULD_TAKE"


def _hold(before: Order, at: Order) -> None:
    assert at.remaining_lots >= 0
    assert at.filled_lots >= before.filled_lots
    assert not before.terminal or at.status == before.status


def _facts(it: Order) -> tuple[object, ...]:
    return it.status, it.filled_lots, it.booked_lots, it.trade_ids, it.venue_order_id


def test_what_filled_and_is_not_booked_is_still_at_stake() -> None:
    """RISK-2: told that an order filled before its execution is, the position has yet to move; so room stays taken."""
    wanted = order()
    lots = wanted.request.quantity_lots
    assert wanted.at_stake_lots == lots
    told, _ = after(wanted, report(wanted.request, ORDER_STATUS_FILLED, filled_lots=lots))
    assert (told.terminal, told.at_stake_lots) == (True, lots)
    booked, _ = after(told, execution(wanted.request, "1", lots))
    assert booked.at_stake_lots == 0


def test_news_of_the_venue_say_nothing_of_an_order_that_was_denied() -> None:
    """WF-2, ORD-5: it was never sent. A repeat whose claim is under way must not deny the order that has its id."""
    denied = order(status=ORDER_STATUS_DENIED, reason_code="EXPOSURE_LIMIT")
    news = (report(denied.request), execution(denied.request, "1", 1), report(denied.request, ORDER_STATUS_FILLED))
    assert after(denied, *news)[1] == []
