"""Keeping a family of processes running: start in order, watch, restart with back-off, end in order, leave nobody."""

from tapeline.supervisor.child import Child, Spec
from tapeline.supervisor.supervisor import Supervisor

__all__ = ["Child", "Spec", "Supervisor"]
