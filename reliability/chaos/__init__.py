"""Faults on real processes: kill -9, STOP and CONT, named crash points, a network that misbehaves. Ends in `check`."""
