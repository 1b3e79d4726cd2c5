"""What is said of an instrument that pays no funding."""

from connector.funding import of_spot


def test_spot_pays_nothing_at_no_time_and_predicts_nothing() -> None:
    """FUND-1: rate 0, next 0, the receipt time."""
    update = of_spot("binance", "BTCUSDT", received_ms=1_700_000_000_000)
    assert (update.rate, update.next_funding_time_ms, update.time_ms) == ("0", 0, 1_700_000_000_000)
    assert not update.HasField("predicted_rate")
    assert update.mark_price == ""
