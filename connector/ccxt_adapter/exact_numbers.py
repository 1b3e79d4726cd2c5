"""What ccxt reads as float, exact: levels of order books and some venues' candles. To stand before ccxt's class.

Everything else it reads by its `number`, which we set to str.
"""

from decimal import Decimal
from typing import Any


class ExactNumbers:
    @staticmethod
    def safe_float(dictionary: Any, key: Any, default_value: Any = None) -> Any:
        """A Decimal: it compares and sorts like ccxt's own float, and loses nothing of the venue's text."""
        try:
            return Decimal(str(dictionary[key]))
        except (KeyError, IndexError, TypeError, ArithmeticError):
            return default_value
