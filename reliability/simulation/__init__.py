"""The deterministic simulator: the product's own code on virtual time, with faults drawn from a seed (ORD-8)."""
