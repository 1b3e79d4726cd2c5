"""`python -m reliability [NAME…] [--long] [--json FILE] [--page FILE]`: run trials, write what came of them."""

from reliability.runner import app

if __name__ == "__main__":
    app()
