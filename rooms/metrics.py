"""What a process counts and measures since it began. Who may ask is in `project/probes.py`.

Counted per push and not per connection: a push to a thousand sockets costs one addition. What just is,
such as open connections, nobody keeps count of; it is looked up when somebody asks.
"""

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)

# Half as many lines again, which would say when the process began.
disable_created_metrics()  # type: ignore[no-untyped-call]

# Its own, since prometheus_client's takes in whatever a library may register there.
REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)
GCCollector(registry=REGISTRY)

# From a single change, cached, to a thousand sockets that are written to on a busy machine.
SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)

MESSAGES = Counter(
    "roomful_messages_posted",
    "Messages that were stored, by forms and by sockets.",
    registry=REGISTRY,
)
DELIVERIES = Counter(
    "roomful_deliveries",
    "Pushes of changes times the connections that each went to.",
    registry=REGISTRY,
)
RENDER = Histogram(
    "roomful_render_seconds",
    "Making the frames of one push of changes, for all variants.",
    buckets=SECONDS,
    registry=REGISTRY,
)
FAN_OUT = Histogram(
    "roomful_fan_out_seconds",
    "Handing the frames of one push of changes to all connections of its room.",
    buckets=SECONDS,
    registry=REGISTRY,
)
GAPS = Counter(
    "roomful_gaps_repaired",
    "Gaps in the announced changes of a room that were read from the database.",
    registry=REGISTRY,
)
TOO_SLOW = Counter(
    "roomful_slow_connections_closed",
    "Connections that did not take what they were sent.",
    registry=REGISTRY,
)
DROPPED = Counter(
    "roomful_announcements_dropped",
    "Announcements that found the queue to the channel layer full.",
    registry=REGISTRY,
)
CALLS = Gauge(
    "roomful_thread_calls",
    "Calls that wait for a thread or are in it: of the one for the database, and of the others.",
    ["thread"],
    registry=REGISTRY,
)
IN_DATABASE, IN_THREAD = CALLS.labels("database"), CALLS.labels("other")
LOGGED = Counter("roomful_logged", "Lines of the log.", ["level"], registry=REGISTRY)
for level in ("WARNING", "ERROR", "CRITICAL"):
    LOGGED.labels(level)  # there from the beginning, so that the first one is seen to be one more
