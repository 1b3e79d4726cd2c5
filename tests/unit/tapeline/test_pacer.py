"""What the pacer tells the venue: the newest market event all agents decided, and nothing while orders hang."""

from __future__ import annotations

from tapeline.pacer import Progress
from topics.v1.intents_pb2 import CancelOrder, Intent, PlaceOrder
from topics.v1.orders_pb2 import OrderUpdate
from topics.v1.state_pb2 import AgentState, Outgoing


def decided(progress: Progress, agent: str, update_id: int, symbol: str = "BTCUSDT") -> None:
    progress.decided(AgentState(agent=agent, venue="paper", symbol=symbol, market_update_id=update_id), 0.0)


def placement(client_order_id: str) -> Intent:
    return Intent(symbol="BTCUSDT", place=PlaceOrder(client_order_id=client_order_id))


def test_the_tape_waits_for_the_slowest_agent_of_each_symbol() -> None:
    """GRID-2: nothing trades on a stale tape."""
    progress = Progress()
    decided(progress, "grid", 100)
    decided(progress, "volatility", 90)
    decided(progress, "grid", 7, symbol="XRPUSDT")
    assert progress.by_symbol() == {"BTCUSDT": 90, "XRPUSDT": 7}
    decided(progress, "volatility", 120)
    assert progress.by_symbol()["BTCUSDT"] == 100


def test_an_older_state_read_again_takes_nothing_back() -> None:
    """ES-3: agents write states again after a restart."""
    progress = Progress()
    decided(progress, "grid", 100)
    decided(progress, "grid", 40)
    assert progress.by_symbol() == {"BTCUSDT": 100}


def test_an_account_wide_state_says_nothing_about_a_symbol() -> None:
    """RISK-2: the exposure agent has no instrument."""
    progress = Progress()
    progress.decided(AgentState(agent="exposure", account="main", market_update_id=5), 0.0)
    decided(progress, "grid", 0)
    assert progress.by_symbol() == {}


def test_a_placement_in_an_outbox_holds_the_tape_until_it_is_answered() -> None:
    """WF-3: an order is at the venue before the market moves on, also when its intent is not on the log yet."""
    progress = Progress()
    intent = placement("tl1")
    outbox = [Outgoing(topic="slots", value=b"?"), Outgoing(topic="intents", value=intent.SerializeToString())]
    progress.decided(AgentState(agent="grid", symbol="BTCUSDT", market_update_id=5, outbox=outbox), now=0.0)
    assert progress.holds_back(0.1)
    progress.answered(OrderUpdate(client_order_id="tl1"))
    assert not progress.holds_back(0.1)


def test_a_repeated_intent_of_an_answered_order_and_a_cancel_are_not_waited_for() -> None:
    """WF-2: outboxes are sent again after a restart; the gateway need not answer twice."""
    progress = Progress()
    progress.asked(placement("tl1"), now=0.0)
    progress.answered(OrderUpdate(client_order_id="tl1"))
    progress.asked(placement("tl1"), now=0.0)
    progress.asked(Intent(symbol="BTCUSDT", cancel=CancelOrder(client_order_id="tl2")), now=0.0)
    assert not progress.holds_back(0.0)


def test_an_answer_that_never_comes_holds_the_tape_for_seconds_only() -> None:
    """OPS-1: losing a message slows down, it does not stop for ever."""
    progress = Progress()
    progress.asked(placement("tl1"), now=0.0)
    assert progress.holds_back(2.9)
    assert not progress.holds_back(3.1)
