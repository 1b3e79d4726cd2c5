"""The order gateway: the one place through which orders reach the venue, each client order id at most once.

`gateway.py` is the door. Nothing here speaks a venue's dialect, and nothing outside may place or cancel.
"""
