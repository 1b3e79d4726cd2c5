"""What the connector process is told at start: which venue, under which key, how much at most, where it listens.

Only shapes and checks; reading files and environment variables is the caller's. Keys are SecretStr: they show in no
repr, log or page (GRPC-4).
"""

from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from connector.errors import ConnectorError
from connector.gateway.settings import GatewaySettings, RiskLimits
from connector.venues import OTHER, SPOT, VenueProfile, profile_of

SHORTEST_TOKEN = 32


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class VenueConnection(_Settings):
    """One account at one product of one venue, reached through ccxt.

    `exchange` is a name of `connector.venues` or `ccxt:<id>`; `name` is what topics call it, the exchange's where it is
    not given. A real venue is its sandbox unless `live` says otherwise. `rest_url` and `ws_url` replace scheme, host
    and port of every address ccxt knows for the venue (both or none): that is all it takes to trade on the local paper
    venue. `use_margin`: spot orders borrow what they need (ARB-2).
    """

    name: str = "paper"
    account: str = "main"
    exchange: str = "binance"
    product: Literal["perpetual", "spot"] = "perpetual"
    live: bool = Field(default=False, description="real money; false: the venue's sandbox")
    use_margin: bool = False
    rest_url: str | None = None
    ws_url: str | None = None
    api_key: SecretStr = SecretStr("")
    api_secret: SecretStr = SecretStr("")
    api_password: SecretStr = Field(default=SecretStr(""), description="OKX and Bitget call it passphrase")
    symbols: tuple[str, ...] = Field(default=(), description="the venue's own names, e.g. BTCUSDT")
    timeout_s: float = Field(default=10.0, gt=0)
    reconnect_delays_s: tuple[float, ...] = Field(default=(3.0, 5.0, 10.0, 30.0), min_length=1)

    @property
    def profile(self) -> VenueProfile:
        return profile_of(self.exchange, self.product)

    @property
    def ccxt_id(self) -> str:
        return self.profile.ccxt_id

    @model_validator(mode="before")
    @classmethod
    def _named_after_its_exchange(cls, given: Any) -> Any:
        if not isinstance(given, dict) or "name" in given or "exchange" not in given:
            return given
        exchange = str(given["exchange"]).removeprefix(OTHER)
        return {**given, "name": f"{exchange}-spot" if given.get("product") == SPOT else exchange}

    @field_validator("exchange")
    @classmethod
    def _known(cls, exchange: str) -> str:
        try:
            profile_of(exchange, SPOT)
        except ConnectorError as error:
            raise ValueError(str(error)) from error
        return exchange

    @model_validator(mode="after")
    def _margin_is_for_spot(self) -> Self:
        if self.use_margin and self.profile.margin is None:
            raise ValueError(
                f"use_margin: margin orders cannot be placed on {self.profile.title}; they need a spot product whose "
                "margin orders ccxt can place, look up and list"
            )
        return self

    @field_validator("symbols")
    @classmethod
    def _distinct(cls, symbols: tuple[str, ...]) -> tuple[str, ...]:
        if repeated := sorted({symbol for symbol in symbols if symbols.count(symbol) > 1}):
            raise ValueError(f"named more than once: {', '.join(repeated)}")
        return symbols

    @model_validator(mode="after")
    def _addresses_go_together(self) -> Self:
        if (self.rest_url is None) != (self.ws_url is None):
            raise ValueError(
                "rest_url and ws_url go together: set both (another venue address) or none (the real venue)"
            )
        for field, address, schemes in (
            ("rest_url", self.rest_url, ("http", "https")),
            ("ws_url", self.ws_url, ("ws", "wss")),
        ):
            if address is not None and (urlsplit(address).scheme not in schemes or not urlsplit(address).netloc):
                raise ValueError(
                    f"{field} is {address!r}; expected {schemes[0]}://host:port or {schemes[1]}://host:port"
                )
        return self


class GrpcTls(_Settings):
    """PEM files of the gRPC service; none: no TLS. With `client_ca_file` a client must show a certificate of it.

    Commands of ours trust `ca_file` (unset: the certificate itself) and show the service's own certificate.
    """

    certificate_file: Path | None = None
    key_file: Path | None = None
    client_ca_file: Path | None = None
    ca_file: Path | None = None

    @model_validator(mode="after")
    def _files_go_together(self) -> Self:
        if (self.certificate_file is None) != (self.key_file is None):
            raise ValueError("certificate_file and key_file go together: set both (TLS) or none")
        if self.certificate_file is None and (self.client_ca_file or self.ca_file):
            raise ValueError("client_ca_file and ca_file mean nothing without certificate_file and key_file")
        return self


class ConnectorSettings(_Settings):
    """The whole of the process. Port 0 takes a free one."""

    venue: VenueConnection = VenueConnection()
    limits: RiskLimits = RiskLimits()
    gateway: GatewaySettings = GatewaySettings()
    grpc_host: str = "127.0.0.1"
    grpc_port: int = Field(default=50051, ge=0, le=65535)
    grpc_tls: GrpcTls = GrpcTls()
    grpc_token: SecretStr = Field(default=SecretStr(""), description="what callers must show; unset: nothing")
    operations_host: str = "127.0.0.1"
    operations_port: int = Field(default=9101, ge=0, le=65535)
    credentials_timeout_s: float = Field(default=30.0, gt=0)
    account_snapshot_interval_s: float = Field(default=30.0, gt=0)
    account_max_age_s: float = Field(default=1.0, ge=0, description="how old GetAccount's answer may be when quiet")
    shutdown_grace_s: float = Field(default=3.0, ge=0, description="for gRPC calls under way when the process ends")
    subscriber_buffer: int = Field(default=1024, gt=0, description="messages a gRPC subscriber may lag behind")
    resume_limit: int = Field(
        default=1_000_000, gt=0, description="messages a returning gRPC subscriber may have missed and still gets"
    )
    price_max_age_s: float = Field(
        default=1.0,
        ge=0,
        description="how old a streamed quote may be to answer GetLatestPrice; else the venue is asked",
    )

    @field_validator("grpc_token")
    @classmethod
    def _token_is_worth_it(cls, token: SecretStr) -> SecretStr:
        value = token.get_secret_value()
        if value and (len(value) < SHORTEST_TOKEN or not all("!" <= character <= "~" for character in value)):
            raise ValueError(
                f"a token has at least {SHORTEST_TOKEN} characters, ASCII, no blanks; `openssl rand -hex 32` makes one"
            )
        return token
