"""`tapeline doctor`: what is configured, reachable, in time and permitted; for what is wrong, what to do."""
