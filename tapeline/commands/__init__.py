"""The commands of `tapeline`, one module a theme; heavy imports happen inside the functions."""
