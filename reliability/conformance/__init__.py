"""One list of cases that every venue is held to, over `connector.port.VenuePort` and nothing else (VEN-1)."""
