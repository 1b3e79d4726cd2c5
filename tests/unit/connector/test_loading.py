"""ccxt is loaded without the exchanges nobody asked for, and as a whole where that does not work."""

import subprocess
import sys

PREAMBLE = "import sys\nfrom connector.ccxt_adapter import loading\nfrom connector.errors import ConnectorError\n"


def _run(program: str) -> str:
    """In an interpreter of its own: what is imported cannot be taken back."""
    done = subprocess.run([sys.executable, "-c", PREAMBLE + program], capture_output=True, text=True, check=True)
    return done.stdout.strip().splitlines()[-1]


def test_one_exchange_is_imported_without_the_others_and_works() -> None:
    """GRPC-1: the one process with venue connections starts in a second, not in five."""
    said = _run(
        "import asyncio\n"
        "async def main():\n"
        "    exchange = loading.exchange_class('binanceusdm')()\n"
        "    print(exchange.id, exchange.has['watchOrders'], 'ccxt.pro.okx' in sys.modules)\n"
        "    await exchange.close()\n"
        "asyncio.run(main())"
    )
    assert said == "binanceusdm True False"


def test_another_version_of_ccxt_is_imported_the_ordinary_way() -> None:
    """VEN-1: the short way is for the version it was tried with."""
    said = _run(
        "loading.TRIED_VERSION = '0'\n"
        "found = loading.exchange_class('binanceusdm')\n"
        "import ccxt.pro\n"
        "print(found is ccxt.pro.binanceusdm, 'ccxt.pro.okx' in sys.modules)"
    )
    assert said == "True True"


def test_an_exchange_ccxt_does_not_have_is_named_with_those_it_has() -> None:
    """VEN-1: a misspelt id ends with the list to choose from."""
    said = _run(
        "try:\n"
        "    loading.exchange_class('binanceusdn')\n"
        "except ConnectorError as error:\n"
        "    print(\"'binanceusdn'\" in str(error), 'binanceusdm' in str(error))"
    )
    assert said == "True True"


def test_every_venue_of_the_list_is_imported_alone_one_after_the_other() -> None:
    """VEN-1: the short way works for each of them, and for a second one in the same process."""
    said = _run(
        "from connector.venues import PROFILES\n"
        "ids = sorted({profile.ccxt_id for profile in PROFILES.values()})\n"
        "found = [loading.exchange_class(ccxt_id).__name__ for ccxt_id in ids]\n"
        "print(found == ids, len(ids), any(f'ccxt.pro.{other}' in sys.modules for other in ('kraken', 'kucoin')))"
    )
    assert said == "True 6 False"
