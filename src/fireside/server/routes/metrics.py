"""`/metrics`: how the server and its engines are, in Prometheus' text format."""

from __future__ import annotations

import os
from collections.abc import Iterator

from fastapi import APIRouter, Response
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from fireside.app import App
from fireside.cards import EngineStatus
from fireside.engines.machine import resident_bytes
from fireside.metrics import gauge
from fireside.server.callers import needs
from fireside.server.wire import Fireside

router = APIRouter(tags=["server"])


class _Moment(Collector):
    """What is true at this moment."""

    def __init__(self, app: App) -> None:
        self._app = app

    def collect(self) -> Iterator[Metric]:
        app = self._app
        engines, counts = app.engines.statuses(), app.engines.counts()
        of_engines = [(_labels(status), status) for status in engines]
        server = ({"process": "server"}, resident_bytes(os.getpid()))
        children = [({"process": "engine", **labels}, status.resident_bytes) for labels, status in of_engines]
        waiting = [(labels, status.queued) for labels, status in of_engines]
        yield gauge("fireside_queue_length", "Requests that wait.", [({}, app.engines.queued)])
        yield gauge("fireside_engine_queue_length", "Requests that wait for this engine.", waiting)
        yield gauge(
            "fireside_engine_users",
            "Requests that an engine works on.",
            [(labels, status.users) for labels, status in of_engines],
        )
        yield gauge(
            "fireside_engine_slots",
            "Requests that an engine can work on at once.",
            [(labels, status.slots) for labels, status in of_engines],
        )
        yield gauge("fireside_loaded_models", "Models that are loaded.", [({}, len(engines))])
        yield gauge("fireside_running_replies", "Replies in conversations.", [({}, app.replies.count)])
        yield gauge("fireside_resident_bytes", "Memory that a process holds.", [server, *children])
        yield CounterMetricFamily("fireside_engine_starts", "Engines that were started.", counts.starts)
        yield CounterMetricFamily("fireside_engine_crashes", "Engines that crashed.", counts.crashes)


def _labels(status: EngineStatus) -> dict[str, str]:
    """Return the labels of an engine: its model, without the folders of this machine."""
    return {"model": status.model.rpartition("/")[2]}


@router.get("/metrics", dependencies=[needs("chat")], response_class=Response)
def metrics(app: Fireside) -> Response:
    """Show counts and measurements in Prometheus' text format.

    Requests by route and status, the queue, the time to the first token, tokens read and written, crashes,
    memory. No label holds anybody's words.
    """
    return Response(app.metrics.text(_Moment(app)), media_type=CONTENT_TYPE_LATEST)
