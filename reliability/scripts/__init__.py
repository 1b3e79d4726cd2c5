"""Scripts of a venue's misbehaviour, each played by the paper venue to the real gateway through real ccxt."""
