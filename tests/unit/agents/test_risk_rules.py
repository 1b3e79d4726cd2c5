"""The volatility and exposure rules: when they trip, when they release, with which numbers."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from agents.domain import exposure, volatility
from agents.domain.exposure import Exposure, ExposureLimits
from agents.domain.risk_record import exposure_record, exposure_state, volatility_record, volatility_state
from agents.domain.volatility import Volatility, VolatilityLimits
from topics.v1.account_pb2 import AccountPosition, AccountUpdate
from topics.v1.common_pb2 import Grain
from topics.v1.market_pb2 import MarketBatch
from topics.v1.risk_pb2 import RiskAction, RiskEvent, RiskState

GRAIN = Grain(tick_size="0.01", lot_size="0.001")
VOLATILITY = VolatilityLimits(window_ms=60_000, limit_bps=Decimal(150), release_bps=Decimal(75), calm_ms=60_000)
EXPOSURE = ExposureLimits(limit_quote=Decimal(40_000), release_fraction=Decimal("0.9"))
TRIPPED, RELEASED = RiskState.RISK_STATE_TRIPPED, RiskState.RISK_STATE_RELEASED


class Market:
    """A window that is restored from its record before every quote."""

    def __init__(self) -> None:
        self.state = Volatility("paper", "BTCUSDT")

    def quote(self, mid: int, time_ms: int, grain: Grain = GRAIN) -> list[RiskEvent]:
        batch = MarketBatch(venue="paper", symbol="BTCUSDT", grain=grain)
        added = batch.events.add().quote
        added.bid_ticks, added.ask_ticks, added.time_ms = mid - 1, mid + 1, time_ms
        record = volatility_record(self.state)
        again = volatility_state(record, VOLATILITY, venue="paper", symbol="BTCUSDT")
        outputs = volatility.on_market(self.state, batch, VOLATILITY)
        assert volatility.on_market(again, batch, VOLATILITY) == outputs
        assert volatility_record(again) == volatility_record(self.state)
        return outputs


def test_a_range_above_the_limit_trips_with_its_numbers() -> None:
    """RISK-7: exactly the limit is allowed, more is not."""
    market = Market()
    assert market.quote(10_000, 1_000) == []
    assert market.quote(10_150, 2_000) == []
    (event,) = market.quote(10_151, 3_000)
    assert (event.state, event.action) == (TRIPPED, RiskAction.RISK_ACTION_STOP_BUYS)
    assert (event.value, event.limit, event.unit, event.version) == ("151.00", "150", "bps", 1)
    assert event.time_ms == 3_000
    assert market.quote(10_200, 4_000) == []


def test_moves_further_apart_than_the_window_do_not_trip() -> None:
    """RISK-7: only prices within the window count."""
    market = Market()
    market.quote(10_000, 0)
    assert market.quote(10_100, 40_000) == []
    assert market.quote(10_200, 80_000) == []


def test_a_spike_within_one_second_is_seen() -> None:
    """RISK-7: buckets hold their lowest and highest price, so nothing is averaged away."""
    market = Market()
    market.quote(10_000, 1_000)
    assert len(market.quote(10_200, 1_001)) == 1


def test_it_releases_only_after_the_calm_has_lasted() -> None:
    """RISK-7: below release_bps for calm_s; a new move starts the wait again."""
    market = Market()
    market.quote(10_000, 0)
    assert market.quote(10_200, 1_000)[0].state == TRIPPED
    assert [market.quote(10_200, second * 1_000) for second in range(2, 100)] == [[]] * 98
    assert market.quote(10_100, 100_000) == []  # 99 bps: not calm
    quiet = [market.quote(10_100, second * 1_000) for second in range(101, 230)]
    released = [event for outputs in quiet for event in outputs]
    assert [(event.state, event.version) for event in released] == [(RELEASED, 2)]
    left_window_ms = 160_000  # the last quote at 10,200 came in second 99
    assert released[0].time_ms >= left_window_ms + VOLATILITY.calm_ms


@given(st.lists(st.tuples(st.integers(9_900, 10_100), st.integers(0, 30_000)), min_size=1, max_size=60))
def test_the_range_is_that_of_all_buckets_in_the_window(steps: list[tuple[int, int]]) -> None:
    """RISK-7: whatever comes and goes, lowest and highest are those of the window."""
    market, time_ms = Market(), 1_000
    for mid, later_ms in steps:
        time_ms += later_ms
        market.quote(mid, time_ms)
        window = market.state.window
        assert market.state.low_ticks == min(bucket.low_ticks for bucket in window)
        assert market.state.high_ticks == max(bucket.high_ticks for bucket in window)


def test_another_tick_size_starts_the_window_anew() -> None:
    """ORD-7: ticks of different sizes are not compared."""
    market = Market()
    market.quote(10_000, 0)
    assert market.quote(100_000, 1_000, Grain(tick_size="0.001", lot_size="0.001")) == []


def position(symbol: str, lots: int, price: str) -> AccountPosition:
    return AccountPosition(symbol=symbol, grain=GRAIN, quantity_lots=lots, mark_price=price)


def update(*positions: AccountPosition, snapshot: bool = False, time_ms: int = 5) -> AccountUpdate:
    return AccountUpdate(venue="paper", account="main", positions=positions, snapshot=snapshot, time_ms=time_ms)


class Account:
    """A sum that is restored from its record before every update."""

    def __init__(self) -> None:
        self.state = Exposure("paper", "main")

    def take(self, message: AccountUpdate) -> dict[str, RiskEvent]:
        again = exposure_state(exposure_record(self.state), venue="paper", account="main")
        outputs = exposure.on_account(self.state, message, EXPOSURE)
        others = exposure.on_account(again, message, EXPOSURE)
        assert {event.symbol: event for event in others} == {event.symbol: event for event in outputs}
        return {event.symbol: event for event in outputs}


def test_long_and_short_positions_add_up_and_trip_every_symbol() -> None:
    """RISK-2: the worth of all positions, whatever their side; every symbol of the account may only reduce."""
    account = Account()
    assert account.take(update(position("BTCUSDT", 500, "40000"), position("XRPUSDT", 0, "0.5"))) == {}
    assert account.take(update(position("ETHUSDT", -10_000, "2000"))) == {}
    events = account.take(update(position("ETHUSDT", -10_001, "2000")))
    assert set(events) == {"BTCUSDT", "ETHUSDT", "XRPUSDT"}
    event = events["XRPUSDT"]
    assert (event.state, event.action) == (TRIPPED, RiskAction.RISK_ACTION_REDUCE_ONLY)
    assert (event.value, event.limit, event.account, event.version) == ("40002.00", "40000", "main", 1)


def test_it_releases_below_a_fraction_of_the_limit() -> None:
    """RISK-2: no flicker around the limit."""
    account = Account()
    account.take(update(position("BTCUSDT", 1_001, "40000")))
    assert account.take(update(position("BTCUSDT", 900, "40000"))) == {}
    released = account.take(update(position("BTCUSDT", 899, "40000")))
    assert released["BTCUSDT"].state == RELEASED
    assert (released["BTCUSDT"].limit, released["BTCUSDT"].version) == ("36000.0", 2)


def test_a_symbol_first_seen_while_tripped_is_told_at_once() -> None:
    """RISK-2: a strategy that starts late is under the limit too."""
    account = Account()
    account.take(update(position("BTCUSDT", 1_001, "40000")))
    assert set(account.take(update(position("ETHUSDT", 1, "2000")))) == {"ETHUSDT"}


def test_what_a_snapshot_does_not_name_is_flat() -> None:
    """RISK-2: a position closed unseen does not hold the account under the limit for ever."""
    account = Account()
    account.take(update(position("BTCUSDT", 1_001, "40000")))
    released = account.take(update(position("ETHUSDT", 1, "2000"), snapshot=True))
    assert set(released) == {"BTCUSDT", "ETHUSDT"}
    assert released["BTCUSDT"].state == RELEASED
