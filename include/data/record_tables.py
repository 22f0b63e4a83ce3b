"""What the tables mean that Moebius itself writes: its records, the same for every use case."""

from include.usecase import TableSpec

COLUMNS = {"period": "calendar month: the partition"}
VIEW_COLUMNS = {"event_timestamp": "moment from which the values may be used, UTC"}

RECORD_TABLES = {
    "gate_results": TableSpec(
        description="Every evaluation of a quality gate",
        columns={
            "gate": "raw: before processing; features: before publication",
            "evaluated_at": "when the gate ran, UTC",
            "passed": "whether nothing that blocks failed",
            "failures": "expectations that were not met",
            "result": "the whole result with its counts, JSON",
        },
    ),
    "predictions": TableSpec(
        description="Every answer that a release gave, with the request and the features it saw",
        columns={
            "request_id": "names one answer",
            "logged_at": "when it was answered, UTC",
            "release": "release that answered",
            "probability": "predicted probability of the positive class",
            "prediction": "predicted class",
            "latency_ms": "time inside the model server, milliseconds",
            "missing": "features that had no usable value",
        },
    ),
    "figures": TableSpec(
        description="Monitored figures of one release in one month: quality, drift, calibration, latency",
        columns={
            "usecase": "use case",
            "release": "release that was measured",
            "name": "what was measured",
            "subject": "feature or slice; empty for the whole",
            "value": "the figure",
            "low": "lower bound of its interval",
            "high": "upper bound of its interval",
            "n": "rows behind it",
        },
    ),
    "decisions": TableSpec(
        description="Every decision to retrain or not, with cause and evidence",
        columns={"record": "the decision, JSON"},
    ),
    "verdicts": TableSpec(
        description="Every verdict of the four comparisons",
        columns={"record": "cells, gates and reason, JSON"},
    ),
    "exports": TableSpec(
        description="Every export and hand-over: what left, for whom, on whose word",
        columns={
            "name": "of the export, in the exchange directory",
            "kind": "hand_over: to dev; export: to a person",
            "recipient": "whose key opens it",
            "requested_by": "login that asked for it",
            "approved_by": "login that approved it",
            "created_at": "when it was written, UTC",
            "rows": "rows of all its files",
            "sha256": "hash of the manifest",
            "record": "the manifest with its files, JSON",
        },
    ),
}
