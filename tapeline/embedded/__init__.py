"""A real single-node Kafka and a real Postgres from packages, as children of ours in a data folder."""
