"""Putting a venue together: instruments, tape, ledger and engine from the settings, resumed where it stopped.

A data folder belongs to one run: settings that would tell another story (other tapes, seed, balance) are refused;
more symbols are just added. Must not: open sockets or start tasks.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

import orjson

from venue import tape_files
from venue.engine import Engine, EngineSettings
from venue.errors import InstrumentError, LedgerError
from venue.exchange import Exchange
from venue.instruments import Instrument, Product
from venue.klines import Kline
from venue.ledger import Checkpoint, Ledger
from venue.listing import listed
from venue.live import LiveTape
from venue.settings import VenueSettings
from venue.spot.accounts import Accounts
from venue.spot.listing import both_accounts
from venue.spot.margin import MarginTerms
from venue.streams import Streams
from venue.synthetic import EVENTS_A_STEP, STEP_MS, SyntheticFunding, SyntheticMarket
from venue.tape import Quote, Source, Tape, Trade
from venue.tape_files import Recording
from venue.wallets import Wallet

HISTORY_MS = 3 * 3_600_000
HISTORY_EVERY = 10


@dataclass(frozen=True, slots=True)
class Opened:
    """A venue ready to serve."""

    exchange: Exchange
    ledger: Ledger
    synthetic: bool
    recordings: list[Recording]


def open_venue(settings: VenueSettings, streams: Streams, live: LiveTape | None = None) -> Opened:
    """Read the tapes, open the ledger, restore what it holds. Raises `VenueError` with what to do.

    `live`: the market comes from there, and no tape is played.
    """
    perpetuals, pairs, recordings = (*live.listed, []) if live else listed(settings)
    if len({one.quote_asset for one in perpetuals}) > 1:
        raise InstrumentError("the USDⓈ-M wallet has one asset: choose symbols of one, for example all USDT")
    instruments = {one.symbol: one for one in (*perpetuals, *both_accounts(pairs))}
    ledger = Ledger(settings.data_dir, instruments)
    try:
        exchange = _resume(settings, ledger, recordings, instruments, streams, live)
    except BaseException:
        ledger.close()
        raise
    return Opened(exchange, ledger, not recordings and live is None, recordings)


def _resume(
    settings: VenueSettings,
    ledger: Ledger,
    recordings: list[Recording],
    instruments: Mapping[str, Instrument],
    streams: Streams,
    live: LiveTape | None,
) -> Exchange:
    """The exchange as the ledger left it, or a new one."""
    with_market = {name: one for name, one in instruments.items() if one.product is not Product.MARGIN}
    _check_same_run(settings, ledger, recordings, list(with_market), live)
    checkpoint = ledger.load_checkpoint()
    sources = [] if live else _sources(settings, recordings, with_market, checkpoint)
    accounts = _accounts(settings, ledger)
    engine = Engine(
        instruments.values(),
        EngineSettings(settings.initial_balance, settings.maker_fee_rate, settings.taker_fee_rate, settings.leverage),
        accounts.clearings,
    )
    accounts.margin_books.update(
        (name, book) for name, book in engine.books.items() if book.instrument.product is Product.MARGIN
    )
    tape = live or Tape(sources, checkpoint.positions if checkpoint else {})
    exchange = Exchange(engine, accounts, ledger, tape, streams, key_may_withdraw=settings.key_may_withdraw)
    _restore(exchange, ledger, checkpoint)
    _make_history(exchange, ledger, sources)
    exchange.save()
    return exchange


def _accounts(settings: VenueSettings, ledger: Ledger) -> Accounts:
    """The spot and margin accounts with what the ledger says they have, or what they begin with."""
    wallets = {
        product: ledger.wallets.load(product) or Wallet(balances.items())
        for product, balances in (
            (Product.SPOT, settings.spot_balances),
            (Product.MARGIN, settings.margin_balances),
        )
    }
    accounts = Accounts(
        wallets[Product.SPOT],
        wallets[Product.MARGIN],
        maker_fee_rate=settings.spot_maker_fee_rate,
        taker_fee_rate=settings.spot_taker_fee_rate,
        terms=MarginTerms(settings.margin_leverage, settings.margin_hourly_rate),
    )
    accounts.next_transaction_id = ledger.wallets.last_transaction_id() + 1
    return accounts


def _sources(
    settings: VenueSettings,
    recordings: list[Recording],
    instruments: Mapping[str, Instrument],
    checkpoint: Checkpoint | None,
) -> list[Source]:
    if recordings:
        return tape_files.sources(recordings, instruments)
    return _synthetic(settings, instruments, checkpoint)


def _synthetic(
    settings: VenueSettings, instruments: Mapping[str, Instrument], checkpoint: Checkpoint | None
) -> list[Source]:
    """Synthetic sources whose next event is now, or right after the last stored time if that is ahead."""
    now_ms = time.time_ns() // 1_000_000
    sources: list[Source] = []
    next_ms = max(now_ms, checkpoint.time_ms + STEP_MS if checkpoint else 0)
    markets = [SyntheticMarket(instrument, settings.seed, 0) for instrument in instruments.values()]
    if checkpoint:
        _go_on_together(markets, checkpoint.positions)
    for market in markets:
        steps = checkpoint.positions.get(market.name, 0) // EVENTS_A_STEP if checkpoint else 0
        market.start_ms = next_ms - steps * STEP_MS
        sources.append(market)
        if instruments[market.symbol].product is Product.PERPETUAL:
            sources.append(SyntheticFunding(market.symbol, settings.seed, next_ms))
    return sources


def _go_on_together(markets: list[SyntheticMarket], positions: dict[str, int]) -> None:
    """A symbol that is listed twice has one price: both go on from the step that the further one is in."""
    for market in markets:
        twins = [one for one in markets if one.wire_symbol == market.wire_symbol]
        if len(twins) > 1:
            step = max(positions.get(one.name, 0) for one in twins) // EVENTS_A_STEP
            positions.update({one.name: step * EVENTS_A_STEP for one in twins})


def _check_same_run(
    settings: VenueSettings, ledger: Ledger, recordings: list[Recording], symbols: list[str], live: LiveTape | None
) -> None:
    """Refuse to go on with another story than the one this ledger tells."""
    run: dict[str, object] = {
        "tapes": sorted(f"{one.path.name}:{one.symbol}:{one.rows}" for one in recordings),
        "live": live.header.venue if live else None,
        "seed": None if recordings or live else settings.seed,
        "initial_balance": str(settings.initial_balance),
    }
    if settings.spot_symbols:
        run["spot_balances"] = _texts(settings.spot_balances)
        run["margin_balances"] = _texts(settings.margin_balances)
    stored = ledger.meta("run")
    if stored is not None:
        before = orjson.loads(stored)
        for name, value in run.items():
            if name in before and before[name] != value:
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


def _texts(balances: Mapping[str, Decimal]) -> dict[str, str]:
    return {asset: str(amount) for asset, amount in balances.items()}


def _restore(exchange: Exchange, ledger: Ledger, checkpoint: Checkpoint | None) -> None:
    engine = exchange.engine
    asset = exchange.settle_asset
    wallet = ledger.load_wallet_balance(asset)
    if checkpoint is None or wallet is None:
        ledger.record_balance(asset, engine.account.wallet_balance)
        exchange.time_ms = exchange.tape.peek_time_ms() or 0
        _open_wallets(exchange, ledger)
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
    _open_wallets(exchange, ledger)
    engine.restore(ledger.open_orders())
    _restore_loans(exchange, ledger)


def _open_wallets(exchange: Exchange, ledger: Ledger) -> None:
    """The spot and margin wallets' first day: what they begin with is in the ledger as deposits."""
    new = [product for product in (Product.SPOT, Product.MARGIN) if ledger.wallets.load(product) is None]
    ledger.record(one for one in exchange.accounts.opened(exchange.time_ms) if one.wallet in new)


def _restore_loans(exchange: Exchange, ledger: Ledger) -> None:
    """What open margin orders borrowed, so that they repay it when they fill or are cancelled."""
    for book in exchange.accounts.margin_books.values():
        for order in book.open_orders():
            note = ledger.wallets.load_loan(order.order_id)
            if note is not None:
                exchange.accounts.margin.notes[order.order_id] = note


def _open_markets(exchange: Exchange) -> None:
    """A market has a price before anybody listens: it opens at the tape's first, so that there is a mark price."""
    upcoming = exchange.tape.upcoming
    for event in upcoming:
        if isinstance(event, Trade):
            price, size = event.price, event.quantity
            _open_market(exchange, Quote(event.symbol, event.time_ms, price, size, price + 1, size))
    for event in upcoming:
        if isinstance(event, Quote):
            _open_market(exchange, event)


def _open_market(exchange: Exchange, quote: Quote) -> None:
    exchange.engine.quote(*quote)
    margin_symbol = exchange.markets[quote.symbol].margin_symbol
    if margin_symbol:
        exchange.engine.quote(margin_symbol, *quote[1:])


def _restore_market(exchange: Exchange, symbol: str, state: dict[str, object], klines: list[Kline]) -> None:
    market, book = exchange.markets[symbol], exchange.engine.books[symbol]
    market.update_id = _integer(state["update_id"])
    market.funding_rate = Decimal(str(state["funding_rate"]))
    quote, kline = state["quote"], state["kline"]
    if isinstance(quote, list):
        book.bid, book.bid_size, book.ask, book.ask_size = quote
        if market.margin_symbol:
            twin = exchange.engine.books[market.margin_symbol]
            twin.bid, twin.bid_size, twin.ask, twin.ask_size = quote
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
