"""Putting a venue together: instruments, tape, ledger and engine from the settings, resumed where it stopped.

A data folder belongs to one run: settings that would tell another story (other tapes, seed, balance) are refused;
more symbols are just added. Must not: open sockets or start tasks.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import orjson

from venue import recorded_file, tape_files
from venue.engine import Engine, EngineSettings
from venue.errors import InstrumentError, LedgerError, TapeError
from venue.exchange import Exchange
from venue.instruments import LISTED, Instrument, load_exchange_info, select
from venue.klines import Kline
from venue.ledger import Checkpoint, Ledger
from venue.settings import VenueSettings
from venue.streams import Streams
from venue.synthetic import STEP_MS, SyntheticFunding, SyntheticMarket
from venue.tape import Quote, Source, Tape, Trade
from venue.tape_files import Recording

log = logging.getLogger(__name__)
HISTORY_MS = 3 * 3_600_000
HISTORY_EVERY = 10


@dataclass(frozen=True, slots=True)
class Opened:
    """A venue ready to serve."""

    exchange: Exchange
    ledger: Ledger
    synthetic: bool
    recordings: list[Recording]


def open_venue(settings: VenueSettings, streams: Streams) -> Opened:
    """Read the tapes, open the ledger, restore what it holds. Raises `VenueError` with what to do."""
    listed = load_exchange_info(settings.exchange_info) if settings.exchange_info else LISTED
    listed = {**listed, **recorded_file.instruments_of(settings.tapes)}
    recordings = _recordings(settings, listed)
    symbols = list(dict.fromkeys([*settings.symbols, *(one.symbol for one in recordings)]))
    if recordings:
        symbols = _with_a_tape(settings, recordings)
    instruments = select(listed, symbols)
    if len({one.quote_asset for one in instruments.values()}) > 1:
        raise InstrumentError("the paper account has one quote asset: choose symbols of one, for example all USDT")
    ledger = Ledger(settings.data_dir, instruments)
    try:
        exchange = _resume(settings, ledger, recordings, instruments, streams)
    except BaseException:
        ledger.close()
        raise
    return Opened(exchange, ledger, not recordings, recordings)


def _resume(
    settings: VenueSettings,
    ledger: Ledger,
    recordings: list[Recording],
    instruments: Mapping[str, Instrument],
    streams: Streams,
) -> Exchange:
    """The exchange as the ledger left it, or a new one."""
    _check_same_run(settings, ledger, recordings, list(instruments))
    checkpoint = ledger.load_checkpoint()
    sources: list[Source] = (
        tape_files.sources(recordings, instruments) if recordings else _synthetic(settings, instruments, checkpoint)
    )
    engine = Engine(
        instruments.values(),
        EngineSettings(settings.initial_balance, settings.maker_fee_rate, settings.taker_fee_rate, settings.leverage),
    )
    exchange = Exchange(engine, ledger, Tape(sources, checkpoint.positions if checkpoint else {}), streams)
    _restore(exchange, ledger, checkpoint)
    _make_history(exchange, ledger, sources)
    exchange.save()
    return exchange


def _recordings(settings: VenueSettings, listed: Mapping[str, Instrument]) -> list[Recording]:
    if settings.tape_symbol is not None:
        select(listed, [settings.tape_symbol])
    recordings = []
    for path in settings.tapes:
        if not path.is_file():
            raise TapeError(f"there is no tape {path}")
        if recorded_file.is_recorded(path):
            recordings += _recorded(path, settings.tape_symbol)
            continue
        symbol = settings.tape_symbol or tape_files.symbol_of(path, listed)
        recordings.append(tape_files.inspect(path, symbol))
    traded = {one.symbol for one in recordings if one.kind not in tape_files.NOT_TRADED}
    for one in recordings:
        if one.symbol not in traded:
            raise TapeError(f"{one.path} holds only {one.kind.value}: add candles, trades or quotes of {one.symbol}")
    return recordings


def _recorded(path: Path, only: str | None) -> list[Recording]:
    parts = tape_files.inspect_recorded(path)
    chosen = [part for part in parts if only in (None, part.symbol)]
    if not chosen:
        raise TapeError(f"{path} holds {', '.join(part.symbol for part in parts)}, not {only}")
    return chosen


def _with_a_tape(settings: VenueSettings, recordings: list[Recording]) -> list[str]:
    """The symbols that are played. Asking for others beside a tape is a mistake, unless it is the default."""
    played = list(dict.fromkeys(one.symbol for one in recordings))
    missing = [symbol for symbol in settings.symbols if symbol not in played]
    if missing and settings.symbols != VenueSettings.model_fields["symbols"].default:
        raise TapeError(
            f"no tape for {', '.join(missing)}: the tapes given are for {', '.join(played)}. "
            "Leave the symbol out or give a tape for it."
        )
    return played


def _synthetic(
    settings: VenueSettings, instruments: Mapping[str, Instrument], checkpoint: Checkpoint | None
) -> list[Source]:
    """Synthetic sources whose next event is now, or right after the last stored time if that is ahead."""
    now_ms = time.time_ns() // 1_000_000
    sources: list[Source] = []
    for symbol, instrument in instruments.items():
        market = SyntheticMarket(instrument, settings.seed, 0)
        steps = checkpoint.positions.get(market.name, 0) // 2 if checkpoint else 0
        next_ms = max(now_ms, checkpoint.time_ms + STEP_MS if checkpoint else 0)
        market.start_ms = next_ms - steps * STEP_MS
        sources += [market, SyntheticFunding(symbol, settings.seed, next_ms)]
    return sources


def _check_same_run(settings: VenueSettings, ledger: Ledger, recordings: list[Recording], symbols: list[str]) -> None:
    """Refuse to go on with another story than the one this ledger tells."""
    run = {
        "tapes": sorted(f"{one.path.name}:{one.symbol}:{one.rows}" for one in recordings),
        "seed": None if recordings else settings.seed,
        "initial_balance": str(settings.initial_balance),
    }
    stored = ledger.meta("run")
    if stored is not None:
        before = orjson.loads(stored)
        for name, value in run.items():
            if before[name] != value:
                raise LedgerError(
                    f"the ledger {ledger.path} was made with {name} {before[name]}, this run has {value}; "
                    "start with --fresh to begin anew, or use the same settings"
                )
        gone = sorted(set(orjson.loads(ledger.meta("symbols") or "[]")) - set(symbols))
        if gone:
            raise LedgerError(
                f"the ledger {ledger.path} holds {', '.join(gone)}, which this run leaves out; "
                "add it to the symbols or start with --fresh"
            )
    ledger.set_meta("run", orjson.dumps(run).decode())
    ledger.set_meta("symbols", orjson.dumps(symbols).decode())
    ledger.set_meta("initial_balance", str(settings.initial_balance))


def _restore(exchange: Exchange, ledger: Ledger, checkpoint: Checkpoint | None) -> None:
    engine = exchange.engine
    asset = next(iter(exchange.instruments.values())).quote_asset
    wallet = ledger.load_wallet_balance(asset)
    if checkpoint is None or wallet is None:
        ledger.record_balance(asset, engine.account.wallet_balance)
        exchange.time_ms = exchange.tape.peek_time_ms() or 0
        _open_markets(exchange)
        return
    engine.account.wallet_balance = wallet
    engine.account.leverage.update(ledger.load_leverage())
    for position in ledger.load_positions():
        engine.account.positions[position.symbol] = position
    engine.next_order_id = checkpoint.next_order_id
    engine.next_trade_id = checkpoint.next_trade_id
    engine.next_funding_id = checkpoint.next_funding_id
    exchange.time_ms = checkpoint.time_ms
    for symbol, state in checkpoint.markets.items():
        _restore_market(exchange, symbol, state, ledger.load_klines(symbol))
    engine.restore(ledger.open_orders())


def _open_markets(exchange: Exchange) -> None:
    """A market has a price before anybody listens: it opens at the tape's first, so that there is a mark price."""
    upcoming = exchange.tape.upcoming
    for event in upcoming:
        if isinstance(event, Trade):
            price, size = event.price, event.quantity
            exchange.engine.quote(event.symbol, event.time_ms, price, size, price + 1, size)
    for event in upcoming:
        if isinstance(event, Quote):
            exchange.engine.quote(*event)


def _restore_market(exchange: Exchange, symbol: str, state: dict[str, object], klines: list[Kline]) -> None:
    market, book = exchange.markets[symbol], exchange.engine.books[symbol]
    market.update_id = _integer(state["update_id"])
    market.funding_rate = Decimal(str(state["funding_rate"]))
    quote, kline = state["quote"], state["kline"]
    if isinstance(quote, list):
        book.bid, book.bid_size, book.ask, book.ask_size = quote
    book.mark_basis = Decimal(str(state["mark_basis"]))
    market.klines.minutes.extend(klines)
    if isinstance(kline, list):
        latest = Kline(*kline)
        if not market.klines.minutes or latest.open_time_ms > market.klines.minutes[-1].open_time_ms:
            market.klines.minutes.append(latest)
        book.last_price = latest.close


def _integer(value: object) -> int:
    return int(str(value))


def _make_history(exchange: Exchange, ledger: Ledger, sources: list[Source]) -> None:
    """Candles of the hours before a synthetic market's start, so that charts and volatility begin with some."""
    for source in sources:
        if not isinstance(source, SyntheticMarket) or exchange.markets[source.symbol].klines.minutes:
            continue
        klines = exchange.markets[source.symbol].klines
        for step in range(-HISTORY_MS // STEP_MS, 0, HISTORY_EVERY):
            trade = source.step(step)[0]
            closed = klines.trade(trade.time_ms, trade.price, trade.quantity, trade.taker_side)
            if closed is not None:
                ledger.record_kline(source.symbol, closed)
