"""kill -9 of the venue while spot, margin and USDⓈ-M trade and funds move between them: every wallet adds up."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.integration.venue.paper_venue import settings_for, signed
from tests.integration.venue.test_kill import HEADERS, REFUSED_ANSWERS, check_ledger, free_port, started
from venue.instruments import Product
from venue.ledger_reader import LedgerReader
from venue.main import running

BEGINNING = {
    Product.SPOT: {"USDT": Decimal(20_000), "BTC": Decimal(1)},
    Product.MARGIN: {"USDT": Decimal(20_000)},
}
SETTINGS: dict[str, Any] = {
    "spot_symbols": ["BTCUSDT"],
    "wait_for_subscriber": False,
    "speed": 20,
    "spot_balances": {asset: str(amount) for asset, amount in BEGINNING[Product.SPOT].items()},
    "margin_balances": {asset: str(amount) for asset, amount in BEGINNING[Product.MARGIN].items()},
    "margin_hourly_rate": "0.001",
}
BORROWING = {"sideEffectType": "AUTO_BORROW_REPAY"}


class Owner:
    """Acts on all three accounts until the venue dies; keeps what was confirmed."""

    def __init__(self, session: aiohttp.ClientSession, address: str, name: str, seed: int) -> None:
        self._session = session
        self._address = address
        self._name = name
        self._drawn = random.Random(seed)
        self.placed: dict[Product, dict[int, dict[str, Any]]] = {product: {} for product in Product}

    @property
    def confirmed(self) -> int:
        return sum(len(orders) for orders in self.placed.values())

    async def act_until_it_dies(self) -> None:
        try:
            for number in range(10_000):
                await self._act(number)
        except REFUSED_ANSWERS:
            return
        raise AssertionError("the venue outlived the test's kill")

    async def _act(self, number: int) -> None:
        match number % 6:
            case 0 | 3:
                await self._place(Product.SPOT, "/api/v3/order", number)
            case 1 | 4:
                await self._place(Product.MARGIN, "/sapi/v1/margin/order", number, **BORROWING)
            case 2:
                await self._place(Product.PERPETUAL, "/fapi/v1/order", number)
            case _:
                wallets = self._drawn.sample(["MAIN", "MARGIN", "UMFUTURE"], 2)
                await self._post("/sapi/v1/asset/transfer", type="_".join(wallets), asset="USDT", amount="7.5")

    async def _place(self, product: Product, path: str, number: int, **more: str) -> None:
        async with self._session.get(f"{self._address}/api/v3/ticker/bookTicker?symbol=BTCUSDT") as answer:
            bid = Decimal((await answer.json())["bidPrice"])
        price = bid * (1 + Decimal(self._drawn.randint(-3, 3)) / 10_000)
        order = await self._post(
            path, symbol="BTCUSDT", side=self._drawn.choice(["BUY", "SELL"]), type="LIMIT", timeInForce="GTC",
            quantity=f"0.00{self._drawn.randint(1, 9)}", price=f"{price:.2f}",
            newClientOrderId=f"{self._name}n{number}", **more,
        )  # fmt: skip
        if "orderId" not in order:
            return
        self.placed[product][order["orderId"]] = order
        if self._drawn.random() < 0.4:
            query = signed(symbol="BTCUSDT", orderId=order["orderId"])
            async with self._session.delete(f"{self._address}{path}?{query}") as answer:
                cancelled = await answer.json()
            if "orderId" in cancelled:
                own = {"clientOrderId": order["clientOrderId"]}
                self.placed[product][order["orderId"]] = {**cancelled, **own}

    async def _post(self, path: str, **given: str) -> dict[str, Any]:
        async with self._session.post(self._address + path, data=signed(**given)) as answer:
            body: dict[str, Any] = await answer.json()
            return body


def check_wallets(data_dir: Path) -> None:
    """Each asset is what its flows say; what is locked is what open orders need; transfers are nobody's gain."""
    reader = LedgerReader(data_dir)
    moved: Counter[str] = Counter({"USDT": 0})
    for product, beginning in BEGINNING.items():
        flows = reader.flows(product)
        deposits = {one.asset: one.amount for one in flows if one.kind == "DEPOSIT"}
        assert deposits == beginning, "opened once"
        for held in reader.wallet(product):
            mine = [one for one in flows if one.asset == held.asset]
            assert held.free + held.locked == sum(one.amount for one in mine)
            assert held.borrowed + held.interest == sum(one.owed for one in mine)
            assert held.locked == locked_by_orders(reader, product, held.asset)
            assert min(held.free, held.locked, held.borrowed, held.interest) >= 0
            moved[held.asset] += sum(one.amount for one in mine if one.kind == "TRANSFER")  # type: ignore[assignment]
        traded = {one.trade_id for one in flows if one.kind == "TRADE"}
        assert traded == {one.trade_id for one in reader.trades(product)}
        for order in reader.orders(product):
            done = [one.quantity for one in reader.trades(product) if one.order_id == order.order_id]
            assert sum(done, Decimal(0)) == order.executed_quantity
    perpetual = sum(one.amount for one in reader.income() if one.income_type == "TRANSFER")
    assert moved["USDT"] + perpetual == 0


def locked_by_orders(reader: LedgerReader, product: Product, asset: str) -> Decimal:
    total = Decimal(0)
    for order in reader.orders(product):
        left = order.quantity - order.executed_quantity
        if order.is_open and asset == ("USDT" if order.side == "BUY" else "BTC"):
            total += left * order.price if order.side == "BUY" else left
    return total


@pytest.mark.parametrize("seed", [1, 2])
async def test_a_killed_venue_keeps_every_wallet_consistent(tmp_path: Path, seed: int) -> None:
    """VEN-1, ARB-2, ES-3: three kills at random moments; then a restart shows what the ledger has."""
    drawn, port, data_dir = random.Random(seed), free_port(), tmp_path / "venue"
    address = f"http://127.0.0.1:{port}"
    placed: dict[Product, dict[int, dict[str, Any]]] = {product: {} for product in Product}
    for run in range(3):
        async with (
            started(data_dir, port, **SETTINGS) as venue,
            aiohttp.ClientSession(headers=HEADERS) as session,
        ):
            owners = [Owner(session, address, f"k{run}w{worker}", seed * 10 + worker) for worker in range(3)]
            acting = [asyncio.create_task(owner.act_until_it_dies()) for owner in owners]
            enough = drawn.randint(40, 80)
            async with asyncio.timeout(60):
                while sum(owner.confirmed for owner in owners) < enough:
                    await asyncio.sleep(drawn.uniform(0, 0.01))
            venue.kill()
            await venue.wait()
            await asyncio.gather(*acting)
        kept = {product: {one.order_id: one for one in LedgerReader(data_dir).orders(product)} for product in Product}
        for owner in owners:
            for product, orders in owner.placed.items():
                assert not placed[product].keys() & orders.keys(), "an order id was used twice"
                placed[product] |= orders
                for order_id, answer in orders.items():
                    assert kept[product][order_id].client_order_id == answer["clientOrderId"]
                    assert kept[product][order_id].executed_quantity >= Decimal(answer["executedQty"])
        check_ledger(data_dir, placed[Product.PERPETUAL])
        check_wallets(data_dir)
    assert all(len(orders) > 5 for orders in placed.values())
    assert {one.kind for one in LedgerReader(data_dir).flows(Product.MARGIN)} >= {
        "TRADE", "COMMISSION", "TRANSFER", "BORROW", "INTEREST", "REPAY",
    }  # fmt: skip
    await check_restart(data_dir)


async def check_restart(data_dir: Path) -> None:
    """A venue that goes on from there, its clock standing, says what the ledger had; then all orders can go."""
    before = {product: LedgerReader(data_dir).wallet(product) for product in BEGINNING}
    settings = settings_for(data_dir, **SETTINGS, misbehaves=True, conditions={"clock_stands": True})
    async with running(settings) as port, aiohttp.ClientSession(headers=HEADERS) as session:
        address = f"http://127.0.0.1:{port}"

        async def ask(method: str, path: str, **given: str) -> Any:
            async with session.request(method, f"{address}{path}?{signed(**given)}") as answer:
                return await answer.json()

        spot, margin = await ask("GET", "/api/v3/account"), await ask("GET", "/sapi/v1/margin/account")
        for shown, product in ((spot["balances"], Product.SPOT), (margin["userAssets"], Product.MARGIN)):
            told = {one["asset"]: (Decimal(one["free"]), Decimal(one["locked"])) for one in shown}
            assert told == {one.asset: (one.free, one.locked) for one in before[product]}
        owed = {one["asset"]: (Decimal(one["borrowed"]), Decimal(one["interest"])) for one in margin["userAssets"]}
        assert owed == {one.asset: (one.borrowed, one.interest) for one in before[Product.MARGIN]}
        for path in ("/api/v3/openOrders", "/sapi/v1/margin/openOrders"):
            if await ask("GET", path):
                await ask("DELETE", path, symbol="BTCUSDT")
            assert await ask("GET", path) == []
    for product in BEGINNING:
        assert all(one.locked == 0 for one in LedgerReader(data_dir).wallet(product))
    check_wallets(data_dir)
