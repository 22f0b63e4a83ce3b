"""Where what is kept below the state root."""

from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
"""The project's directory."""


class Below:
    """A path below ``home``, as an attribute."""

    def __init__(self, *parts: str) -> None:
        self.parts = parts

    def __get__(self, root: "StateRoot", owner: type | None = None) -> Path:
        return root.home.joinpath(*self.parts)


class StateRoot:
    """The directories and files below ``home``."""

    home: Path

    lake = Below("lake")
    """Delta tables: ``lake/<usecase>/<table>``."""
    landing = Below("landing")
    """Delivered or repaired source files: ``landing/<usecase>/<period>/``."""
    snapshots = Below("snapshots")
    """Manifests: ``snapshots/<usecase>/<period>.json`` pins the versions of the period's tables."""
    staging = Below("staging")
    """Work in progress; never read by anything downstream."""
    feature_store = Below("feature_store")
    """Feast: ``registry.db`` and ``online.db``; offline features are tables of the lake."""
    datasets = Below("datasets")
    training = Below("training")
    """Trainings at work: ``training/<usecase>/<key>/`` until registered, ``training/<usecase>/studies/``."""
    releases = Below("releases")
    """Packaged releases: ``releases/<usecase>/<release>/``, and ``rollout.json`` per use case."""
    edge_bundles = Below("edge")
    """Releases for machines without a server: ``edge/<usecase>/<release>.zip``."""
    compliance = Below("compliance")
    """Evidence bundles: ``compliance/<usecase>/<release>-<time>/``."""
    archive = Below("archive")
    """Retired releases: ``archive/<usecase>/<release>.zip``."""
    triton_repository = Below("triton")
    gateway = Below("gateway")
    """Clients, certificate and generated configuration of the gateway."""
    gateway_log = Below("platform", "log", "gateway.log")
    """The gateway's access log, one JSON object a line."""
    gateway_clients = Below("gateway", "clients.yaml")
    """Who may ask through the gateway; hashes of keys only."""
    prediction_spool = Below("spool")
    """Append-only prediction log of the model server: ``spool/<usecase>/*.jsonl``."""
    cost_spool = Below("costs")
    """What tasks took, until the DAG `maintenance` takes it to the lake: ``costs/<usecase>/<hour>.jsonl``."""
    unreadable = Below("unreadable")
    """What readers could not read, the newest of it: ``unreadable/<usecase>/<reader>.records``, JSON lines."""
    catalog = Below("catalog")
    """The catalog and the data sheets: ``catalog/<usecase>/catalog.json``, ``<table>.md``, ``<table>.html``."""
    lineage = Below("lineage")
    """OpenLineage events, one JSON object a line: ``lineage/<day>.jsonl``."""
    audit = Below("audit")
    """The audit log: ``audit/<day>.jsonl``, its trees, and signed checkpoints."""
    access_reviews = Below("access")
    """Access reviews: ``access/<time>.json``; the audit log has their hashes."""
    airflow_home = Below("airflow")
    key_file = Below("keys", "pseudonym.keys")
    """The embedded platform's own pseudonym keys, mode 0600; the next three likewise."""
    private_key_file = Below("keys", "private.key")
    hand_over_key_file = Below("keys", "hand_over.keys")
    mlflow_password_file = Below("keys", "mlflow.password")
    audit_subject_keys = Below("keys", "audit_subjects.db")
    """Keys of people in the audit log: an erasure deletes one. No backup may outlive it."""
    approval_key_file = Below("keys", "approval.key")
    """Signs the record of approvals; mode 0600."""
    approval_public_keys = Below("keys", "approval.pub")
    """Verifies the record of approvals: one public key a line, for everybody to read."""

    def served(self, path: Path) -> str:
        """A path below ``home`` for the Python inside Triton: it opens names in ASCII alone, and starts in ``home``."""
        return str(path) if str(path).isascii() else self.within(path)

    def within(self, path: Path) -> str:
        """A path below ``home`` for whatever starts in ``home``, without the name of ``home``."""
        return f"/proc/self/cwd/{path.relative_to(self.home)}"

    @property
    def suites(self) -> Path:
        """The expectation suites of the gates, under version control."""
        return ROOT / "great_expectations" / "expectations"


def runs(file: Path, pid: int, command: Sequence[str]) -> bool:
    """Whether the process runs the file of a model, by whatever name its ``command`` has of the directory."""
    return any(_is_same(word.replace("/proc/self/", f"/proc/{pid}/", 1), file) for word in command)


def _is_same(name: str, file: Path) -> bool:
    try:
        return name.endswith(file.name) and file.samefile(name)
    except OSError:  # another user's, or it ended just now
        return False
