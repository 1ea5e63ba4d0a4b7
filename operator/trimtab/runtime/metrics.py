"""The operator's own metrics. Labels are closed sets: no object names, so cardinality is bounded."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30)


class Metrics:
    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.reconcile_seconds = Histogram(
            "trimtab_reconcile_seconds",
            "Duration of one reconcile pass.",
            ("kind", "outcome"),
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self.timer_lateness_seconds = Histogram(
            "trimtab_timer_lateness_seconds",
            "How long after the time that it asked for a key is reconciled.",
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self.api_requests = Counter(
            "trimtab_api_requests_total",
            "Requests to the API server by code; code 'none' means no answer.",
            ("verb", "resource", "code"),
            registry=self.registry,
        )
        self.conflicts = Counter(
            "trimtab_conflicts_total",
            "Writes refused because the object had changed.",
            registry=self.registry,
        )
        self.ghosts = Counter(
            "trimtab_ghosts_total",
            "Cached objects that a sweep found deleted without an event.",
            ("kind",),
            registry=self.registry,
        )
        self.queue_depth = Gauge(
            "trimtab_queue_depth", "Keys waiting to be reconciled.", registry=self.registry
        )
        self.queue_oldest_seconds = Gauge(
            "trimtab_queue_oldest_seconds", "Age of the key that waits longest.", registry=self.registry
        )
        self.events_waiting = Gauge(
            "trimtab_events_waiting", "Events that are still to be made.", registry=self.registry
        )
        self.leader = Gauge("trimtab_leader", "1 while this process holds the Lease.", registry=self.registry)
        self.phase_objects = Gauge(
            "trimtab_objects", "Objects by kind and phase.", ("kind", "phase"), registry=self.registry
        )
        self.drift_signals = Gauge(
            "trimtab_drift_signals",
            "Drift monitors by signal and what their last window says of it.",
            ("signal", "verdict"),
            registry=self.registry,
        )
        self.drift_decisions = Gauge(
            "trimtab_drift_decisions",
            "Drift monitors by their open decision.",
            ("action", "state"),
            registry=self.registry,
        )
        self.retrain_budget = Gauge(
            "trimtab_retrain_budget",
            "Retrainings of the last 24 hours (used) and how many may be (allowed), over all monitors.",
            ("part",),
            registry=self.registry,
        )

    def observe_request(self, verb: str, resource: str, code: str) -> None:
        self.api_requests.labels(verb, resource, code).inc()
