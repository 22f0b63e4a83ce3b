"""Expectations on columns that privacy treats: the gates see tokens, masks and rounded values, never clear values.

What an expectation says of a treated column must be true of the treated values. Some expectations mean the same before
and after (``ALIKE``); any other must say that it is about the stored form: ``"treated": true`` in its ``meta``.
"""

from collections.abc import Iterator, Mapping, Sequence

from include.contracts.quality import Check

PRESENCE = frozenset({"expect_column_values_to_not_be_null", "expect_column_values_to_be_null"})
TYPE = frozenset({"expect_column_values_to_be_in_type_list", "expect_column_values_to_be_of_type"})
IDENTITY = frozenset(
    {
        "expect_column_values_to_be_unique",
        "expect_compound_columns_to_be_unique",
        "expect_column_unique_value_count_to_be_between",
        "expect_column_proportion_of_unique_values_to_be_between",
    }
)
ALIKE: dict[str, frozenset[str]] = {
    "pseudonymise": PRESENCE | TYPE | IDENTITY,  # equal values have equal tokens
    "mask": PRESENCE | TYPE,
    "generalise": PRESENCE | TYPE,
    "drop": frozenset({"expect_column_values_to_be_null"}),
}
"""Treatment → the expectations that mean the same of the value and of its treated form."""
FORMS = {
    "pseudonymise": r"a token, like ^k\d\d:[0-9a-f]{24}$",
    "mask": "*** and the last characters",
    "generalise": "the value rounded down",
    "drop": "nothing",
}


def faults(checks: Sequence[Check], treatments: Mapping[str, str]) -> Iterator[tuple[Check, str]]:
    """The checks that would judge a treated form by what was expected of the value, and what to do."""
    for check in checks:
        chosen_by = check.condition_columns
        for column in dict.fromkeys([*check.columns, *chosen_by]):
            treatment = treatments.get(column)
            alike = check.type in ALIKE.get(treatment or "", ()) and column not in chosen_by
            if treatment and not check.treated and not alike:
                yield (
                    check,
                    f"{check.type} on {column!r}, which privacy.columns.{column} treats ({treatment}) before any gate: "
                    f'stored is {FORMS[treatment]}. Expect something of that and write "treated": true in its meta, '
                    "or leave the expectation out",
                )
