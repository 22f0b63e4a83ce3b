"""What the tables mean that Moebius itself writes: its records, the same for every use case."""

from include.specification.data import TableSpec

COLUMNS = {"period": "calendar month: the partition"}
PREDICTIONS = ("predictions", "batch_predictions")
"""Answers of releases: they go by ``retention.predictions_periods``, and keep the columns of what was asked."""

VIEW_COLUMNS = {"event_timestamp": "moment from which the values may be used, UTC"}

RECORD_TABLES = {
    "gate_results": TableSpec(
        description="Every evaluation of a quality gate, one row per expectation",
        columns={
            "gate": "raw: before processing; features: before publication",
            "run": "run of the data pipeline",
            "evaluation": "names the rows of one evaluation",
            "position": "of the expectation in the evaluation",
            "check": "name of the expectation in its suite",
            "table": "table that was checked",
            "expectation": "kind of expectation",
            "column": "column that was checked; empty for the table",
            "dimension": "completeness, consistency, accuracy, freshness, volume or schema",
            "severity": "block stops publication, warn does not",
            "unexpected": "rows that did not meet it",
            "rows": "rows of the table",
            "passed": "whether it was met",
            "broken": "whether it could not be evaluated",
            "detail": "counts in words",
            "evaluated_at": "when the gate ran, UTC",
        },
    ),
    "quarantine": TableSpec(
        description="Rows that a gate refused, and what was decided about them; the last word on a row counts",
        columns={
            "gate": "gate that refused it",
            "table": "table it belongs to",
            "row": "hash that names the row",
            "reasons": "expectations that it did not meet",
            "content": "the row, JSON",
            "status": "held, released or dropped",
            "decided_by": "login that decided",
            "note": "reason of the decision",
            "decided_at": "when it was decided, UTC",
            "recorded_at": "when this was written, UTC",
        },
    ),
    "collections": TableSpec(
        description="What was collected of a source, day by day, to notice rows that come late",
        columns={
            "source": "source",
            "day": "local day",
            "rows": "rows of the day",
            "hash": "of the day's rows, in any order",
        },
    ),
    "reconciliation": TableSpec(
        description="How far what streaming pushed differs from what the batch computed",
        columns={"view": "feature view", "record": "counts and differences per feature, JSON"},
    ),
    "privacy_audits": TableSpec(
        description="Every search for personal values in clear, one row per finding",
        columns={
            "audited_at": "when it was searched, UTC",
            "place": "where one was found; empty when nowhere",
            "column": "personal column whose values were found",
            "values": "how many different values were found",
        },
    ),
    "privacy_records": TableSpec(
        description="Every deletion of a subject and every key rotation, one row per changed place",
        columns={
            "done_at": "when it was done, UTC",
            "kind": "what was done",
            "facts": "circumstances, JSON",
            "place": "what was changed; empty when nothing was",
            "before": "rows concerned before",
            "after": "rows concerned after",
        },
    ),
    "version_operations": TableSpec(
        description="Every operation on versions: restore, pin, expire, rebuild and the like",
        columns={
            "operation": "what was done",
            "subject": "snapshot or model it was done to",
            "at": "when, UTC",
            "by": "login that asked for it",
            "why": "reason",
            "result": "what came out, JSON",
        },
    ),
    "predictions": TableSpec(
        description="Every answer that a release gave, with the request and the features it saw",
        columns={
            "request_id": "names one answer",
            "logged_at": "when it was answered, UTC",
            "release": "release that answered",
            "probability": "of the positive class, or of the class that is predicted; empty for values and clusters",
            "prediction": "what is predicted: code of the class, cluster, or value",
            "scores": "everything the model said: probability or value, or one score for each class or cluster",
            "latency_ms": "time inside the model server, milliseconds",
            "missing": "features that had no usable value",
        },
    ),
    "batch_predictions": TableSpec(
        description="Answers of batch inference, one row per event of a month and release",
        columns={
            "release": "release that answered",
            "snapshot": "snapshot whose events were scored",
            "outcome": "answered; fell_back: features were missing, the release's constant answer; refused: no answer",
            "reason": "why there is no answer; empty when there is one",
            "prediction": "what is predicted: code of the class, cluster, or value",
            "predicted_class": "name of the class that is predicted; empty for other tasks than multiclass",
            "probability": "of the positive class, or of the class that is predicted; empty for values and clusters",
            "scores": "everything the model said: probability or value, or one score for each class or cluster",
            "missing": "feature views that had no usable values",
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
    "rollout_events": TableSpec(
        description="Every change of what serves, every judgement of a rollout, every rollback drill",
        columns={
            "usecase": "use case",
            "at": "when, UTC",
            "rollout": "run of the deployment that it belongs to",
            "generation": "of the rollout state",
            "event": "shifted, shadowed, judged, promoted, kept, aborted, interrupted, rolled_back or drilled",
            "champion": "release that has what is not given to another, afterwards",
            "release": "release that it is about",
            "share": "of the traffic that this release has, or of the requests copied to it",
            "by": "login or asset that started the run",
            "reason": "why",
            "figures": "judgement, read-out or drill, JSON",
        },
    ),
    "given_labels": TableSpec(
        description="Labels that people gave to rows they were asked about, one row per answer; the last word counts",
        columns={
            "given_by": "login that answered",
            "selection": "rows that were offered together",
            "release": "release that was unsure of the row",
            "strategy": "how unsure was told: entropy, margin or disagreement",
            "uncertainty": "how unsure: 0 to 1 for classes, in units of the label for numbers",
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
