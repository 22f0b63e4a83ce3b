"""The definitions of ``feature_repo`` in Feast's registry: applied, kept for releases, searched, listed."""

import fcntl
import hashlib
import json
import runpy
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from include.contracts.features import FeatureInfo, FeatureServiceRef, ViewDefinition
from include.errors import NotFoundError, ServiceError, SpecError
from include.settings import Settings
from include.specification.modules import importing

if TYPE_CHECKING:
    import feast

OF, HASH = "kept_of", "definitions"


class Definitions:
    """Those of the files in ``directory``, and those that the registry of ``feast`` has; it is opened when asked."""

    def __init__(
        self,
        settings: Settings,
        directory: Path,
        feast: "Callable[[], feast.FeatureStore]",
        close: Callable[[], None],
    ) -> None:
        self._home, self._project = settings.feature_store, settings.feature_project
        self._registry = self._home / "registry.db"
        self._directory, self._feast, self._close = directory, feast, close

    def apply(self) -> None:
        """Register the definitions of ``feature_repo`` (idempotent).

        A file that cannot be used is left out, and what was registered of it stays; the other files are registered.

        Raises
        ------
        SpecError
            afterwards, one line per file that was left out: it cannot be imported, changes what a release was built
            with, or defines a name differently from another file.
        """
        with self.alone():
            files, faults = self.files()
            faults |= self._changes(files)
            faults |= self._contradictions({name: objects for name, objects in files.items() if name not in faults})
            usable = {(type(o).__name__, o.name): o for name in files if name not in faults for o in files[name]}
            self._feast().apply(list(usable.values()))
        self._feast().refresh_registry()
        if faults:
            raise SpecError("\n".join(faults.values()))

    def faults(self, file: str) -> list[str]:
        """Why this file of ``feature_repo`` cannot be registered; nothing is changed."""
        with self.alone():
            files, faults = self.files()
            faults |= self._changes(files)
            faults |= self._contradictions({name: objects for name, objects in files.items() if name not in faults})
        return faults.get(file, "").splitlines()

    def keep(self, service: str) -> FeatureServiceRef:
        """Keep the service as it is now under a name of its own, for a release that is built with it (idempotent)."""
        from feast import FeatureService

        current = self.service(service)
        views = {p.name: self.view(p.name) for p in current.feature_view_projections}
        digest = _digest(current, views)
        kept = FeatureService(
            name=f"{service}__{digest[:12]}",
            features=[],
            description=f"{service} as a release was built with it. {current.description}",
            owner=current.owner,
            tags={**current.tags, OF: service, HASH: digest},
        )
        kept.feature_view_projections = current.feature_view_projections
        with self.alone():
            self._feast().registry.apply_feature_service(kept, self._project)
        self._feast().refresh_registry()
        return FeatureServiceRef(name=service, kept_as=kept.name, definitions=digest, keys=_keys(views))

    def search(self, text: str = "") -> list[FeatureInfo]:
        """Features that hold every word of the text in name, view, description, owner or tags, sorted; all without."""
        services = self._feast().list_feature_services()
        known = [_info(view, field, services) for view in self._feast().list_feature_views() for field in view.features]
        words = text.casefold().split()
        matching = [f for f in known if all(word in _words(f) for word in words)]
        return sorted(matching, key=lambda f: (f.view, f.name))

    def views(self) -> list[ViewDefinition]:
        """Every registered feature view with its features, meanings, owner and services."""
        services = self._feast().list_feature_services()
        return [_view_definition(view, services) for view in self._feast().list_feature_views()]

    def view(self, name: str) -> "feast.FeatureView":
        from feast.errors import FeatureViewNotFoundException

        try:
            with self._reading():
                return self._feast().get_feature_view(name)
        except FeatureViewNotFoundException as error:
            known = sorted(view.name for view in self._feast().list_feature_views())
            raise NotFoundError(
                f"{self._registry} has no feature view {name!r}; registered: {known}. Define it in feature_repo/"
            ) from error

    def service(self, name: str) -> "feast.FeatureService":
        from feast.errors import FeatureServiceNotFoundException

        try:
            with self._reading():
                return self._feast().get_feature_service(name)
        except FeatureServiceNotFoundException as error:
            known = sorted(service.name for service in self._registered_services())
            raise NotFoundError(f"{self._registry} has no feature service {name!r}; registered: {known}") from error

    def _registered_services(self) -> "list[feast.FeatureService]":
        from feast.errors import ProjectObjectNotFoundException

        try:
            return self._feast().registry.list_feature_services(self._project)
        except ProjectObjectNotFoundException:  # nothing was applied yet
            return []

    def files(self) -> tuple[dict[str, list[Any]], dict[str, str]]:
        """What each file defines, and why others cannot be used."""
        files: dict[str, list[Any]] = {}
        faults: dict[str, str] = {}
        for path in sorted(self._directory.glob("*.py")):
            try:
                files[path.name] = self._defined_in(path)
            except SpecError as error:
                faults[path.name] = str(error)
        return files, faults

    def _defined_in(self, path: Path) -> list[Any]:
        from feast import Entity, FeatureService, FeatureView, Project

        with importing(path, f"feature_repo/{path.name}"):
            values = runpy.run_path(str(path)).values()
        defined = [value for value in values if isinstance(value, Project | Entity | FeatureView | FeatureService)]
        for project in (value for value in defined if isinstance(value, Project)):
            project.name = self._project
        return defined

    def _contradictions(self, files: dict[str, list[Any]]) -> dict[str, str]:
        """Of two files that define a name differently, the one that is not what is registered; else the second."""
        from feast import Project

        owners: dict[tuple[str, str], tuple[str, Any]] = {}
        faults: dict[str, str] = {}
        for name, objects in files.items():
            for found in (value for value in objects if not isinstance(value, Project)):
                place, first = owners.setdefault((type(found).__name__, found.name), (name, found))
                if place != name and first != found:
                    wrong = place if self._registered(found) == found else name
                    faults.setdefault(wrong, str(_twice(place, name, found)))
        return faults

    def _registered(self, definition: Any) -> Any:
        """The object of that kind and name as it is registered; None when there is none."""
        from feast import Entity, FeatureService, FeatureView
        from feast.errors import FeastObjectNotFoundException

        kinds = {Entity: "get_entity", FeatureView: "get_feature_view", FeatureService: "get_feature_service"}
        try:
            return getattr(self._feast().registry, kinds[type(definition)])(definition.name, self._project)
        except FeastObjectNotFoundException:
            return None

    def _changes(self, files: dict[str, list[Any]]) -> dict[str, str]:
        """Files whose definitions would change what a kept service reads."""
        from feast import FeatureView

        views = {o.name: (name, o) for name, objects in files.items() for o in objects if isinstance(o, FeatureView)}
        faults: dict[str, str] = {}
        for kept in (s for s in self._registered_services() if OF in s.tags):
            names = [projection.name for projection in kept.feature_view_projections]
            used = {name: views[name][1] if name in views else self.view(name) for name in names}
            if _digest(kept, used) != kept.tags[HASH]:
                for place in {views[name][0] for name in names if name in views}:
                    faults[place] = (
                        f"feature_repo/{place}:1: defines {sorted(used)} differently from what releases with feature "
                        f"service {kept.tags[OF]!r} were built with ({kept.name}). Leave these views as they are (new "
                        "features may be added to them) and put the change into a new feature view and a new feature "
                        "service"
                    )
        return faults

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """A registry that cannot be read is opened again by whoever asks next; raises ServiceError."""
        from sqlalchemy.exc import SQLAlchemyError

        try:
            yield
        except SQLAlchemyError as error:  # its text has the statement too
            self._close()
            what = f"{self._registry} cannot be read now ({str(error).splitlines()[0]})"
            raise ServiceError(f"{what}; run it again") from error

    @contextmanager
    def alone(self) -> Iterator[None]:
        # the registry is one file, and what is checked must still hold when it is written
        self._home.mkdir(parents=True, exist_ok=True)
        with (self._home / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _keys(views: "Mapping[str, feast.FeatureView]") -> dict[str, dict[str, str]]:
    """View → {key of its entity: type}."""
    return {
        name: {column.name: str(column.dtype) for column in view.entity_columns if column.name in view.join_keys}
        for name, view in views.items()
    }


def _digest(service: "feast.FeatureService", views: "Mapping[str, feast.FeatureView]") -> str:
    """SHA-256 of what the service reads and how: words for people (owner, description, tags) do not count."""
    parts = [_definition(p, views[p.name]) for p in service.feature_view_projections]
    return hashlib.sha256(json.dumps(sorted(parts, key=str), sort_keys=True).encode()).hexdigest()


def _definition(projection: Any, view: "feast.FeatureView") -> dict[str, Any]:
    kinds, source = {field.name: str(field.dtype) for field in view.features}, view.batch_source
    return {
        "view": view.name,
        "alias": projection.name_alias,
        "features": {field.name: kinds.get(field.name) for field in projection.features},
        "keys": {entity.name: str(entity.dtype) for entity in view.entity_columns},
        "key_map": dict(projection.join_key_map or {}),
        "ttl": view.ttl.total_seconds() if view.ttl else 0,
        "source": [source.path, source.timestamp_field, source.created_timestamp_column, dict(source.field_mapping)],
    }


def _twice(first: str, second: str, one: Any) -> SpecError:
    return SpecError(
        f"feature_repo/{first} and feature_repo/{second} both define the {type(one).__name__} {one.name!r}, and "
        "differently; all use cases share one registry, so give one of the two another name"
    )


def _info(view: "feast.FeatureView", field: "feast.Field", services: "Sequence[feast.FeatureService]") -> FeatureInfo:
    current = [s for s in services if OF not in s.tags]
    within = [s.name for s in current if any(_has(p, view, field) for p in s.feature_view_projections)]
    return FeatureInfo(
        name=field.name,
        view=view.name,
        kind=str(field.dtype),
        description=field.description,
        owner=view.owner,
        tags={**view.tags, **field.tags},
        entity=", ".join(view.entities),
        freshness_hours=view.ttl.total_seconds() / 3600 if view.ttl else 0,
        services=sorted(within),
    )


def _has(projection: Any, view: "feast.FeatureView", field: "feast.Field") -> bool:
    return projection.name == view.name and any(f.name == field.name for f in projection.features)


def _words(feature: FeatureInfo) -> str:
    tags = " ".join(f"{key} {value}" for key, value in feature.tags.items())
    parts = (feature.name, feature.view, feature.description, feature.owner, feature.entity, tags)
    return " ".join(parts).casefold()


def _view_definition(view: "feast.FeatureView", services: "Sequence[feast.FeatureService]") -> ViewDefinition:
    return ViewDefinition(
        name=view.name,
        description=view.description,
        owner=view.owner,
        tags=dict(view.tags),
        keys=list(view.join_keys),
        features={f.name: (str(f.dtype).lower(), f.description) for f in view.features},
        services=[s.name for s in services if any(p.name == view.name for p in s.feature_view_projections)],
    )
