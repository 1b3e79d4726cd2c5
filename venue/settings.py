"""Settings of the paper venue. Validated here, used everywhere else as they are. Must not: read files."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from venue.conditions import Conditions

LOOPBACK = ("127.0.0.1", "::1", "localhost")


Amount = Annotated[Decimal, Field(ge=0, max_digits=24, decimal_places=8)]


class VenueSettings(BaseModel):
    """What one run of the venue needs to know.

    `symbols` trade as USDⓈ-M perpetuals, `spot_symbols` as spot pairs and on cross margin; a symbol may be both. A
    tape of `tapes` plays for each product that lists its symbol, one of `spot_tapes` for spot and margin only.
    `speed` 1 is real time, `max` as fast as the agents acknowledge. `tapes` empty means the synthetic market.
    `tape_symbol` names the instrument of every tape file, where the file names do not.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = "127.0.0.1"
    port: int = Field(default=8787, ge=0, le=65_535)
    reached_at: str | None = Field(default=None, pattern=r"^[^\s:]+:\d+$")
    """host:port the connector is told instead of ours: of something in between, such as a proxy that misbehaves."""
    data_dir: Path
    api_key: SecretStr
    api_secret: SecretStr
    symbols: list[str] = ["BTCUSDT"]
    spot_symbols: list[str] = []
    tapes: list[Path] = []
    spot_tapes: list[Path] = []
    tape_symbol: str | None = None
    live_feed: str | None = Field(default=None, pattern=r"^[^\s:]+:\d+$")
    """host:port of a feed whose market is played live instead of a tape or the synthetic one (`venue.live`)."""
    speed: Annotated[float, Field(gt=0, le=1_000_000)] | Literal["max"] = 1.0
    seed: int = 1
    initial_balance: Decimal = Field(default=Decimal(10_000), gt=0)
    maker_fee_rate: Decimal = Field(default=Decimal("0.0002"), ge=Decimal("-0.01"), le=Decimal("0.01"))
    taker_fee_rate: Decimal = Field(default=Decimal("0.0004"), ge=0, le=Decimal("0.01"))
    leverage: int = Field(default=20, ge=1, le=125)
    spot_balances: dict[str, Amount] = {"USDT": Decimal(10_000)}
    """What the spot wallet begins with, by asset."""
    margin_balances: dict[str, Amount] = {}
    """What the cross margin wallet begins with, by asset."""
    spot_maker_fee_rate: Decimal = Field(default=Decimal("0.001"), ge=0, le=Decimal("0.01"))
    spot_taker_fee_rate: Decimal = Field(default=Decimal("0.001"), ge=0, le=Decimal("0.01"))
    margin_leverage: int = Field(default=3, ge=2, le=10)
    """Cross margin: debts may be one time less than this what the account is worth."""
    margin_hourly_rate: Decimal = Field(default=Decimal("0.00001"), ge=0, le=Decimal("0.01"))
    """Interest an hour, as a fraction of what is borrowed."""
    key_may_withdraw: bool = False
    """What the venue says of the API key, for tests of who refuses such a key. Nothing can be withdrawn."""
    exchange_info: Path | None = None
    spot_exchange_info: Path | None = None
    max_lag_ms: int = Field(default=500, ge=10, le=1_000)
    paced: bool = True
    """At speed max: wait for progress to be acknowledged. Without it the tape runs free."""
    wait_for_subscriber: bool = True
    subscriber_buffer: int = Field(default=8_192, ge=16)
    """Messages a slow WebSocket client may be behind before it is cut off."""
    misbehaves: bool = False
    """Take scripts of misbehaviour at /paper/v1/misbehaviour, on loopback only: for tests and trials."""
    conditions: Conditions = Conditions()
    """How bad the line is from the start, of a venue that misbehaves; /paper/v1/conditions changes it."""

    @model_validator(mode="after")
    def _lists_something(self) -> Self:
        if not self.symbols and not self.spot_symbols:
            raise ValueError("no symbol to trade: give symbols or spot_symbols, for example BTCUSDT")
        return self

    @model_validator(mode="after")
    def _misbehaves_on_loopback_only(self) -> Self:
        if self.misbehaves and self.host not in LOOPBACK:
            raise ValueError(
                f"a venue that misbehaves listens on loopback only ({', '.join(LOOPBACK)}), not {self.host}"
            )
        if self.conditions != Conditions() and not self.misbehaves:
            raise ValueError("conditions are of a venue that misbehaves: set misbehaves too")
        return self
