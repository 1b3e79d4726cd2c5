"""Waits at the start of the process for a venue that is not there yet, or is tired of us (GRPC-4, WF-4).

A process that ends for a rate limit is started again and asks again, which is what the venue counts: so it waits here.
Must not place, cancel or publish anything.
"""

import asyncio

from connector.errors import AuthenticationError, ConnectorError, NotSentError, RateLimitedError, VenueUnavailableError
from connector.port import VenuePort
from observability.logs import get_logger
from topics.v1.instruments_pb2 import Instrument

_log = get_logger(__name__)
_RETRY_S = 0.5
_RATE_LIMITED_S = 5.0  # where the venue does not say how long to wait


async def start_venue(port: VenuePort, *, limit_s: float, timeout_s: float) -> list[Instrument]:
    """Tries for `limit_s`, and one more call's `timeout_s` at most. Never sooner than the venue asked for.

    Raises ConnectorError for a key the venue refuses and for a venue that does not answer, and what the last try
    raised: at the end of the limit, so that the next start does not come sooner either.
    """
    try:
        async with asyncio.timeout(limit_s + timeout_s):
            return await _started(port, limit_s)
    except AuthenticationError as error:
        raise ConnectorError(
            f"the venue {port.name} refuses the API key of account {port.account}: {error}. "
            "Set the right key and secret for it and start again"
        ) from error
    except TimeoutError as error:
        raise ConnectorError(f"the venue {port.name} did not answer within {limit_s:g} s") from error


async def _started(port: VenuePort, limit_s: float) -> list[Instrument]:
    loop = asyncio.get_running_loop()
    end_s = loop.time() + limit_s
    while True:
        try:
            return list(await port.start())
        except (NotSentError, VenueUnavailableError, RateLimitedError) as error:
            pause_s, left_s = _pause_s(error), end_s - loop.time()
            _log.warning("the venue cannot be used yet", venue=port.name, pause_s=pause_s, error=str(error))
            await asyncio.sleep(max(0.0, min(pause_s, left_s)))
            if pause_s >= left_s:
                raise


def _pause_s(error: Exception) -> float:
    if isinstance(error, RateLimitedError):
        return max(_RETRY_S, _RATE_LIMITED_S if error.retry_after_s is None else error.retry_after_s)
    return _RETRY_S
