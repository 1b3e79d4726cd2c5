"""The language: what is said on the log, by whom, under which key, and how it is encoded.

Everything else imports this package; it imports nothing of ours.
"""
