"""What one run lists and plays: perpetuals, spot pairs, and the recording of each, from the settings.

A tape of a perpetual plays for the spot pair of the same symbol too, unless that has a tape of its own.
Must not: open the ledger or start anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from venue import recorded_file, tape_files
from venue.errors import TapeError
from venue.instruments import LISTED, Instrument, Product, load_exchange_info, select
from venue.settings import VenueSettings
from venue.spot.listing import SPOT_LISTED, as_pair, load_spot_exchange_info
from venue.tape_files import NOT_TRADED, Recording


def listed(settings: VenueSettings) -> tuple[list[Instrument], list[Instrument], list[Recording]]:
    """Perpetuals, spot pairs, and recordings by listing; no recording: all are synthetic. Raises `VenueError`."""
    known = load_exchange_info(settings.exchange_info) if settings.exchange_info else LISTED
    known = {**known, **recorded_file.instruments_of(settings.tapes)}
    known_pairs = load_spot_exchange_info(settings.spot_exchange_info) if settings.spot_exchange_info else SPOT_LISTED
    told = recorded_file.instruments_of(settings.spot_tapes)
    known_pairs = {**known_pairs, **{name: as_pair(one) for name, one in told.items()}}
    recordings = _recordings(settings.tapes, settings.tape_symbol, known)
    own = _recordings(settings.spot_tapes, settings.tape_symbol, known_pairs)
    pairs = _select(known_pairs, [*settings.spot_symbols, *(one.symbol for one in own)])
    symbols = list(dict.fromkeys([*settings.symbols, *(one.symbol for one in recordings)]))
    if recordings or own:
        symbols = _with_a_tape(settings, recordings)
    return _select(known, symbols), pairs, [*recordings, *_of_pairs(pairs, own, recordings)]


def _select(known: Mapping[str, Instrument], symbols: Iterable[str]) -> list[Instrument]:
    chosen = list(dict.fromkeys(symbols))
    return list(select(known, chosen).values()) if chosen else []


def _recordings(paths: Iterable[Path], symbol: str | None, known: Mapping[str, Instrument]) -> list[Recording]:
    recordings = []
    for path in paths:
        if symbol is not None:
            select(known, [symbol])
        if not path.is_file():
            raise TapeError(f"there is no tape {path}")
        if recorded_file.is_recorded(path):
            recordings += _recorded(path, symbol)
            continue
        recordings.append(tape_files.inspect(path, symbol or tape_files.symbol_of(path, known)))
    traded = {one.symbol for one in recordings if one.kind not in NOT_TRADED}
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
            f"no tape for {', '.join(missing)}: the tapes given are for {', '.join(played) or 'spot pairs only'}. "
            "Leave the symbol out or give a tape for it."
        )
    return played


def _of_pairs(pairs: list[Instrument], own: list[Recording], perpetual: list[Recording]) -> list[Recording]:
    """The recordings of spot pairs by listing: their own, else those of the perpetual."""
    found: list[Recording] = []
    for pair in pairs:
        name = pair.wire_symbol
        mine = [one for one in own if one.symbol == name]
        mine = mine or [one for one in perpetual if one.symbol == name and one.kind not in NOT_TRADED]
        if (own or perpetual) and not mine:
            raise TapeError(f"no tape for the spot pair {name}: give one in spot_tapes, or leave the pair out")
        found += [one._replace(symbol=Product.SPOT.listing(name)) for one in mine]
    return found
