"""What a key may do, where the venue tells (GRPC-4): a key that can withdraw is refused, and one for another product.

One reader a venue, named in its profile; each gives the facts of the venue's own reply, `check_rights` judges them.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from connector.errors import AuthenticationError, ConnectorError, VenueRejectedError
from connector.settings import VenueConnection
from connector.venues import PERPETUAL
from observability.logs import get_logger

_log = get_logger(__name__)
_WHAT = "reading what the API key may do"
Read = Callable[[str, Awaitable[Any]], Awaitable[Any]]
Ask = Callable[[Awaitable[Any]], Awaitable[Any]]
_BYBIT_TRADES = {PERPETUAL: ("ContractTrade", "Order"), "spot": ("Spot", "SpotTrade")}


@dataclass(frozen=True, slots=True)
class Rights:
    """`why_not` tells what else keeps this key or account from trading the product; empty where nothing does."""

    withdraws: bool
    trades: bool
    why_not: str = ""


async def check_rights(exchange: Any, read: Read, connection: VenueConnection) -> None:
    """Raises ConnectorError for too much or too little. A venue that does not tell is told in the log."""
    reader = _READERS.get(connection.profile.permissions)
    try:
        rights = await reader(exchange, partial(read, _WHAT), connection) if reader else None
    except AuthenticationError:
        raise
    except VenueRejectedError as error:
        _log.warning("key_rights_not_told", venue=connection.name, reason=str(error))
        return
    if rights is None:
        _log.info("key_rights_not_told", venue=connection.name, reason="the venue has no such call here")
        return
    whose = f"the API key of account {connection.account} at {connection.profile.title}"
    if rights.withdraws:
        raise ConnectorError(
            f"{whose} may withdraw; a key that trades must not be able to. Make one without that right at the venue"
        )
    if not rights.trades:
        raise ConnectorError(f"{whose} may not trade {connection.product}; permit it at the venue or use another")
    if rights.why_not:
        raise ConnectorError(f"{whose} cannot trade {connection.product}: {rights.why_not}")


async def _binance(exchange: Any, ask: Ask, connection: VenueConnection) -> Rights | None:
    """GET /sapi/v1/account/apiRestrictions; the sandbox has none."""
    if "sapi" not in exchange.urls["api"]:
        return None
    said = await ask(exchange.sapiGetAccountApiRestrictions())
    field = "enableFutures" if connection.product == PERPETUAL else "enableSpotAndMarginTrading"
    return Rights(withdraws=bool(said.get("enableWithdrawals")), trades=bool(said.get(field)))


async def _bybit(exchange: Any, ask: Ask, connection: VenueConnection) -> Rights:
    """GET /v5/user/query-api."""
    said = (await ask(exchange.privateGetV5UserQueryApi()))["result"]
    granted: Mapping[str, Any] = said.get("permissions") or {}
    group, right = _BYBIT_TRADES[connection.product]
    trades = right in (granted.get(group) or ()) and str(said.get("readOnly")) != "1"
    return Rights(withdraws="Withdraw" in (granted.get("Wallet") or ()), trades=trades)


async def _okx(exchange: Any, ask: Ask, connection: VenueConnection) -> Rights:
    """GET /api/v5/account/config: `perm`, the account's level (1: spot only) and its position mode."""
    said = (await ask(exchange.privateGetAccountConfig()))["data"][0]
    granted = {right.strip() for right in str(said.get("perm", "")).split(",")}
    why_not = ""
    if connection.product == PERPETUAL and said.get("acctLv") == "1":
        why_not = "the account is in spot mode; switch it to futures mode or higher"
    elif connection.product == PERPETUAL and said.get("posMode") == "long_short_mode":
        why_not = "the account holds long and short positions apart; switch it to net mode"
    return Rights(withdraws="withdraw" in granted, trades="trade" in granted, why_not=why_not)


async def _bitget(exchange: Any, ask: Ask, connection: VenueConnection) -> Rights:
    """GET /api/v2/spot/account/info: `authorities`, in words or in the letters of the key's page."""
    said = (await ask(exchange.privateSpotGetV2SpotAccountInfo()))["data"]
    granted = set(said.get("authorities") or ())
    needed = {"trade", "coow" if connection.product == PERPETUAL else "stow"}
    return Rights(withdraws=bool(granted & {"withdraw", "wwow"}), trades=bool(granted & needed))


async def _gate(exchange: Any, ask: Ask, connection: VenueConnection) -> Rights | None:
    """GET /account/main_keys; a list of the account's keys, of which this one is ours."""
    said = await ask(exchange.privateAccountGetMainKeys())
    entries = said if isinstance(said, list) else [said]
    key = connection.api_key.get_secret_value()
    ours = next((entry for entry in entries if entry.get("key") == key), entries[0] if len(entries) == 1 else None)
    if ours is None:
        return None
    granted = {right.get("name"): not right.get("read_only") for right in ours.get("permissions") or ()}
    product = "futures" if connection.product == PERPETUAL else "spot"
    withdraws = any(writes and str(name).startswith("withdraw") for name, writes in granted.items())
    return Rights(withdraws=withdraws, trades=granted.get(product, False))


Reader = Callable[[Any, Ask, VenueConnection], Awaitable[Rights | None]]
_READERS: Mapping[str, Reader] = {
    "binance": _binance, "bybit": _bybit, "okx": _okx, "bitget": _bitget, "gate": _gate,
}  # fmt: skip
