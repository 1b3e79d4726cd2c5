"""The tables of the ledger and the ordered steps that make them. Applied at start, each once, under a lock.

A step is never edited after release; a change is a new step at the end.
"""

from psycopg import AsyncConnection

FENCED = "TL001"
ORDERS_KEY = "orders_pkey"

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE ledger.orders (
        client_order_id  text PRIMARY KEY,
        venue            text NOT NULL,
        account          text NOT NULL,
        symbol           text NOT NULL,
        side             text NOT NULL,
        type             text NOT NULL,
        time_in_force    text NOT NULL,
        price_ticks      bigint NOT NULL,
        quantity_lots    bigint NOT NULL,
        reduce_only      boolean NOT NULL,
        tick_size        text NOT NULL,
        lot_size         text NOT NULL,
        strategy         text NOT NULL,
        intent_id        text NOT NULL,
        epoch            bigint NOT NULL,
        state            text NOT NULL,
        venue_order_id   text NOT NULL,
        filled_lots      bigint NOT NULL,
        booked_lots      bigint NOT NULL,
        cancel_requested boolean NOT NULL,
        settled          boolean NOT NULL,
        reason_code      text NOT NULL,
        reason           text NOT NULL,
        time_ms          bigint NOT NULL,
        claimed_ns       bigint NOT NULL,
        sent_ns          bigint NOT NULL,
        answered_ns      bigint NOT NULL
    );
    CREATE INDEX orders_by_venue_order_id ON ledger.orders (venue_order_id, symbol) WHERE venue_order_id <> '';
    CREATE INDEX orders_unsettled ON ledger.orders (venue, account) WHERE NOT settled;

    CREATE TABLE ledger.fills (
        venue           text NOT NULL,
        symbol          text NOT NULL,
        trade_id        text NOT NULL,
        client_order_id text NOT NULL,
        venue_order_id  text NOT NULL,
        side            text NOT NULL,
        price_ticks     bigint NOT NULL,
        quantity_lots   bigint NOT NULL,
        fee             text NOT NULL,
        fee_asset       text NOT NULL,
        realized_pnl    text NOT NULL,
        maker           boolean NOT NULL,
        time_ms         bigint NOT NULL,
        PRIMARY KEY (venue, symbol, trade_id)
    );
    CREATE INDEX fills_by_order ON ledger.fills (client_order_id);

    CREATE TABLE ledger.intent_positions (
        owner       text NOT NULL,
        topic       text NOT NULL,
        partition   integer NOT NULL,
        next_offset bigint NOT NULL,
        PRIMARY KEY (owner, topic, partition)
    );

    CREATE TABLE ledger.fill_marks (
        owner    text NOT NULL,
        symbol   text NOT NULL,
        trade_id text NOT NULL,
        PRIMARY KEY (owner, symbol)
    );

    CREATE TABLE ledger.epoch (
        account text PRIMARY KEY,
        epoch   bigint NOT NULL,
        holder  text NOT NULL,
        since   timestamptz NOT NULL DEFAULT now()
    );

    -- Fails the transaction of a gateway that was taken over from; the lock keeps a takeover out until it ends.
    CREATE FUNCTION ledger.fence(of_account text, my_epoch bigint) RETURNS void LANGUAGE plpgsql AS $$
    DECLARE
        running bigint;
    BEGIN
        SELECT epoch INTO running FROM ledger.epoch WHERE account = of_account FOR SHARE;
        IF running IS DISTINCT FROM my_epoch THEN
            RAISE EXCEPTION 'account %: epoch % is over, epoch % runs', of_account, my_epoch, running
                USING ERRCODE = 'TL001';
        END IF;
    END
    $$;
    """,
    """
    -- Every turn of the kill switch, the newest version is how it stands (RISK-8). A turn locks the account's row of
    -- ledger.epoch, which every commit of a gateway shares: so the two have one order.
    CREATE TABLE ledger.kill_switch (
        account     text NOT NULL,
        version     bigint NOT NULL,
        killed      boolean NOT NULL,
        time_ms     bigint NOT NULL,
        by_whom     text NOT NULL,
        reason      text NOT NULL,
        everything  boolean NOT NULL,
        verified_ms bigint NOT NULL DEFAULT 0,
        PRIMARY KEY (account, version)
    );
    """,
    """
    -- What reconciliation made up for (ORD-6). positions: begun with the venue's, moved by every fill, each once.
    ALTER TABLE ledger.orders ADD COLUMN synthetic_lots bigint NOT NULL DEFAULT 0,
        ADD COLUMN synthetic_ticks bigint NOT NULL DEFAULT 0;
    ALTER TABLE ledger.fills ADD COLUMN synthetic boolean NOT NULL DEFAULT false,
        ADD COLUMN covered_lots bigint NOT NULL DEFAULT 0;

    CREATE TABLE ledger.positions (
        owner         text NOT NULL,
        symbol        text NOT NULL,
        position_lots bigint NOT NULL,
        begun         boolean NOT NULL,
        PRIMARY KEY (owner, symbol)
    );

    -- Durable before they are said on the log: told is the OrderUpdate.
    CREATE TABLE ledger.corrections (
        owner           text NOT NULL,
        symbol          text NOT NULL,
        trade_id        text NOT NULL,
        number          bigint GENERATED ALWAYS AS IDENTITY,
        client_order_id text NOT NULL,
        told            bytea NOT NULL,
        said            boolean NOT NULL DEFAULT false,
        made_at         timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (owner, symbol, trade_id)
    );
    CREATE INDEX corrections_unsaid ON ledger.corrections (owner) WHERE NOT said;
    """,
)


async def migrate(connection: AsyncConnection) -> None:
    """Brings the schema up to date. Safe to run by several processes at once and again and again."""
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(hashtext('tapeline.ledger'))")
        await connection.execute("CREATE SCHEMA IF NOT EXISTS ledger")
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS ledger.migrations (step integer PRIMARY KEY, at timestamptz DEFAULT now())"
        )
        row = await (await connection.execute("SELECT coalesce(max(step), 0) FROM ledger.migrations")).fetchone()
        done = int(row[0]) if row else 0
        for step, statements in enumerate(MIGRATIONS[done:], start=done + 1):
            await connection.execute(statements.encode())
            await connection.execute("INSERT INTO ledger.migrations (step) VALUES (%s)", (step,))
