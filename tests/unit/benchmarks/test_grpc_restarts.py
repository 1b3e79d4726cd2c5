"""What a client missed is told from the numbers it had, its outage from the longest silence after a kill."""

from __future__ import annotations

import pytest

from benchmarks import grpc_restarts
from benchmarks.grpc_jobs import Seen
from benchmarks.result import BenchmarkError


def test_a_hole_in_the_numbers_is_lost_and_a_number_twice_is_repeated() -> None:
    """GRPC-5: one event of three is missing, two come twice, and neither makes up for the other."""
    seen = [Seen(1, 2, 0.0), Seen(4, 6, 0.1), Seen(5, 7, 0.2)]
    assert grpc_restarts._lost(seen) == 1
    assert grpc_restarts._repeated(seen) == 2
    assert grpc_restarts._lost(seen[1:]) == 0


def test_an_outage_is_from_the_kill_to_the_end_of_the_silence_after_it() -> None:
    """GRPC-5: what was under way when it was killed still came."""
    times = [9.9, 10.01, 12.5, 14.0, 16.0, 18.0, 20.0, 20.02, 23.0, 23.1]
    seen = [Seen(number, number, at) for number, at in enumerate(times)]
    assert grpc_restarts._outages(seen, [10.0, 20.01]) == pytest.approx([2.5, 2.99])


def test_a_stream_that_never_went_on_is_no_figure() -> None:
    """NFR: it fails the measurement."""
    with pytest.raises(BenchmarkError, match="did not go on"):
        grpc_restarts._outages([Seen(1, 1, 9.9), Seen(2, 2, 9.95)], [12.0])
