"""What both ledgers promise: a claim once for ever, batches whole, one owner an account."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from connector.gateway.errors import ClaimsTakenError, FencedError
from connector.gateway.ledger import Batch, Ledger
from connector.gateway.lifecycle import Order
from tests.contract.gateway.conftest import NewLedger
from tests.unit.connector.gateway.given import (
    ACCOUNT,
    OTHER_SYMBOL,
    SYMBOL,
    VENUE,
    after,
    execution,
    order,
    ours,
    report,
    request,
)
from topics.v1.common_pb2 import SIDE_SELL
from topics.v1.orders_pb2 import (
    ORDER_STATUS_CANCELED,
    ORDER_STATUS_DENIED,
    ORDER_STATUS_FILLED,
    Fill,
    OrderUpdate,
)


async def started(new_ledger: NewLedger, account: str = ACCOUNT) -> Ledger:
    ledger = new_ledger()
    await ledger.start(VENUE, account, "test")
    return ledger


async def taken(ledger: Ledger, batch: Batch) -> Mapping[str, Order]:
    with pytest.raises(ClaimsTakenError) as refused:
        await ledger.commit(batch)
    return refused.value.orders


async def test_a_claim_is_taken_once_for_ever(new_ledger: NewLedger) -> None:
    """WF-2: an id stays used after its order ended and the gateway was restarted."""
    ledger = await started(new_ledger)
    assert await ledger.commit(Batch(claims=[order(1), order(2)])) == {}
    ended, _ = after(order(1), report(request(1), ORDER_STATUS_CANCELED))
    await ledger.commit(Batch(changes={ended.id: ended}))
    await ledger.close()
    again = await started(new_ledger)
    other = order(1, request=request(1, quantity_lots=99))
    assert await taken(again, Batch(claims=[other, order(3)])) == {ours(1): ended}
    assert [it.request.quantity_lots for it in await again.find(client_order_id=ours(1))] == [10]
    await again.close()


async def test_an_order_comes_back_as_it_was(new_ledger: NewLedger) -> None:
    """ORD-7: integers in, the same integers out; every field survives."""
    ledger = await started(new_ledger)
    made = order(1, strategy="grid", intent_id="i-1", sent_ns=5)
    await ledger.commit(Batch(claims=[made]))
    fill = execution(request(1), "t1", 4)
    changed, _ = after(made, report(request(1)), fill)
    await ledger.commit(Batch(changes={changed.id: changed}, fills=[fill]))
    assert await ledger.find(client_order_id=changed.id) == [changed]
    assert await ledger.find(symbol=SYMBOL, venue_order_id="v1") == [changed]
    assert await ledger.find(symbol=OTHER_SYMBOL, venue_order_id="v1") == []
    assert await ledger.find(venue_order_id="") == []
    await ledger.close()


async def test_the_same_venue_order_id_on_two_symbols_is_two_orders(new_ledger: NewLedger) -> None:
    """ORD-4: orders are told apart by venue, symbol and id."""
    ledger = await started(new_ledger)
    one = order(1, venue_order_id="7")
    two = order(2, request=request(2, symbol=OTHER_SYMBOL), venue_order_id="7")
    await ledger.commit(Batch(claims=[one, two]))
    assert await ledger.find(symbol=OTHER_SYMBOL, venue_order_id="7") == [two]
    assert len(await ledger.find(venue_order_id="7")) == 2
    await ledger.close()


async def test_a_change_of_an_order_that_nobody_claimed_changes_nothing(new_ledger: NewLedger) -> None:
    """WF-2: a claim alone makes a row."""
    ledger = await started(new_ledger)
    unclaimed, _ = after(order(1), report(request(1)))
    await ledger.commit(Batch(changes={unclaimed.id: unclaimed}, marks={SYMBOL: "t1"}))
    assert await ledger.find(client_order_id=ours(1)) == []
    assert await ledger.fill_marks() == {SYMBOL: "t1"}
    await ledger.close()


async def test_unsettled_is_all_that_a_start_must_look_at(new_ledger: NewLedger) -> None:
    """ORD-6: open, unanswered, awaiting fills, or denied without the log knowing; ended and complete ones are not."""
    ledger = await started(new_ledger)
    denied = order(4, status=ORDER_STATUS_DENIED)
    await ledger.commit(Batch(claims=[order(1), order(2), order(3), denied, order(5)]))
    live, _ = after(order(2), report(request(2)))
    awaiting, _ = after(order(3), report(request(3), ORDER_STATUS_FILLED, filled_lots=10))
    fill = execution(request(5), "t5", 10)
    complete, _ = after(order(5), fill)
    changes = {it.id: it for it in (live, awaiting, complete)}
    await ledger.commit(Batch(changes=changes, fills=[fill]))
    assert {it.id for it in await ledger.unsettled()} == {ours(1), ours(2), ours(3), ours(4)}
    await ledger.commit(Batch(changes={denied.id: denied}))
    assert {it.id for it in await ledger.unsettled()} == {ours(1), ours(2), ours(3)}
    await ledger.close()


async def test_a_conclusion_comes_back_until_it_was_said(new_ledger: NewLedger) -> None:
    """ORD-5: an end that only we know of is durable, newer than the changes beside it, and unsettled until said."""
    ledger = await started(new_ledger)
    await ledger.commit(Batch(claims=[order(1), order(2)], cancels=[ours(1)]))
    live, _ = after(order(1), report(request(1)))
    vanished = replace(live, status=ORDER_STATUS_CANCELED, reason_code="VANISHED")
    await ledger.commit(Batch(changes={live.id: live}, concluded=[vanished]))
    known, _ = await ledger.unsettled()
    assert known == replace(vanished, cancel_requested=True)
    await ledger.commit(Batch(changes={vanished.id: vanished}))
    assert [it.id for it in await ledger.unsettled()] == [ours(2)]
    await ledger.close()


async def test_a_fill_is_kept_once(new_ledger: NewLedger) -> None:
    """ORD-4: unique by venue, symbol and trade id; the same trade id on another symbol is another fill."""
    ledger = await started(new_ledger)
    other = request(2, symbol=OTHER_SYMBOL)
    await ledger.commit(Batch(claims=[order(1), order(2, request=other)]))
    fills = [execution(request(1), "t1", 4), execution(request(1), "t1", 4), execution(other, "t1", 3)]
    await ledger.commit(Batch(fills=fills))
    await ledger.commit(Batch(fills=fills))
    assert [it.trade_ids for it in await ledger.find(client_order_id=ours(1))] == [frozenset({"t1"})]
    assert [it.trade_ids for it in await ledger.find(client_order_id=ours(2))] == [frozenset({"t1"})]
    await ledger.close()


async def test_a_cancel_request_is_never_taken_back(new_ledger: NewLedger) -> None:
    """ORD-3: a change decided before the request and written after it leaves it standing."""
    ledger = await started(new_ledger)
    await ledger.commit(Batch(claims=[order(1)], cancels=[ours(1)]))
    live, _ = after(order(1), report(request(1)))
    await ledger.commit(Batch(changes={live.id: live}))
    assert await ledger.find(client_order_id=ours(1)) == [replace(live, cancel_requested=True)]
    await ledger.close()


async def test_offsets_and_marks_are_kept_by_topic_and_symbol(new_ledger: NewLedger) -> None:
    """ES-3: where to go on reading is part of the transaction."""
    ledger = await started(new_ledger)
    await ledger.commit(Batch(positions={("intents", 0): 5, ("intents", 3): 7, ("a.intents", 0): 9}))
    await ledger.commit(Batch(positions={("intents", 0): 6}, marks={SYMBOL: "12", OTHER_SYMBOL: ""}))
    await ledger.close()
    again = await started(new_ledger)
    assert await again.intent_positions("intents") == {0: 6, 3: 7}
    assert await again.intent_positions("a.intents") == {0: 9}
    assert await again.fill_marks() == {SYMBOL: "12", OTHER_SYMBOL: ""}
    await again.close()


async def test_a_gateway_that_was_taken_over_from_can_change_nothing(new_ledger: NewLedger) -> None:
    """ORD-5: one writer an account; a claim, a change and an empty check of the old one all fail."""
    old = await started(new_ledger)
    await old.commit(Batch(claims=[order(1)]))
    new = await started(new_ledger)
    changed, _ = after(order(1), report(request(1)))
    for batch in (Batch(claims=[order(2)]), Batch(changes={ours(1): changed}), Batch()):
        with pytest.raises(FencedError, match="epoch 1 is over"):
            await old.commit(batch)
    assert await new.find(client_order_id=ours(2)) == []
    assert await new.find(client_order_id=ours(1)) == [order(1)]
    assert await new.commit(Batch(claims=[order(2)])) == {}
    await old.close()
    await new.close()


async def test_accounts_do_not_fence_or_show_each_other(new_ledger: NewLedger) -> None:
    """ORD-5: the epoch is the account's own; an id is used up for all of them."""
    first, second = await started(new_ledger, "one"), await started(new_ledger, "two")
    mine = order(1, account="one")
    await first.commit(Batch(claims=[mine], positions={("intents", 0): 4}))
    assert await taken(second, Batch(claims=[order(1, account="two")])) == {ours(1): mine}
    assert await second.unsettled() == []
    assert await second.intent_positions("intents") == {}
    await first.close()
    await second.close()


async def test_many_claims_go_in_one_batch(new_ledger: NewLedger) -> None:
    """WF-2: of a thousand with every tenth taken, exactly the taken ones come back, and the others can be claimed."""
    ledger = await started(new_ledger)
    first: list[Order] = [order(number) for number in range(0, 1000, 10)]
    await ledger.commit(Batch(claims=first))
    existing = await taken(ledger, Batch(claims=[order(number) for number in range(1000)]))
    assert set(existing) == {it.id for it in first}
    assert await ledger.commit(Batch(claims=[order(it) for it in range(1000) if ours(it) not in existing])) == {}
    assert len(await ledger.unsettled()) == 1000
    await ledger.close()


async def test_nothing_of_a_batch_is_written_where_an_id_is_taken(new_ledger: NewLedger) -> None:
    """WF-2: neither the offset of the intent nor anything else that went along; what follows is."""
    ledger = await started(new_ledger)
    await ledger.commit(Batch(claims=[order(1)]))
    changed, _ = after(order(1), report(request(1)))
    going_along = Batch(positions={("intents", 0): 4}, changes={ours(1): changed}, marks={SYMBOL: "7"})
    going_along.claims = [order(2), order(1)]
    assert await taken(ledger, going_along) == {ours(1): order(1)}
    assert await ledger.find(client_order_id=ours(2)) == []
    assert await ledger.find(client_order_id=ours(1)) == [order(1)]
    assert (await ledger.intent_positions("intents"), await ledger.fill_marks()) == ({}, {})
    going_along.claims = [order(2)]
    assert await ledger.commit(going_along) == {}
    assert (await ledger.intent_positions("intents"), await ledger.fill_marks()) == ({0: 4}, {SYMBOL: "7"})
    await ledger.close()


async def test_a_position_is_what_it_began_with_and_every_fill_once(new_ledger: NewLedger) -> None:
    """ORD-4, ORD-6: moved in the transaction of the fill, by what synthetic fills had not moved before."""
    ledger = await started(new_ledger)
    buys = [execution(request(1), str(number), 4) for number in (1, 2)]
    sell = execution(request(2, side=SIDE_SELL), "3", 10)
    sell.fill.covered_lots = 7
    await ledger.commit(Batch(fills=[buys[0]]))
    assert await ledger.booked_positions() == {}
    await ledger.commit(Batch(begun_positions={SYMBOL: 100}, fills=[buys[1], buys[0], buys[1]]))
    await ledger.commit(Batch(fills=[buys[1], sell, execution(request(3, symbol=OTHER_SYMBOL), "1", 5)]))
    assert await ledger.booked_positions() == {SYMBOL: 101}
    await ledger.close()
    again = await started(new_ledger)
    assert await again.booked_positions() == {SYMBOL: 101}
    assert await again.known_trades(SYMBOL, ["1", "3", "9"]) == {"1", "3"}
    await again.close()


async def test_corrections_are_kept_until_they_are_said(new_ledger: NewLedger) -> None:
    """ORD-6, ES-3: in the order they were made; those without an order are counted for ever."""
    ledger = await started(new_ledger)
    made = [
        OrderUpdate(symbol=SYMBOL, client_order_id=name, fill=Fill(trade_id=trade_id, quantity_lots=1, synthetic=True))
        for name, trade_id in ((ours(1), "R9"), ("", "R1"), ("", "R2"))
    ]
    await ledger.commit(Batch(corrections=made))
    await ledger.commit(Batch(corrections=made, said_corrections=[(SYMBOL, "R1")]))
    await ledger.close()
    again = await started(new_ledger)
    assert await again.unsaid_corrections() == [made[0], made[2]]
    assert await again.adjustments() == {SYMBOL: 2}
    other = await started(new_ledger, "two")
    assert (await other.unsaid_corrections(), await other.adjustments()) == ([], {})
    await again.close()
    await other.close()


async def test_how_much_of_an_order_was_made_up_is_remembered(new_ledger: NewLedger) -> None:
    """ORD-5: so that a true execution after a restart is covered by it."""
    ledger = await started(new_ledger)
    await ledger.commit(Batch(claims=[order(1)]))
    made = execution(request(1), "R1", 6)
    made.fill.synthetic = True
    at, _ = after(order(1), report(request(1), ORDER_STATUS_FILLED, filled_lots=10), made)
    await ledger.commit(Batch(changes={ours(1): at}, fills=[made]))
    (known,) = await ledger.find(client_order_id=ours(1))
    assert known == at
    assert (known.booked_lots, known.synthetic_lots, known.synthetic_ticks) == (6, 6, 100_000)
    await ledger.close()
