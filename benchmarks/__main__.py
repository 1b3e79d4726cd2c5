"""`python -m benchmarks [NAME…] [--json FILE] [--page FILE]`: run, print a table, write the files."""

from benchmarks.runner import app

if __name__ == "__main__":
    app()
