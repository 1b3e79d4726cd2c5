"""How much the promises hold: simulation, chaos on real processes, venue scripts, and the page of their results."""
