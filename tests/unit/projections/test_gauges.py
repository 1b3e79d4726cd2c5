"""The projector's metrics tell what its rows say (OBS-1)."""

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest

from projections.gauges import Gauges
from projections.main import status
from projections.projector import Counts
from projections.runner import Progress
from tests.unit.projections.history import Given, filled, market, quote
from topics import catalogue


def test_profit_position_volume_and_lag_are_shown() -> None:
    """OBS-1: realised as the venue says, unrealised at the newest price, labels venue, symbol and topic only."""
    given = Given().then(
        catalogue.ORDERS,
        filled("1", "BUY", 10, 400_000, seq=1),
        filled("2", "SELL", 4, 401_000, seq=2, realized="0.4"),
    )
    given.then(catalogue.MARKET, market(quote(401_999, 402_001)))
    registry = CollectorRegistry()
    progress = Progress(counts=Counts(events=3, poisoned=1), tables=given.tables)
    progress.heard({("orders", 0): 5, ("market", 0): 1}, {("orders", 0): 7, ("market", 0): 1})
    gauges = Gauges(registry)
    gauges.show(progress)
    gauges.show(progress)  # counters do not count the same twice
    lines = generate_latest(registry).decode().splitlines()
    by = '{symbol="BTCUSDT",venue="paper"}'
    assert {
        f"market_maker_pnl_realized_total{by} 0.4",
        f"market_maker_pnl_unrealized{by} 1.2",
        f"market_maker_position_size{by} 0.006",
        f"market_maker_volume_total{by} 560.4",
        'projection_lag_records{topic="orders"} 2.0',
        'projection_lag_records{topic="market"} 0.0',
        "projection_events_total 3.0",
        "projection_poison_records_total 1.0",
    } <= set(lines)


def test_status_says_what_is_wrong_while_a_server_is_away() -> None:
    """OBS-4: the component is not ok, with the problem in words."""
    progress = Progress(problem="connection refused")
    assert status(progress)["projector"] == {
        "ok": False,
        "problem": "connection refused",
        "epoch": 0,
        "events": 0,
        "poison_records": 0,
    }
    progress.heard({}, {})
    assert status(progress)["projector"]["ok"]
