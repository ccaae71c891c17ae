"""What is so in the hub just when somebody asks `/metrics`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from .hub import running_hub
from .streams import Stream

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prometheus_client.metrics_core import Metric


class HubCollector(Collector):
    """To be asked on the hub's event loop, where nothing moves meanwhile."""

    def describe(self) -> Iterable[Metric]:
        return []  # else it would be asked at once, to learn its names

    def collect(self) -> Iterable[Metric]:
        hub = running_hub()
        rooms = list(hub.rooms.values()) if hub else []
        pages = [connection for room in rooms for connection in room.connections]
        streams = sum(isinstance(connection, Stream) for connection in pages)
        connections = GaugeMetricFamily(
            "roomful_connections",
            "Open pages that are pushed what changes, by sockets and by streams.",
            labels=["kind"],
        )
        connections.add_metric(["socket"], len(pages) - streams)
        connections.add_metric(["stream"], streams)
        yield connections
        yield GaugeMetricFamily(
            "roomful_rooms_open",
            "Rooms that this process listens to, as a page has them open or had half a minute ago.",
            value=len(rooms),
        )
        yield GaugeMetricFamily(
            "roomful_changes_waiting",
            "Changes that were announced and wait to be pushed.",
            value=sum(len(room.heard) for room in rooms),
        )
        yield GaugeMetricFamily(
            "roomful_announcements_waiting",
            "Announcements that the channel layer has not been given yet.",
            value=hub.ringer.waiting if hub else 0,
        )
