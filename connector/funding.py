"""What a funding update says of an instrument that pays none (FUND-1). Pure."""

from topics.v1.funding_pb2 import FundingUpdate


def of_spot(venue: str, symbol: str, *, received_ms: int, mark_price: str = "") -> FundingUpdate:
    """Rate 0, no next time, no prediction, the receipt time. `mark_price`: a price of the market, where it is known."""
    return FundingUpdate(venue=venue, symbol=symbol, time_ms=received_ms, rate="0", mark_price=mark_price)
