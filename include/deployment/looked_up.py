"""What the online store returns for real entities, against what the model learned from: the offline store.

A type that is lost on the way between the two stores makes every answer wrong, and no test on the dataset's own values
can see it.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from include.contracts.encoding import TRUTHS, UNKNOWN_CATEGORY, Encoding, category
from include.contracts.evaluation import GateOutcome
from include.contracts.request_rules import whole_keys
from include.contracts.tables import SnapshotRef
from include.deployment.requests import answered, sent
from include.errors import DataError, RequestFailedError
from include.ports.features import FeatureStore
from include.ports.serving import ModelServer
from include.specification.usecase import UseCase

GATE = "online_store"
ENTITIES = 64  # of the test set; one request of the server holds as many
ALLOWED = 0.1  # of the values: a period that is published again is in the online store a moment later
PATIENCE_SECONDS, PAUSE_SECONDS = 5.0, 0.2
FEWEST = 5  # entities: fewer may all be new
KNOWN_AT = "__event_timestamp"


class Difference(NamedTuple):
    """One feature in the ``known`` entities whose view both stores know from the same moment, and have a value.

    ``apart``: the model reads the two values differently; ``misspelled``: of these, both are one number, which a type
    or a spelling changed on its way. ``unknown`` of all ``online`` values of a category, whatever their moment, are
    none that the model knows; 0 unless it knows most of the offline ones.
    """

    apart: int
    known: int
    misspelled: int = 0
    unknown: int = 0
    online: int = 0


class LookedUp(NamedTuple):
    """``rows`` requests whose features both stores know from the same moment; ``offline`` are the features of each.

    ``asked``: entities; ``offline_only``: of these, those that only the offline store knows; ``differing``: by feature.
    ``still()``: (n,) which of the rows the online store knows from that moment still; a stream moves on meanwhile.
    """

    asked: int
    offline_only: int
    rows: list[dict[str, Any]]
    offline: list[dict[str, Any]]
    differing: dict[str, "Difference"]
    still: Callable[[], np.ndarray] = lambda: np.array([], dtype=bool)


def look_up(
    spec: UseCase,
    manifest: Mapping[str, Any],
    frame: pd.DataFrame,
    store: FeatureStore,
    snapshots: Sequence[SnapshotRef],
) -> LookedUp | None:
    """Ask both stores about entities of ``frame``, rows of the release's test set; None without looked-up features."""
    views = manifest["views"]
    entries = [entry for entry in manifest["encoding"]["features"] if entry["origin"] in views]
    if not entries:
        return None
    names, service = sorted({view["key"] for view in views.values()}), manifest["features"]["kept_as"]
    entities = _entities(frame, names)
    if entities.empty:
        return LookedUp(0, 0, [], [], {})
    keys = entities[names].astype(dict.fromkeys(whole_keys(manifest), "int64"))  # a dataset has them as text
    stamps, read = [f"{view}{KNOWN_AT}" for view in views], partial(store.online, service, keys.to_dict("records"))
    online = pd.DataFrame(read(stamped=True), dtype=object)
    online[stamps] = moments = _whole(online[stamps])
    asked_at = moments.max(axis=1).fillna(int(datetime.now(UTC).timestamp())) + 1
    entities = entities.assign(**{spec.event.time: pd.to_datetime(asked_at, unit="s", utc=True)})
    offline = store.historical(service, entities[[spec.event.id, spec.event.time]].join(keys), snapshots)
    same, found = _compared(spec, views, entries, entities, online, offline.reset_index(drop=True))

    def still() -> np.ndarray:
        now = _whole(pd.DataFrame(read(stamped=True), dtype=object)[stamps])
        return ((now == moments) | now.isna() & moments.isna()).all(axis=1).to_numpy(dtype=bool)[same]

    return found._replace(still=still)


def _whole(moments: pd.DataFrame) -> pd.DataFrame:
    """Seconds: an online store may keep whole ones only."""
    return np.floor(moments.astype("float64"))


def _entities(frame: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Rows of different entities, all of whose keys are known."""
    named = frame[(frame[keys].notna() & (frame[keys] != "")).all(axis=1)].drop_duplicates(keys)
    return named.sample(min(ENTITIES, len(named)), random_state=0).reset_index(drop=True)


def _compared(
    spec: UseCase,
    views: Mapping[str, Any],
    entries: list[dict[str, Any]],
    entities: pd.DataFrame,
    online: pd.DataFrame,
    offline: pd.DataFrame,
) -> tuple[np.ndarray, LookedUp]:
    """Which entities both stores know from the same moment, and what they know."""
    stamps = {view: (online[f"{view}{KNOWN_AT}"].astype("float64"), _stamps(offline, view)) for view in views}
    there, known = (np.any([pair[side].notna() for pair in stamps.values()], axis=0) for side in (0, 1))
    at = _seconds(entities[spec.event.time])
    same = there & np.all([_same_moment(views[view], *pair, at) for view, pair in stamps.items()], axis=0)
    at_once = {view: (pair[0] == pair[1]).to_numpy(dtype=bool) for view, pair in stamps.items()}
    differing = {entry["name"]: _difference(entry, online, offline, at_once[entry["origin"]]) for entry in entries}
    chosen = [name for name in entities if name in {*spec.fields}]
    rows = [sent(spec, row) for row in entities.loc[same, chosen].to_dict("records")]
    features = offline.loc[same, [entry["name"] for entry in entries]]
    given = [
        {entry["name"]: _plain(entry, row[entry["name"]]) for entry in entries} for row in features.to_dict("records")
    ]
    return same, LookedUp(len(entities), int((known & ~there).sum()), rows, given, differing)


def _same_moment(view: Mapping[str, Any], online: pd.Series, offline: pd.Series, at: pd.Series) -> np.ndarray:
    """Where both stores know the view from the same second and it is fresh, or both do not and the model may do so."""
    limit = view["freshness_hours"] * 3600
    fresh = (at - online <= limit) if limit else online.notna()
    lacking = online.isna() & offline.isna() & (view.get("when_missing", "default") == "default")
    return ((online == offline) & fresh | lacking).to_numpy(dtype=bool)


def _stamps(offline: pd.DataFrame, view: str) -> pd.Series:
    return np.floor(_seconds(pd.to_datetime(offline[f"{view}{KNOWN_AT}"], utc=True)))


def _seconds(times: pd.Series) -> pd.Series:
    return (times - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(seconds=1)


def _difference(entry: dict[str, Any], online: pd.DataFrame, offline: pd.DataFrame, same: np.ndarray) -> Difference:
    """``same``: the rows (n,) in which both stores know the feature's view from the same moment."""
    name = entry["name"]
    values, learned = ([_plain(entry, value) for value in frame[name].tolist()] for frame in (online, offline))
    if not values:
        return Difference(0, 0)
    codes, learned_codes = (Encoding([entry]).encode({name: side}) for side in (online[name].tolist(), learned))
    apart = ~np.isclose(codes, learned_codes, rtol=1e-6, atol=0, equal_nan=True).all(axis=1)
    there, learned_there = (np.array([value is not None for value in side]) for side in (values, learned))
    known = same & (there | learned_there)
    one_number = np.array([_one_number(*pair) for pair in zip(values, learned, strict=True)])
    strange = _strange(codes, there) if entry["kind"] == "categorical" else 0
    expected = _strange(learned_codes, learned_there) * 2 > learned_there.sum()
    return Difference(
        apart=int((apart & known).sum()),
        known=int(known.sum()),
        misspelled=int((apart & known & one_number).sum()),
        unknown=0 if expected else strange,
        online=int(there.sum()),
    )


def _strange(codes: np.ndarray, there: np.ndarray) -> int:
    """How many of the values that are there have no code."""
    return int((there & (codes[:, 0] == UNKNOWN_CATEGORY)).sum())


def _one_number(value: Any, other: Any) -> bool:
    """Whether both say one number, as precise as float32."""
    try:
        with np.errstate(over="ignore"):
            one, another = (np.float32(TRUTHS.get(str(side).lower(), side)) for side in (value, other))
    except (TypeError, ValueError):
        return False
    return bool(one == another)


def _plain(entry: Mapping[str, Any], value: Any) -> Any:
    """As a dataset has it: a number or text, None where missing."""
    text = None if value is pd.NA else category(value)
    return float(value) if text is not None and entry["kind"] == "numeric" else text


def check(name: str, found: LookedUp, server: ModelServer, bound: float) -> GateOutcome:
    """Whether the private model ``name`` answers from the online store as from the values that it learned from."""
    if found.offline_only and not found.rows and found.offline_only == found.asked:
        return _outcome(
            False,
            f"the online store has none of {found.asked} entities whose features the offline store has; run the data "
            "pipeline of the newest period, and compare the types of the entity keys",
        )
    faults = [fault for feature, difference in found.differing.items() for fault in _faults(feature, difference)]
    if not found.rows and not faults:
        return _outcome(True, f"not compared: both stores have no value of the same moment for {found.asked} entities")
    try:
        apart, judged = _apart(name, found, server, bound) if found.rows else (0, 0)
    except (RequestFailedError, DataError) as error:
        return _outcome(False, f"entities that the online store has are not answered: {error}")
    faults += [f"{apart} of {judged} answers differ by more than {bound:g}"] if apart > ALLOWED * judged else []
    if faults:
        words = "; ".join(faults)
        return _outcome(
            False,
            f"what the online store returns is not what the model learned from: {words}. Compare the feature's type in "
            "feature_repo with that of its table, load the online store again (data pipeline), and train again",
        )
    if not judged:
        return _outcome(
            True, f"not compared: what is online of {len(found.rows)} entities changed while they were asked"
        )
    return _outcome(True, f"{judged} entities are answered from the online store as from the offline store")


def _faults(feature: str, difference: Difference) -> Iterator[str]:
    """What is wrong with a feature. A corrected value may differ, a number that became another category may not."""
    if difference.apart > ALLOWED * difference.known:
        yield f"{feature!r} is another value to the model in {difference.apart} of {difference.known} rows"
    elif difference.misspelled:
        count = f"{difference.misspelled} of {difference.known} rows"
        yield f"{feature!r} is another value to the model in {count}, although both stores say the same number"
    elif FEWEST <= difference.online == difference.unknown:
        yield f"{feature!r} is a category that the model does not know in all {difference.online} entities"


def _apart(name: str, found: LookedUp, server: ModelServer, bound: float) -> tuple[int, int]:
    """Answers that are further apart than the bound, of how many: what changed online meanwhile is not judged.

    Where there are too many they are asked again: an online store that does not answer within a request's time-out, as
    on a busy machine, leaves all features missing. A value that is another one stays so.
    """
    given = answered(server.infer(name, found.rows, [json.dumps(one) for one in found.offline]))
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        differ, still = _differ(answered(server.infer(name, found.rows)), given, bound), found.still()
        apart, judged = int((differ & still).sum()), int(still.sum())
        if apart <= ALLOWED * judged or time.monotonic() > until:
            return apart, judged
        time.sleep(PAUSE_SECONDS)


def _differ(scores: np.ndarray, others: np.ndarray, bound: float) -> np.ndarray:
    """(n,) whether the scores, (n,) or (n, K), of a row differ by more than the bound."""
    return np.asarray(np.abs(scores - others).reshape(len(scores), -1).max(axis=1) > bound)


def _outcome(passed: bool, detail: str) -> GateOutcome:
    return GateOutcome(gate=GATE, passed=passed, detail=detail)
