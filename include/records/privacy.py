"""The privacy class of every column that a use case stores."""

from include.contracts.governance import LEVELS, Level
from include.records.registry import RECORD_TABLES
from include.specification.usecase import UseCase


def column_level(spec: UseCase, table: str, column: str) -> Level:
    """The privacy class of a column: by its name, the same in every table; a record's has a least class."""
    levels: dict[str, Level] = {name: rule.level for name, rule in spec.privacy.columns.items()}
    level = levels.get(column, spec.privacy.default)
    if (records := RECORD_TABLES.get(table)) is None:
        return level
    every = levels.values() if column in records.whole_rows else ()
    return max(level, records.level, *every, key=LEVELS.index)
