"""Each projection by given / when / then; and of each: a redelivered event changes nothing (ES-2)."""

import random
from decimal import Decimal
from typing import Any

import pytest

from projections.account import BALANCES, FUNDING_PAYMENTS, VENUE_POSITIONS
from projections.fills import FILLS
from projections.funding import MARKS
from projections.gauges import newest_prices
from projections.instruments import INSTRUMENTS
from projections.intents import INTENTS
from projections.market import CANDLES, LAST_QUOTES, MARKET_MINUTES
from projections.minutes import TRADING_MINUTES
from projections.orders import ORDERS
from projections.poison import POISONED
from projections.positions import FEES, POSITIONS
from projections.progress import AGENT_PROGRESS
from projections.risk import RISK, RISK_EVENTS
from projections.rows import Rows
from projections.slots import SLOT_STEPS, SLOTS
from projections.tables import TABLES
from tests.unit.projections.history import (
    ACCOUNT,
    GRAIN,
    SYMBOL,
    VENUE,
    Given,
    account,
    candle,
    fill,
    filled,
    funding_payment,
    holding,
    market,
    order,
    quote,
    record,
    step,
    trade,
)
from topics import catalogue
from topics.v1.common_pb2 import SIDE_BUY, Position
from topics.v1.funding_pb2 import FundingUpdate
from topics.v1.instruments_pb2 import Instrument
from topics.v1.intents_pb2 import CancelOrder, Intent, PlaceOrder
from topics.v1.orders_pb2 import OWNERSHIP_FOREIGN
from topics.v1.risk_pb2 import RISK_ACTION_STOP_BUYS, RISK_STATE_RELEASED, RISK_STATE_TRIPPED, RiskEvent
from topics.v1.state_pb2 import AgentState

INTENT = Intent(
    intent_id="tlA", strategy="grid", venue=VENUE, symbol=SYMBOL, account=ACCOUNT, grain=GRAIN,
    place=PlaceOrder(client_order_id="tlA", side=SIDE_BUY, price_ticks=1, quantity_lots=2, slot=-3, attempt=1),
    rule="grid", reason="slot -3 is free", cause=Position(topic="market", partition=2, offset=9),
)  # fmt: skip
INSTRUMENT = Instrument(
    venue=VENUE, symbol=SYMBOL, base_asset="BTC", quote_asset="USDT", grain=GRAIN, min_notional="5",
    maker_fee_rate="0.0002", taker_fee_rate="0.0005", trading=True, seq=1,
)  # fmt: skip
TRIPPED = RiskEvent(
    venue=VENUE, symbol=SYMBOL, account=ACCOUNT, rule="volatility", state=RISK_STATE_TRIPPED,
    action=RISK_ACTION_STOP_BUYS, value="0.021", limit="0.02", unit="fraction", version=1,
)  # fmt: skip
RELEASED = RiskEvent(
    venue=VENUE, symbol=SYMBOL, account=ACCOUNT, rule="volatility", state=RISK_STATE_RELEASED, version=2
)
MARK = FundingUpdate(venue=VENUE, symbol=SYMBOL, seq=1, time_ms=5, rate="0.0001", mark_price="40000.05")

EVERY_TOPIC: list[tuple[catalogue.Topic[Any], list[Any]]] = [
    (catalogue.INSTRUMENTS, [INSTRUMENT]),
    (catalogue.MARKET, [market(quote(10, 12), trade(11, 3), candle(11)), market(quote(11, 13), first_seq=4)]),
    (catalogue.FUNDING, [MARK]),
    (
        catalogue.ORDERS,
        [
            order(status="CLAIMED", seq=1),
            order(seq=2),
            order(status="PARTIALLY_FILLED", seq=3, filled=4, fill=fill("1", 4)),
            order(status="FILLED", seq=4, filled=10, fill=fill("2", 6)),
        ],
    ),
    (
        catalogue.ACCOUNT,
        [account(seq=1, USDT="100", BNB="1"), holding(5, seq=2), funding_payment("p1", "-0.5", seq=3),
         account(seq=4, snapshot=True, USDT="99")],
    ),
    (catalogue.INTENTS, [INTENT]),
    (catalogue.SLOTS, [step(1, "LOCKED"), step(2, "FILLED", from_state="LOCKED"), step(3, "FREE")]),
    (catalogue.RISK, [TRIPPED, RELEASED]),
    (catalogue.GRID_STATE, [AgentState(agent="grid", venue=VENUE, symbol=SYMBOL, version=7, market_seq=9)]),
    (catalogue.VOLATILITY_STATE, [AgentState(agent="volatility", venue=VENUE, symbol=SYMBOL, version=3)]),
    (catalogue.EXPOSURE_STATE, [AgentState(agent="exposure", venue=VENUE, account=ACCOUNT, version=2)]),
]  # fmt: skip


@pytest.mark.parametrize(("topic", "messages"), EVERY_TOPIC, ids=[topic.name for topic, _ in EVERY_TOPIC])
def test_a_redelivered_event_changes_nothing(topic: catalogue.Topic[Any], messages: list[Any]) -> None:
    """ES-2: the same records at the same places once more, all and from each place on: rows stay as they are."""
    given = Given().then(topic, *messages)
    before = given.everything()
    assert any(before.values())
    given.redelivered(topic, *messages)
    assert given.everything() == before
    given.redelivered(topic, *messages[:1])
    assert given.everything() == before
    assert not given.poisoned


@pytest.mark.parametrize(("topic", "messages"), EVERY_TOPIC, ids=[topic.name for topic, _ in EVERY_TOPIC])
def test_each_row_tells_the_record_that_made_it(topic: catalogue.Topic[Any], messages: list[Any]) -> None:
    """ES-4: topic, partition and offset are in every row."""
    given = Given().then(topic, *messages)
    places = {row[-3:] for rows in given.everything().values() for row in rows}
    assert places
    assert places <= {(topic.name, 0, offset) for offset in range(len(messages))}


def test_the_interleaving_of_topics_does_not_matter() -> None:
    """ES-2: rows are a function of the order within partitions only, so a rebuild ends in the same rows."""
    expected = Given()
    for topic, messages in EVERY_TOPIC:
        expected.then(topic, *messages)
    chance = random.Random(4)
    for _ in range(20):
        given, left = Given(), {topic.name: (topic, list(messages)) for topic, messages in EVERY_TOPIC}
        while left:
            topic, messages = left[chance.choice(list(left))]
            given.then(topic, messages.pop(0))
            if not messages:
                del left[topic.name]
        assert given.everything() == expected.everything()


def test_every_table_is_fed_by_some_topic() -> None:
    """ES-2: no table is declared and forgotten (poison has a test of its own)."""
    given = Given()
    for topic, messages in EVERY_TOPIC:
        given.then(topic, *messages)
    empty = {table.name for table in TABLES if not given.rows(table)}
    assert empty == {POISONED.name}


def test_a_terminal_status_is_never_overwritten_and_filled_never_decreases() -> None:
    """ORD-4, ORD-5: a late acceptance and a late partial fill after the end leave the end as it is."""
    given = Given().then(
        catalogue.ORDERS,
        order(status="CANCELED", seq=1, filled=4),
        order(status="ACCEPTED", seq=2),
        order(status="PARTIALLY_FILLED", seq=3, filled=3),
        order(status="REJECTED", seq=4),
    )
    row = given.one(ORDERS)
    assert (row.status, row.filled_lots) == ("CANCELED", 4)


def test_a_fill_after_the_cancel_is_booked_and_does_not_revive_the_order() -> None:
    """ORD-4: fill and order updates may arrive in any order."""
    given = Given().then(
        catalogue.ORDERS,
        order(status="CANCELED", seq=1),
        order(status="CANCELED", seq=2, filled=4, fill=fill("1", 4)),
    )
    assert (given.one(ORDERS).status, given.one(ORDERS).filled_lots) == ("CANCELED", 4)
    assert given.one(POSITIONS).quantity == Decimal("0.004")


def test_a_status_never_goes_back() -> None:
    """ORD-4: the gateway's late word after the stream's is no news."""
    given = Given().then(catalogue.ORDERS, order(seq=1), order(status="SENT", seq=2), order(status="UNKNOWN", seq=3))
    row = given.one(ORDERS)
    assert (row.status, row.venue_order_id) == ("ACCEPTED", "v-tlA")


def test_an_unknown_order_is_shown_until_it_is_found() -> None:
    """WF-3: unknown is a state people see."""
    given = Given().then(catalogue.ORDERS, order(status="SENT", seq=1), order(status="UNKNOWN", seq=2))
    assert given.one(ORDERS).status == "UNKNOWN"
    given.then(catalogue.ORDERS, order(seq=3))
    assert given.one(ORDERS).status == "ACCEPTED"


def test_foreign_orders_with_one_client_id_are_two_orders() -> None:
    """ORD-6: client ids of others repeat; theirs are told apart by the venue's id."""
    foreign: dict[str, Any] = {"ownership": OWNERSHIP_FOREIGN, "strategy": ""}
    given = Given().then(
        catalogue.ORDERS,
        order("x", seq=1, venue_order_id="1", **foreign),
        order("x", seq=2, venue_order_id="2", **foreign),
    )
    assert [row.order_id for row in given.rows(ORDERS)] == ["1", "2"]


def test_a_fill_published_twice_counts_once() -> None:
    """ORD-4: by venue, symbol and trade id; only a missing client order id is completed by the repeat."""
    first = order("", "FILLED", seq=1, filled=5, fill=fill("1", 5), venue_order_id="9")
    again = order("tlA", "FILLED", seq=2, filled=5, fill=fill("1", 5), venue_order_id="9")
    given = Given().then(catalogue.ORDERS, first, again, again)
    assert given.one(FILLS).client_order_id == "tlA"
    assert given.one(FILLS).offset == 0
    assert given.one(POSITIONS).fills == 1
    assert given.one(TRADING_MINUTES).fills == 1
    assert given.one(FEES).paid == Decimal("0.01")


def test_a_position_adds_up_turns_and_closes() -> None:
    """ORD-7: quantity, average entry, exact cash flow and the venue's realised profit, fill by fill."""
    given = Given()
    expected = [
        (filled("1", "BUY", 10, 400_000, seq=1), "0.010", "40000", "-400"),
        (filled("2", "BUY", 10, 402_000, seq=2), "0.020", "40100", "-802"),
        (filled("3", "SELL", 5, 404_000, seq=3, realized="1.5"), "0.015", "40100", "-600"),
        (filled("4", "SELL", 25, 404_000, seq=4, realized="4.5"), "-0.010", "40400", "410"),
        (filled("5", "BUY", 10, 400_000, seq=5, realized="4"), "0", "0", "10"),
    ]
    for update, quantity, entry, cash_flow in expected:
        given.then(catalogue.ORDERS, update)
        row = given.one(POSITIONS)
        assert (row.quantity, row.average_entry, row.cash_flow) == (
            Decimal(quantity),
            Decimal(entry),
            Decimal(cash_flow),
        )
        assert row.quantity_lots * row.lot_size == row.quantity
    assert row.realized_pnl == row.cash_flow == Decimal(10)  # flat: all is realised
    assert (row.volume, row.fills) == (Decimal("400") + 402 + 202 + 1010 + 400, 5)


def test_a_true_execution_after_its_synthetic_one_leaves_what_the_true_one_alone_would() -> None:
    """ORD-5, ORD-6: position, cash flow, volume, fees and profit as if the venue had told it in time."""
    synthetic = filled("R1", "BUY", 10, 400_000, seq=1, realized="0")
    synthetic.fill.synthetic, synthetic.fill.fee = True, "0"
    first = filled("1", "BUY", 6, 399_000, seq=2, realized="0.5")
    first.fill.covered_lots, first.fill.covered_price_ticks = 6, 400_000
    second = filled("2", "BUY", 7, 398_000, seq=3, realized="0.25")
    second.fill.covered_lots, second.fill.covered_price_ticks = 4, 400_000
    alone = [
        filled("1", "BUY", 6, 399_000, seq=1, realized="0.5"),
        filled("2", "BUY", 7, 398_000, seq=2, realized="0.25"),
    ]
    made_up = Given().then(catalogue.ORDERS, synthetic, first, second, first)
    true = Given().then(catalogue.ORDERS, *alone)
    for table in (POSITIONS, TRADING_MINUTES, FEES):
        mine, theirs = made_up.one(table)._asdict(), true.one(table)._asdict()
        for name in ("quantity", "cash_flow", "realized_pnl", "volume", "fills", "fees", "paid"):
            assert mine.get(name) == theirs.get(name), name


def test_a_lot_size_that_changes_keeps_the_position_exact() -> None:
    """ORD-7: quantities are kept in base units; lots are those of the newest grain."""
    coarse = filled("1", "BUY", 3, 400_000, seq=1)
    fine = filled("2", "BUY", 5, 400_000, seq=2)
    fine.grain.lot_size = "0.0001"
    row = Given().then(catalogue.ORDERS, coarse, fine).one(POSITIONS)
    assert (row.quantity, row.quantity_lots) == (Decimal("0.0035"), 35)


def test_fees_are_kept_by_asset() -> None:
    """ORD-7: a fee in another asset is never added to money of the quote currency."""
    usdt, bnb = filled("1", "BUY", 1, 400_000, seq=1), filled("2", "BUY", 1, 400_000, seq=2)
    bnb.fill.fee_asset = "BNB"
    rows = Given().then(catalogue.ORDERS, usdt, bnb).rows(FEES)
    assert {row.asset: row.paid for row in rows} == {"USDT": Decimal("0.01"), "BNB": Decimal("0.01")}


def test_slots_follow_their_newest_version() -> None:
    """GRID-1: an old step told again after a newer one is history only."""
    given = Given().then(catalogue.SLOTS, step(2, "FILLED", from_state="LOCKED"), step(1, "LOCKED"))
    assert (given.one(SLOTS).state, given.one(SLOTS).version) == ("FILLED", 2)
    assert [row.version for row in given.rows(SLOT_STEPS)] == [1, 2]


def test_an_intent_is_kept_as_first_told_with_its_reason_and_cause() -> None:
    """ES-4: what was asked, by which rule, from which record."""
    cancel = Intent(intent_id="c", venue=VENUE, symbol=SYMBOL, cancel=CancelOrder(client_order_id="tlA"))
    other = Intent(intent_id="tlA", venue=VENUE, symbol=SYMBOL, grain=GRAIN, place=PlaceOrder(slot=9))
    given = Given().then(catalogue.INTENTS, INTENT, other, cancel)
    placed, cancelled = sorted(given.rows(INTENTS), key=lambda row: str(row.intent_id), reverse=True)
    assert (placed.slot, placed.reason, placed.cause_topic, placed.cause_offset) == (-3, "slot -3 is free", "market", 9)
    assert (cancelled.action, cancelled.client_order_id, cancelled.tick_size) == ("CANCEL", "tlA", None)


def test_risk_is_the_newest_event_of_each_rule_and_all_are_kept() -> None:
    """RISK-7: with its numbers, as text, exactly as told."""
    given = Given().then(catalogue.RISK, TRIPPED, RELEASED, TRIPPED)
    assert given.one(RISK).state == "RELEASED"
    assert [(row.version, row.value, row.limit_value) for row in given.rows(RISK_EVENTS)] == [
        (1, "0.021", "0.02"),
        (2, "", ""),
    ]


def test_a_snapshot_zeroes_what_it_does_not_name() -> None:
    """ES-3: an asset that is gone and a position that was closed while nobody looked."""
    given = Given().then(
        catalogue.ACCOUNT,
        account(seq=1, USDT="100", BNB="1"),
        holding(5, seq=2),
        account(seq=3, snapshot=True, USDT="9"),
    )
    assert {row.asset: row.wallet_balance for row in given.rows(BALANCES)} == {"USDT": Decimal(9), "BNB": Decimal(0)}
    assert given.one(VENUE_POSITIONS).quantity_lots == 0


def test_an_older_account_update_does_not_undo_a_newer_one() -> None:
    """ES-2: by sequence number."""
    given = Given().then(catalogue.ACCOUNT, account(seq=5, USDT="100"), account(seq=4, USDT="7"))
    assert given.one(BALANCES).wallet_balance == Decimal(100)


def test_a_funding_payment_told_twice_is_one() -> None:
    """FUND-1: by venue, account and payment id."""
    paid = funding_payment("p1", "-0.5", seq=1), funding_payment("p1", "-0.5", seq=2)
    assert Given().then(catalogue.ACCOUNT, *paid).one(FUNDING_PAYMENTS).amount == Decimal("-0.5")


def test_the_newest_mark_is_kept_and_spot_has_no_prediction() -> None:
    """FUND-1: predicted rate is none where the venue gives none."""
    newer = FundingUpdate(venue=VENUE, symbol=SYMBOL, seq=2, rate="0.0002", mark_price="40001", predicted_rate="0.0003")
    given = Given().then(catalogue.FUNDING, MARK)
    assert given.one(MARKS).predicted_rate is None
    given.then(catalogue.FUNDING, newer, MARK)
    assert (given.one(MARKS).mark_price, given.one(MARKS).predicted_rate) == (Decimal(40001), Decimal("0.0003"))


def test_instruments_are_as_last_told() -> None:
    """SYM-1: metadata by the newest sequence number."""
    halted = Instrument()
    halted.CopyFrom(INSTRUMENT)
    halted.seq, halted.trading = 2, False
    given = Given().then(catalogue.INSTRUMENTS, INSTRUMENT, halted, INSTRUMENT)
    assert (given.one(INSTRUMENTS).trading, given.one(INSTRUMENTS).tick_size) == (False, Decimal("0.10"))


def test_a_market_record_told_again_in_other_pieces_counts_once() -> None:
    """ES-2: events are recognised by sequence number, also where records overlap."""
    events = [quote(10, 12, 1), trade(11, 3, 2), quote(11, 13, 3), trade(12, 4, 61_000)]
    once = Given().then(catalogue.MARKET, market(*events))
    pieces = Given().then(
        catalogue.MARKET, market(*events[:2]), market(*events[1:3], first_seq=2), market(*events, first_seq=1)
    )
    for table in (LAST_QUOTES, MARKET_MINUTES):
        assert [row[:-4] for row in once.rows(table)] == [row[:-4] for row in pieces.rows(table)]
    first, second = once.rows(MARKET_MINUTES)
    assert (first.quotes, first.trades, first.trade_lots, first.bid_ticks) == (2, 1, 3, 11)
    assert (second.trades, second.last_trade_ticks, second.bid_ticks) == (1, 12, 0)


def test_candles_are_as_last_told() -> None:
    """LIVE-3: an open candle grows until it is closed."""
    given = Given().then(catalogue.MARKET, market(candle(5)), market(candle(9, closed=True), first_seq=2))
    row = given.one(CANDLES)
    assert (row.close_ticks, row.closed, row.first_offset, row.offset) == (9, True, 0, 1)


def test_the_newer_of_mark_and_quote_is_the_price() -> None:
    """OBS-1: unrealised profit is told at the newest price there is."""
    given = Given().then(catalogue.FUNDING, MARK).then(catalogue.MARKET, market(quote(400_010, 400_012, at=4)))
    assert newest_prices(given.tables)[VENUE, SYMBOL] == Decimal("40000.05")
    given.then(catalogue.MARKET, market(quote(400_020, 400_022, at=6), first_seq=2))
    assert newest_prices(given.tables)[VENUE, SYMBOL] == Decimal("40002.1")


def test_how_far_agents_are_is_their_newest_state() -> None:
    """OBS-1: only progress is kept, never the state itself; one row a symbol, whose first state knows no account."""
    newer = AgentState(agent="grid", venue=VENUE, symbol=SYMBOL, account="main", version=8, market_time_ms=99)
    given = Given().then(catalogue.GRID_STATE, AgentState(agent="grid", venue=VENUE, symbol=SYMBOL, version=7), newer)
    assert (given.one(AGENT_PROGRESS).version, given.one(AGENT_PROGRESS).market_time_ms) == (8, 99)


def _poisonous() -> list[tuple[catalogue.Topic[Any], Any]]:
    bad_fee = order(seq=1, filled=5, fill=fill("1", 5, fee="much"))
    bad_pnl = order(seq=1, filled=5, fill=fill("1", 5, realized="NaN"))
    no_grain, huge = order(seq=1), order(seq=1)
    no_grain.ClearField("grain")
    huge.seq = 1 << 63
    nul = order("tl\x00", seq=1)
    nameless = order("", "CLAIMED", seq=1)
    return [
        (catalogue.ORDERS, b"\xff\xff\xff"),
        (catalogue.ORDERS, b""),
        (catalogue.ORDERS, bad_fee),
        (catalogue.ORDERS, bad_pnl),
        (catalogue.ORDERS, no_grain),
        (catalogue.ORDERS, nul),
        (catalogue.ORDERS, nameless),
        (catalogue.ORDERS, huge),
        (catalogue.MARKET, market()),
        (catalogue.INTENTS, Intent(intent_id="x")),
        (catalogue.FUNDING, FundingUpdate(venue=VENUE, symbol=SYMBOL, mark_price="1e999999")),
        (catalogue.ACCOUNT, account(seq=1, USDT="lots")),
        (catalogue.ACCOUNT, account(seq=1, USDT="sNaN")),
        (catalogue.ACCOUNT, account(seq=1, USDT="-Infinity")),
    ]


@pytest.mark.parametrize(("topic", "message"), _poisonous())
def test_a_poison_record_leaves_nothing_behind_and_is_remembered(topic: catalogue.Topic[Any], message: Any) -> None:
    """ES-6: also one that fails halfway, after a first table took it."""
    given = Given().then(topic, message)
    assert len(given.poisoned) == 1
    assert given.one(POISONED)[:3] == (topic.name, 0, 0)
    assert given.one(POISONED).reason
    assert [table.name for table in TABLES if given.rows(table)] == [POISONED.name]
    changed = {rows.table.name for rows in given.tables.all() if rows.changed()}
    assert changed == {POISONED.name}


def test_a_row_asked_for_without_being_loaded_is_an_error_and_not_a_new_row() -> None:
    """ES-2: a fold can never mistake "not in memory" for "does not exist"."""
    rows = Rows(ORDERS, complete=False)
    with pytest.raises(LookupError, match="not loaded"):
        rows.get("paper", "BTCUSDT", "tlA")


def test_memory_holds_no_more_rows_than_it_may() -> None:
    """ES-2: the oldest written rows go and are then looked up again; nothing unwritten ever goes."""
    given = Given().then(catalogue.ORDERS, *[order(f"tl{at}", seq=at + 1) for at in range(10)])
    rows = Rows(ORDERS, keep=4)
    for row in given.rows(ORDERS):
        rows.put(row)
    assert len(rows.changed()) == 10
    rows.written()
    assert len(rows.values()) == 4
    assert not rows.complete
    assert rows.unknown([(VENUE, SYMBOL, "tl0"), (VENUE, SYMBOL, "tl9")]) == [(VENUE, SYMBOL, "tl0")]


def test_records_are_read_in_the_order_of_their_offsets() -> None:
    """ES-2: the helper of these tests does what a partition does."""
    given = Given().then(catalogue.ORDERS, order(seq=1)).then(catalogue.ORDERS, order(status="CANCELED", seq=2))
    assert given.one(ORDERS).offset == 1
    assert record(catalogue.ORDERS, order(seq=1), 5).offset == 5
