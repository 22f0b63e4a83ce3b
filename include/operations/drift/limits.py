"""The limits of figures of monitoring that no spec declares, in a module that loads nothing."""

SKEWED_SHARE = 0.02
"""Of the rows: what answers between an event and the next run of the data pipeline may differ by."""
COLUMN_FAULTS = {
    "missing_increase": 0.2,  # share of rows without a value, more than in the baseline
    "stuck": 0.25,  # share of the commonest value, more than the fullest bin of the baseline
    "constant": 0.0,  # 1: one value alone, of a column that varied
    "unseen": 0.2,  # share of rows with a category that the baseline lacks, more than its rare ones explain
    "outside": 0.2,  # share of rows further outside the baseline's range than that range is wide
    "missing_days": 0.1,  # share of the days without any value
}
