"""What the grid agent is measured beside: each a program of its own that reads the same topic and reports itself."""
