"""The judges of the simulator see a safeguard missing. Here those that show at once; `make reliability ARGS=defects`
hunts all of them.
"""

import pytest

from reliability.simulation.hunt import hunt, told

AT_ONCE = (
    "claim-not-awaited",
    "ledger-forgets-ids",
    "timeout-is-refusal",
    "fills-repeat",
    "late-fill-ignored",
    "end-is-not-final",
    "mark-ahead-of-fills",
    "starts-blind",
)


@pytest.mark.timeout(600)
def test_a_safeguard_that_is_taken_out_is_missed() -> None:
    """ORD-8: a judge that finds nothing wrong without a safeguard does not watch it."""
    found = hunt(AT_ONCE, most=20, jobs=2)
    assert found.ok, "\n".join(told(one) for one in found.caught if not one.seeds)
    assert len(found.caught) == len(AT_ONCE)
