"""`python -m tapeline` is the command `tapeline`."""

from tapeline.main import main

main()
