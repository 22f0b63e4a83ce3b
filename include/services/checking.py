"""Why use cases cannot be used: what a look at their files tells, and what running them told when it was checked last.

``known`` is cheap: DAG files and pages call it. ``check`` imports the libraries and runs the modules of a use case.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from include.contracts.quality import suite_files
from include.errors import DamagedStateError, MoebiusError, SpecError
from include.services import small_state
from include.settings import Settings
from include.specification import companions, loader, modules
from include.specification.connectors import OWN
from include.specification.usecase import UseCase
from include.specification.wording import not_among

if TYPE_CHECKING:
    from include.services.composition import Services

Faults = dict[str, list[str]]
"""Use case → one line per fault: file, line, key, value, what is allowed."""


def known(settings: Settings) -> Faults:
    """Faults of specs and of what is beside them; of what ``check`` found, while the files are what they were."""
    good, faulty = loader.specifications()
    faults = {name: text.splitlines() for name, text in faulty.items()}
    for name, spec in good.items():
        if lines := _known_of(spec, settings):
            faults[name] = lines
    return dict(sorted(faults.items()))


def _known_of(spec: UseCase, settings: Settings) -> list[str]:
    """A look that breaks is a fault of this use case: the others are looked at all the same."""
    try:
        found = _found_before(spec, settings)
        return companions.companion_faults(spec) if found is None else found
    except OSError as error:
        return [f"{error.filename}:1: cannot be read: {error.strerror}"]


def check(services: "Services", *names: str) -> Faults:
    """Everything that can be known of these use cases (none: all) before a run; it is kept for ``known``.

    Raises SpecError when there is no use case of a name.
    """
    good, faulty = loader.specifications()
    if unknown := [name for name in names if name not in good and name not in faulty]:
        raise SpecError("; ".join(not_among(name, [*good, *faulty], "a use case") for name in unknown))
    for spec in (spec for name, spec in good.items() if name in (names or good)):
        _keep(spec, services.settings, companions.companion_faults(spec) or list(_heavy(spec, services)))
    return {name: lines for name, lines in known(services.settings).items() if not names or name in names}


def check_changed(settings: Settings) -> Faults:
    """As ``check``, of the use cases with a file that changed since they were checked; all that is known."""
    good, _ = loader.specifications()
    if changed := [name for name, spec in good.items() if _found_before(spec, settings) is None]:
        from include.services.composition import Services

        check(Services(settings), *changed)
    return known(settings)


def _heavy(spec: UseCase, services: "Services") -> Iterator[str]:
    looks: tuple[Callable[[UseCase, Services], Iterator[str]], ...] = (
        _features, _request, _own_modules, _definitions, _suites, _queries,
    )  # fmt: skip
    for look in looks:
        try:
            yield from look(spec, services)
        except MoebiusError as error:
            yield from str(error).splitlines()


def _features(spec: UseCase, _: "Services") -> Iterator[str]:
    """``features.py`` makes the columns that the spec names, from tables of the sources' columns."""
    from include.catalog.column_lineage import expressions
    from include.data.processing import untranslated
    from include.streaming import computed
    from include.streaming.features import StreamFeatures

    shown = f"include/usecases/{spec.name}/features.py"
    with modules.importing(spec.directory / "features.py", shown, "cannot be evaluated"):
        cleaned, built = expressions(spec)
    for streamed, stream in spec.streams.items():
        if stream.computed:
            computed.check(spec, streamed)
        StreamFeatures(spec, streamed).check(spec.periods.first)
    label = [name for name in (spec.event.label, spec.event.label_time) if name]
    needed = {"events": [spec.event.id, spec.event.time, *label, *spec.fields]}
    for name, view in spec.feature_views.items():
        inputs = [feature.name for feature in spec.features if feature.origin == name]
        needed[name] = [spec.entities[view.entity].key, "event_timestamp", *inputs]
    tables = {**cleaned, **built}
    for table, columns in needed.items():
        there = list(tables[table].columns)
        yield from (f"{shown}:1: {table}: {not_among(c, there, 'a column')}" for c in columns if c not in there)
    yield from (f"{shown}:1: {table} {fault}" for table, rows in tables.items() if (fault := untranslated(rows)))


def _request(spec: UseCase, _: "Services") -> Iterator[str]:
    import numpy as np

    wanted = [feature.name for feature in spec.features if feature.origin == "on_request"]
    if not wanted:
        return
    shown = f"include/usecases/{spec.name}/request.py"
    on_request = modules.function(spec.name, "request", "on_request")
    with modules.importing(spec.directory / "request.py", shown, "on_request cannot be computed"):
        given = dict(on_request({column: np.ones(1) for column in spec.fields}))
    for name in wanted:
        if name not in given:
            yield f"{shown}:1: on_request: {not_among(name, sorted(given), 'a feature that it returns')}"
        elif np.shape(given[name]) != (1,):
            yield f"{shown}:1: on_request gives {name} the shape {np.shape(given[name])} for 1 row; it must be (1,)"


def _own_modules(spec: UseCase, _: "Services") -> Iterator[str]:
    if any(source.connector == OWN for source in spec.sources.values()):
        modules.function(spec.name, "source", "read")
    if spec.trainer.name == OWN:
        trainer = modules.function(spec.name, "model", "TRAINER")
        needed = ("name", "predicts", "defaults", "space", "fit", "load")
        if lacking := [name for name in needed if not hasattr(trainer, name)]:
            yield f"include/usecases/{spec.name}/model.py:1: TRAINER has no {', '.join(lacking)}"


def _definitions(spec: UseCase, services: "Services") -> Iterator[str]:
    yield from services.adapters.feature_store.faults(f"{spec.name}.py")


def _suites(spec: UseCase, services: "Services") -> Iterator[str]:
    """Every expectation is of a type that Great Expectations has."""
    types = services.adapters.expectation_types()
    for file in suite_files(services.settings.suites, spec.name):
        for number, line in enumerate(file.read_text(errors="replace").splitlines(), start=1):
            for kind in _types(line):
                if kind not in types:
                    yield f"{companions.SUITES}/{file.name}:{number}: {not_among(kind, types, 'an expectation')[:300]}"
        yield from _treated(spec, file)


def _treated(spec: UseCase, file: Path) -> Iterator[str]:
    """Expectations of the value in clear, on a column that is treated before any gate."""
    from include.data import suites, treated_columns

    lines = file.read_text(errors="replace").splitlines()
    for check, text in treated_columns.faults(suites.written(file, file.stem), spec.privacy.treatments):
        number = next((n for n, line in enumerate(lines, start=1) if check.id in line), 1)
        yield f"{companions.SUITES}/{file.name}:{number}: {text}"


def _types(line: str) -> list[str]:
    parts = line.split('"type":')[1:]
    return [part.split('"')[1] for part in parts if part.count('"') > 1]


def _queries(spec: UseCase, services: "Services") -> Iterator[str]:
    """The abort queries are PromQL, with the placeholders filled in."""
    for number, query in enumerate(spec.rollout.abort.queries):
        if fault := services.adapters.query_fault(query.query):
            yield f"{loader.place(spec, f'rollout.abort.queries.{number}.query')}: is not PromQL: {fault}"


# -- what was found before
def _key(spec: UseCase) -> str:
    return f"specifications/{spec.name}.json"


def _keep(spec: UseCase, settings: Settings, faults: list[str]) -> None:
    text = json.dumps({"files": _fingerprint(spec, settings), "faults": faults}, indent=1)
    small_state.state(settings).put(_key(spec), text)


def _found_before(spec: UseCase, settings: Settings) -> list[str] | None:
    """What the last check found; None when there was none, or a file changed since."""
    try:
        kept = small_state.state(settings).get(_key(spec))
    except DamagedStateError:  # it is checked again
        return None
    found = json.loads(kept.text) if kept else {}
    return found["faults"] if found.get("files") == _fingerprint(spec, settings) else None


def _fingerprint(spec: UseCase, settings: Settings) -> str:
    """Changes with every file of the use case."""
    definitions = loader.ROOT / companions.DEFINITIONS
    files = [
        *spec.directory.parent.glob("*.py"),
        *spec.directory.glob("*.py"),
        *spec.directory.glob("*.yaml"),
        *definitions.glob("*.py"),
    ]
    files += suite_files(settings.suites, spec.name)
    facts = [f"{file} {_version(file)}" for file in sorted(files)]
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()


def _version(file: Path) -> str:
    try:
        status = file.stat()
    except OSError:  # a dead link, as editors leave while a file is open
        return "cannot be read"
    return f"{status.st_mtime_ns} {status.st_size}"
