"""Every table of records that the platform writes, the same for every use case. A new one is one entry here."""

from include.contracts.approval import RecordedApproval
from include.contracts.costs import StoredBytes, TaskCost
from include.contracts.deployment import BatchPrediction, LoggedPrediction, LostAnswers, RolloutEvent
from include.contracts.evaluation import RecordedVerdict
from include.contracts.governance import PrivacyChange, PrivacyFinding, RecordedExport
from include.contracts.guard import PeriodProfile
from include.contracts.notices import RecordedNotice
from include.contracts.operations import (
    BinnedCounts,
    BlockLoss,
    CalibrationBin,
    Figure,
    GivenLabel,
    RecordedDecision,
    SliceFigure,
)
from include.contracts.quality import CheckRecord, QuarantinedRow
from include.contracts.retirement import RecordedRetirement
from include.contracts.scrub import Scrubbed
from include.contracts.streaming import RecordedReconciliation
from include.contracts.tables import CollectedDay, VersionOperation
from include.records.table import RecordTable

GATE_RESULTS = RecordTable("gate_results", CheckRecord, order=("evaluated_at", "evaluation", "position"), rises=True)
QUARANTINE = RecordTable("quarantine", QuarantinedRow, order=("recorded_at",), whole_rows=("content",), rises=True)
COLLECTIONS = RecordTable("collections", CollectedDay, order=("day",), mode="replace")
RECONCILIATION = RecordTable("reconciliation", RecordedReconciliation, order=("period", "view", "at"))
PRIVACY_AUDITS = RecordTable("privacy_audits", PrivacyFinding, order=("audited_at",), rises=True)
PRIVACY_RECORDS = RecordTable("privacy_records", PrivacyChange, order=("done_at",), rewritten=False, rises=True)
VERSION_OPERATIONS = RecordTable("version_operations", VersionOperation, order=("at",), rises=True)
PREDICTIONS = RecordTable("predictions", LoggedPrediction, order=("logged_at",), is_open=True)
LOST_ANSWERS = RecordTable("lost_answers", LostAnswers, order=("until",))
BATCH_PREDICTIONS = RecordTable("batch_predictions", BatchPrediction, order=("period",), mode="replace", is_open=True)
FIGURES = RecordTable("figures", Figure, order=("period",), mode="replace")
SLICE_FIGURES = RecordTable("slice_figures", SliceFigure, order=("period",), mode="replace")
DISTRIBUTIONS = RecordTable("distributions", BinnedCounts, order=("period",), mode="replace")
CALIBRATION_BINS = RecordTable("calibration_bins", CalibrationBin, order=("period",), mode="replace")
BLOCK_LOSSES = RecordTable("block_losses", BlockLoss, order=("block",), mode="replace")
ROLLOUT_EVENTS = RecordTable("rollout_events", RolloutEvent, order=("at", "generation"), rises=True)
GIVEN_LABELS = RecordTable("given_labels", GivenLabel, order=("period",), is_open=True, versions_named=True)
DECISIONS = RecordTable("decisions", RecordedDecision, order=("decided_at",), rises=True)
VERDICTS = RecordTable("verdicts", RecordedVerdict, order=("decided_at",), rises=True)
APPROVALS = RecordTable("approvals", RecordedApproval, order=("sequence",), rewritten=False)
NOTICES = RecordTable("approval_notices", RecordedNotice, order=("at",), rises=True)
SCRUBS = RecordTable("scrubs", Scrubbed, order=("at",), rises=True)
PERIOD_PROFILES = RecordTable("period_profiles", PeriodProfile, order=("at",))
RETIREMENTS = RecordTable("retirements", RecordedRetirement, order=("at",), rises=True)
TASK_COSTS = RecordTable("task_costs", TaskCost, order=("ended_at",))
STORAGE = RecordTable("storage", StoredBytes, order=("at",))
EXPORTS = RecordTable("exports", RecordedExport, order=("created_at",), rises=True)

RECORD_TABLES: dict[str, RecordTable] = {t.name: t for t in globals().values() if isinstance(t, RecordTable)}
ANSWERS = (PREDICTIONS.name, BATCH_PREDICTIONS.name)
"""Answers of releases: they go by ``retention.predictions``."""
