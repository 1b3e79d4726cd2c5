"""What the connector measures (OBS-1). Labels are bounded: feeds, topics, methods and codes, never ids or free text."""

from prometheus_client import Counter, Gauge, Histogram

MARKET_EVENTS = Counter("connector_market_events_total", "Market events put on the log", ["symbol"])
MARKET_BATCHES = Counter("connector_market_batches_total", "Market records put on the log", ["symbol"])
QUOTES_CONFLATED = Counter("connector_quotes_conflated_total", "Quotes replaced by a newer one under load", ["symbol"])
FRAME_TO_LOG = Histogram(
    "connector_frame_to_log_seconds",
    "From a market event received to its record handed to the log's client",
    buckets=(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5),
)
LOG_ACK = Histogram(
    "connector_log_ack_seconds",
    "From a record handed to the log's client to its acknowledgement",
    ["topic"],
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5, 30),
)
RECONNECTS = Counter("connector_stream_reconnects_total", "Venue streams that were cut and connected again", ["feed"])
FRAMES_REFUSED = Counter("connector_frames_refused_total", "Venue frames that could not be read", ["feed"])
GAPS_LEFT = Counter(
    "connector_gaps_left_total", "Gaps after a cut that the venue's REST interface did not fill whole", ["what"]
)
LAST_FRAME = Gauge("connector_last_frame_timestamp_seconds", "When the newest frame of a feed arrived", ["feed"])
GRPC_CALLS = Counter("connector_grpc_calls_total", "gRPC calls by method and outcome", ["method", "code"])
GRPC_LATENCY = Histogram(
    "connector_grpc_call_seconds",
    "gRPC unary calls, whole",
    ["method"],
    buckets=(0.0005, 0.001, 0.002, 0.003, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 10),
)
SUBSCRIBERS = Gauge("connector_grpc_subscribers", "Open gRPC streams", ["stream"])
SUBSCRIBERS_CUT_OFF = Counter("connector_grpc_subscribers_cut_off_total", "gRPC streams ended for lag", ["stream"])
