"""The base of every record: frozen, closed, JSON, with a digest."""

import hashlib
import json
from datetime import UTC, datetime
from typing import Annotated, Any, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, PlainSerializer, ValidationError

from include.errors import DamagedStateError

Moment = Annotated[
    AwareDatetime,
    AfterValidator(lambda moment: moment.astimezone(UTC)),
    PlainSerializer(datetime.isoformat, return_type=str, when_used="json"),
]
"""A time with a zone, held in UTC whatever the zone of the machine; in JSON ISO 8601, which ends with +00:00."""


class Record(BaseModel):
    """Frozen, closed, JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    def json_dict(self) -> dict[str, Any]:
        return self.model_dump(mode="json")

    @classmethod
    def read_back(cls, text: str, place: object) -> Self:
        """The record that was kept as JSON at ``place``; raises DamagedStateError, which names it, for another text."""
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            fields = sorted({".".join(map(str, fault["loc"])) or "the whole" for fault in error.errors()})
            raise DamagedStateError(
                f"{place} is no {cls.__name__} ({', '.join(fields)}): restore it from a backup, or see `moebius doctor`"
            ) from None

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON, 64 hexadecimal digits."""
        return self.digest_without()

    def digest_without(self, *fields: str) -> str:
        """The digest of the other fields."""
        content = {name: value for name, value in self.json_dict().items() if name not in fields}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
