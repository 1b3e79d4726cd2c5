"""`connector.port.VenuePort` on ccxt's unified calls: any venue, told apart by its profile and by ccxt's `has`.

Exchange: ccxt's class with our hooks. Orders, executions, account, market reads: pure readings of ccxt's unified
answers. Capabilities and key checks: what is asked at start. Streams: ccxt's watch calls, kept up and mended. Venue:
the port itself.
"""
