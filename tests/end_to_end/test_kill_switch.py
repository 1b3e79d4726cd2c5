"""`tapeline kill` and `release` on the whole pipeline, as a person in a hurry uses them."""

from pathlib import Path

import pytest

from reliability.chaos.pipeline import tapeline, up, wait_for
from topics.identifiers import is_ours
from venue.ledger_reader import LedgerReader

pytestmark = pytest.mark.timeout(300)


def ours_at_venue(home: Path) -> tuple[set[str], set[str]]:
    """By the venue's own ledger: client order ids of all orders of ours, and of the open ones."""
    orders = [order for order in LedgerReader(home / "venue").orders() if is_ours(order.client_order_id)]
    return {it.client_order_id for it in orders}, {it.client_order_id for it in orders if it.is_open}


async def test_killed_nothing_lives_or_is_placed_until_released(tmp_path: Path) -> None:
    """RISK-8: cancelled and verified, over a kill -9 of the connector too; then it trades again and all agrees."""
    home = tmp_path / "data"
    async with up(home) as run:
        await run.trading()
        killed = await tapeline(home, "kill", "--reason", "drill")
        assert killed["ok"], killed
        assert killed["symbols_told"], killed
        all_then, open_then = ours_at_venue(home)
        assert all_then
        assert not open_then
        assert (await tapeline(home, "status"))["killed"][0]["reason"] == "drill"

        await run.restarted("connector", run.kill("connector"))
        again = await tapeline(home, "kill", "--reason", "still")
        assert again["ok"], again
        assert (again["reason"], again["through"], again["cancelled"]) == ("drill", "connector", 0)
        assert ours_at_venue(home) == (all_then, set())

        released = await tapeline(home, "release", "--reason", "over")
        assert released["ok"], released
        await wait_for("new orders", lambda: len(ours_at_venue(home)[0]) >= len(all_then) + 10)
        assert ours_at_venue(home)[1]
        await run.end(60)
    checked = await tapeline(home, "check")
    assert checked["ok"], checked
    without_a_connector = await tapeline(home, "kill", code=1)
    assert (without_a_connector["durable"], without_a_connector["verified"]) == (True, False)
