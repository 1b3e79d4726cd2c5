"""The one venue adapter there is: `connector.port.VenuePort` spoken through ccxt.

Loading: one exchange of ccxt without the hundred others. Client: that exchange with our hooks. Urls, errors, frames
and replies: pure translations. Streams: connections that come back. Venue: the port itself.
"""
