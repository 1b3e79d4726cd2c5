"""Public market data of a venue, kept as a tape (`tapeline record`) or followed live (`tapeline up --paper`)."""
