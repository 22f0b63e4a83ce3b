"""By which columns monitoring slices its figures, and which columns a spec may not name for that.

The values of these columns stand in the table ``slice_figures`` and on pages, so no column of a person may be one.
"""

from collections.abc import Iterator

from include.specification.declaration import Declaration
from include.specification.part import Fault
from include.specification.running import MOST_SLICED
from include.specification.streams import private_columns
from include.specification.wording import not_among

KEY = "monitoring.slices"


def slice_columns(spec: Declaration) -> list[str]:
    """Those that the spec names; left out: those of ``comparison.slices`` that monitoring can slice by."""
    if spec.monitoring.slices is not None:
        return spec.monitoring.slices
    fit = [name for name in dict.fromkeys(spec.comparison.slices.columns) if not _unfit(spec, name)]
    return fit[:MOST_SLICED]


def slice_faults(spec: Declaration) -> Iterator[Fault]:
    """Columns that are no slices, and those that name people; of the columns left out, the latter only."""
    named = spec.monitoring.slices
    for name in spec.comparison.slices.columns if named is None else named:
        if why := _personal(spec, name):
            default = " (left out, so those of comparison.slices.columns)" if named is None else ""
            yield Fault(KEY, f"{name!r}{default} {why}; values of slices are shown: name columns that are not")
        elif named is not None and (why := _unfit(spec, name)):
            yield Fault(KEY, why)
    of_others = {"comparison.slices.columns": spec.comparison.slices.columns if named is not None else []}
    for key, columns in {**of_others, "fairness.groups": spec.fairness.groups}.items():
        for name in columns:
            if why := _personal(spec, name):
                yield Fault(key, f"{name!r} {why}; verdicts and cards show its values: name columns that are not")
    if named and len(set(named)) < len(named):
        yield Fault(KEY, f"{sorted({name for name in named if named.count(name) > 1})} are listed twice")


def may_be_shown(spec: Declaration, name: str) -> bool:
    """Whether the values of a column may stand in records and on pages."""
    return not _personal(spec, name)


def _personal(spec: Declaration, name: str) -> str:
    """Why its values may be shown to nobody, or nothing."""
    rule = spec.privacy.columns.get(name)
    if rule is not None and rule.level == "personal":
        return "is personal by privacy.columns"
    return "names a subject, or is treated by privacy" if name in private_columns(spec) else ""


def _unfit(spec: Declaration, name: str) -> str:
    """Why no figures can be made by its values, or nothing."""
    kinds, event = {feature.name: feature.kind for feature in spec.features}, spec.event
    if name in (event.id, event.time, event.label, event.label_time):
        return f"{name!r} is the id, time or label of the event: its values are no groups of rows; name another column"
    if kinds.get(name) == "text":
        return f"{name!r} is a text: hardly two rows are alike; name a category or a number"
    if name not in kinds and (kind := spec.fields.get(name, "string")) != "string":
        return f"{name!r} is a {kind} and no feature, so no release has bins for it; name a feature or a string field"
    of_events = spec.tables["events"].columns if "events" in spec.tables else {}
    if not of_events and name not in {*kinds, *spec.fields} and spec.monitoring.slices is None:
        return ""  # whether the events have it is seen when a dataset is built
    known = {*kinds, *spec.fields, *of_events}
    return "" if name in known else not_among(name, sorted(known), "a column that rows can be sliced by")
