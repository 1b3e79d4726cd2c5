"""`make bench`: each file measures one thing on real parts, beside a peer in the same run where there is one.

Figures are written down, never asserted: a test that depends on the machine's mood proves nothing. Not part of
the installed package.
"""
