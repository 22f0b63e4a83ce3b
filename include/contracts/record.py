"""The base of every record: frozen, closed, JSON, with a digest."""

import hashlib
import json
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, PlainSerializer

Moment = Annotated[
    AwareDatetime,
    AfterValidator(lambda moment: moment.astimezone(UTC)),
    PlainSerializer(datetime.isoformat, return_type=str, when_used="json"),
]
"""A time with a zone, held in UTC whatever the zone of the machine; in JSON ISO 8601, which ends with +00:00."""


class Record(BaseModel):
    """Frozen, closed, JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def json_dict(self) -> dict[str, Any]:
        return self.model_dump(mode="json")

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON, 64 hexadecimal digits."""
        return self.digest_without()

    def digest_without(self, *fields: str) -> str:
        """The digest of the other fields."""
        content = {name: value for name, value in self.json_dict().items() if name not in fields}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
