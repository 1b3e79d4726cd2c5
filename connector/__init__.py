"""The only process with venue keys and venue connections (GRPC-1): publishes what happens, does what intents ask."""
