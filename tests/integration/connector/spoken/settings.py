"""A connection to a spoken venue: any keys, quick reconnects."""

from typing import Literal

from pydantic import SecretStr

from connector.settings import VenueConnection


def connection_to(
    exchange: str, symbol: str, port: int, *, folder: str = "", product: Literal["perpetual", "spot"] = "perpetual"
) -> VenueConnection:
    return VenueConnection(
        exchange=exchange,
        product=product,
        rest_url=f"http://127.0.0.1:{port}",
        ws_url=f"ws://127.0.0.1:{port}{folder}",
        api_key=SecretStr("key-of-a-spoken-venue"),
        api_secret=SecretStr("secret-of-a-spoken-venue"),
        api_password=SecretStr("passphrase-of-a-spoken-venue"),
        symbols=(symbol,),
        timeout_s=5.0,
        reconnect_delays_s=(0.05, 0.1, 0.2),
    )
