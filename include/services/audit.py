"""The audit log as a whole: its checkpoints, and what they bind of other records."""

from include.contracts.audit import SignedCheckpoint
from include.formats.file_proof import sha256
from include.records.registry import APPROVALS
from include.services.adapters import Adapters
from include.specification.loader import specifications


class Audit:
    """Signs the log of this state root."""

    def __init__(self, adapters: Adapters) -> None:
        self._adapters = adapters

    def checkpoint(self) -> SignedCheckpoint | None:
        """Sign what there is, with the newest approvals and the manifests of releases; errors as the port says."""
        return self._adapters.audit.checkpoint(self.heads())

    def heads(self) -> dict[str, str]:
        """Of each use case the newest entry of the record of approvals, and each release's manifest."""
        heads: dict[str, str] = {}
        for name in sorted(specifications().good):
            if rows := APPROVALS.read(name, self._adapters.lake):
                heads[f"approvals/{name}"] = f"{rows[-1].sequence}:{rows[-1].content_hash}"
        for file in sorted(self._adapters.settings.releases.glob("*/*/release.json")):
            heads[f"releases/{file.parent.parent.name}/{file.parent.name}"] = sha256(file)
        return heads
