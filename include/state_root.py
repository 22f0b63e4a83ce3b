"""Where what is kept below the state root."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
"""The project's directory."""


class StateRoot:
    """The directories below ``home``."""

    home: Path

    @property
    def lake(self) -> Path:
        """Delta tables: ``lake/<usecase>/<table>``."""
        return self.home / "lake"

    @property
    def suites(self) -> Path:
        """The expectation suites of the gates, under version control."""
        return ROOT / "great_expectations" / "expectations"

    @property
    def landing(self) -> Path:
        """Delivered or repaired source files: ``landing/<usecase>/<period>/``."""
        return self.home / "landing"

    @property
    def snapshots(self) -> Path:
        """Manifests: ``snapshots/<usecase>/<period>.json`` pins the versions of the period's tables."""
        return self.home / "snapshots"

    @property
    def staging(self) -> Path:
        """Work in progress; never read by anything downstream."""
        return self.home / "staging"

    @property
    def feature_store(self) -> Path:
        """Feast: ``registry.db`` and ``online.db``; offline features are tables of the lake."""
        return self.home / "feature_store"

    @property
    def datasets(self) -> Path:
        return self.home / "datasets"

    @property
    def training(self) -> Path:
        """Trainings at work: ``training/<usecase>/<key>/`` until registered, ``training/<usecase>/studies/``."""
        return self.home / "training"

    @property
    def releases(self) -> Path:
        """Packaged releases: ``releases/<usecase>/<release>/``, and ``rollout.json`` per use case."""
        return self.home / "releases"

    @property
    def edge_bundles(self) -> Path:
        """Releases for machines without a server: ``edge/<usecase>/<release>.zip``."""
        return self.home / "edge"

    @property
    def triton_repository(self) -> Path:
        return self.home / "triton"

    @property
    def gateway(self) -> Path:
        """Clients, certificate and generated configuration of the gateway."""
        return self.home / "gateway"

    @property
    def gateway_clients(self) -> Path:
        """Who may ask through the gateway; hashes of keys only."""
        return self.gateway / "clients.yaml"

    @property
    def prediction_spool(self) -> Path:
        """Append-only prediction log of the model server: ``spool/<usecase>/*.jsonl``."""
        return self.home / "spool"

    @property
    def catalog(self) -> Path:
        """The catalog and the data sheets: ``catalog/<usecase>/catalog.json``, ``<table>.md``, ``<table>.html``."""
        return self.home / "catalog"

    @property
    def lineage(self) -> Path:
        """OpenLineage events, one JSON object a line: ``lineage/<day>.jsonl``."""
        return self.home / "lineage"

    @property
    def airflow_home(self) -> Path:
        return self.home / "airflow"
