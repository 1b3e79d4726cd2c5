"""The grid agent at its edge: what operators send, what becomes of outputs, what cannot be read."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest

from agents.domain.grid_state import Grid
from agents.grid_agent import GridAgent
from agents.keys import Fact, Key, empty_record, outbox_of
from agents.settings import GridSettings, ParametersError
from topics.catalogue import ALERTS, CONTROL, INSTRUMENTS, INTENTS, MARKET, SLOTS, MessageT, Topic
from topics.codec import Record, decode
from topics.envelope import read_headers
from topics.errors import MalformedRecordError
from topics.v1.common_pb2 import Grain, TimeInForce
from topics.v1.control_pb2 import ActivateSymbol, ControlEvent
from topics.v1.instruments_pb2 import Instrument
from topics.v1.market_pb2 import MarketBatch
from topics.v1.state_pb2 import AgentState

GRAIN = Grain(tick_size="0.01", lot_size="0.001")
NAME = b"paper:BTCUSDT"


class Log:
    """Facts with growing offsets, as one partition would give them."""

    def __init__(self) -> None:
        self._offsets: Iterator[int] = iter(range(1_000))

    def fact(self, topic: Topic[MessageT], message: MessageT) -> Fact:
        return Fact(topic, 3, next(self._offsets), NAME, message.SerializeToString(), message)

    def instrument(self, min_notional: str = "5") -> Fact:
        message = Instrument(
            venue="paper", symbol="BTCUSDT", grain=GRAIN, min_notional=min_notional, min_quantity_lots=1, trading=True
        )
        return self.fact(INSTRUMENTS, message)

    def activation(self, account: str = "main", strategy: str = "grid", **parameters: str) -> Fact:
        event = ControlEvent(
            strategy=strategy,
            venue="paper",
            symbol="BTCUSDT",
            account=account,
            activate=ActivateSymbol(parameters=parameters),
        )
        return self.fact(CONTROL, event)

    def quote(self, bid: int = 9_999, ask: int = 10_001) -> Fact:
        batch = MarketBatch(venue="paper", symbol="BTCUSDT", grain=GRAIN, first_seq=41, received_ns=77)
        for time_ms in (5, 6):
            quote = batch.events.add().quote
            quote.bid_ticks, quote.ask_ticks, quote.time_ms, quote.update_id = bid, ask, time_ms, 900 + time_ms
        return self.fact(MARKET, batch)


@pytest.fixture
def key() -> Key[Grid]:
    agent = GridAgent(GridSettings())
    return Key(agent, empty_record(agent, NAME))


def of(topic: Topic[MessageT], records: list[Record]) -> list[MessageT]:
    return [decode(topic, record.value) for record in records if record.topic == topic.name]


def test_outputs_carry_their_cause_and_go_to_the_topics_of_the_instrument(key: Key[Grid]) -> None:
    """WF-1, ES-4: each intent names rule, reason, the record decided on and the age of its market."""
    log = Log()
    key.fold(log.instrument())
    key.fold(log.activation(levels="2"))
    records = key.fold(log.quote())
    intents = of(INTENTS, records)
    assert len(intents) == 4
    assert len(of(SLOTS, records)) == 4
    first = intents[0]
    assert first.intent_id == first.place.client_order_id
    assert first.place.time_in_force == TimeInForce.TIME_IN_FORCE_POST_ONLY
    assert (first.account, first.cause.topic, first.cause.offset) == ("main", "market", 2)
    assert (first.market_time_ms, first.market_received_ns) == (5, 77)
    assert first.rule
    assert first.reason
    assert {record.key for record in records} == {NAME}
    headers = read_headers(records[0].headers)
    assert (headers["id"], headers["correlationid"], headers["causationid"]) == (
        first.intent_id,
        first.intent_id,
        "market/3/2",
    )


def test_a_state_record_holds_state_outbox_and_what_it_contains(key: Key[Grid]) -> None:
    """ES-3: one write; a fact that is contained is recognised after a restart."""
    log = Log()
    facts = [log.instrument(), log.activation(), log.quote()]
    outbox = [record for fact in facts for record in key.fold(fact)]
    record = AgentState.FromString(key.seal(outbox, term=4))
    assert (record.version, record.term, record.account) == (1, 4, "main")
    assert dict(record.contains) == {"instruments": 0, "control": 1, "market": 2}
    assert (record.market_seq, record.market_update_id, record.market_time_ms) == (42, 906, 6)
    assert outbox_of(record) == outbox
    again = Key(GridAgent(GridSettings()), record)
    assert all(again.contains(fact) for fact in facts)
    assert not again.contains(log.quote())


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"levels": "many"}, "levels = 'many'"),
        ({"levels": "0"}, "levels = '0'"),
        ({"colour": "blue"}, "colour = 'blue'"),
        ({"order_notional": "3000"}, "max_position_notional 2000"),
        ({"interval_bps": "NaN"}, "interval_bps = 'NaN'"),
    ],
)
def test_unusable_parameters_are_refused_with_an_alert(key: Key[Grid], parameters: dict[str, str], told: str) -> None:
    """ORCH-2: a typing error neither crashes nor trades; the alert names the value."""
    log = Log()
    key.fold(log.instrument())
    (alert,) = of(ALERTS, key.fold(log.activation(**parameters)))
    assert alert.code == "GRID_REFUSED"
    assert told in alert.text
    assert key.fold(log.quote()) == []


def test_an_activation_without_account_is_refused(key: Key[Grid]) -> None:
    """ORCH-2: an order must belong to an account."""
    (alert,) = of(ALERTS, key.fold(Log().activation(account="")))
    assert "account" in alert.text


def test_control_of_another_strategy_changes_nothing(key: Key[Grid]) -> None:
    """ORCH-1: one strategy does not hear what is meant for another."""
    log = Log()
    key.fold(log.instrument())
    assert key.fold(log.activation(strategy="market_maker")) == []
    assert key.fold(log.quote()) == []


def test_an_instrument_whose_numbers_are_none_is_unreadable(key: Key[Grid]) -> None:
    """ES-6: it goes to the dead letters instead of stopping the symbol."""
    with pytest.raises(MalformedRecordError, match="minimum notional 'free'"):
        key.fold(Log().instrument(min_notional="free"))


def test_a_halted_key_is_back_at_its_last_record(key: Key[Grid]) -> None:
    """ES-3: half-folded events leave no trace; `contains` says from where to go on."""
    log = Log()
    key.fold(log.instrument())
    written = AgentState.FromString(key.seal([], term=1))
    key.fold(log.activation())
    key.halt("control/3/1: boom")
    assert key.record.contains == written.contains
    assert key.record.halted == "control/3/1: boom"
    assert key.record.grid == written.grid


def test_defaults_fill_what_an_activation_leaves_out() -> None:
    """ORCH-2: given values win, the rest comes from the settings."""
    parameters = GridSettings(levels=7).parameters({"interval_bps": "2.5"})
    assert (parameters.levels, parameters.interval_bps) == (7, Decimal("2.5"))
    with pytest.raises(ParametersError, match="order_notional = '-1'"):
        GridSettings().parameters({"order_notional": "-1"})
