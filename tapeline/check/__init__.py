"""`tapeline check`: whether three witnesses that do not trust each other tell the same story.

The venue's own ledger, the log folded by a small fold of its own, and Postgres (the gateway's ledger and the
projections). `judge` is pure and holds the rules; the other modules only read what each witness says.
"""
