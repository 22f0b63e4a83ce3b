"""Clients of the gateway, and the tensors that they send."""

from typing import Literal, NamedTuple, Self

from pydantic import Field, model_validator

from include.contracts.record import Record


class InferenceTensor(NamedTuple):
    """One tensor of the KServe v2 protocol: elements row by row, little-endian; texts with 4 bytes of length each."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    content: bytes


Route = Literal["infer", "metadata", "metrics"]
"""What a client of the gateway may be allowed; whether a model is ready, every client may ask."""


class GatewayClient(Record):
    """Who may ask through the gateway, known by an API key (its SHA-256, hex) or by tokens that it signs (RS256)."""

    key_sha256: str = Field(default="", pattern=r"^([0-9a-f]{64})?$")
    public_key: str = Field(default="", description="PEM file of the key that verifies its tokens")
    owner: str = Field(default="", description="login of Airflow that answers for it")
    roles: frozenset[Route] = frozenset({"infer"})
    models: frozenset[str] | None = Field(default=None, description="use cases that it may call; None: all")
    rate: int = Field(default=50, ge=1, le=1_000_000, description="requests per second, counted over ten seconds")

    @model_validator(mode="after")
    def _is_known_by_one_thing(self) -> Self:
        if bool(self.key_sha256) == bool(self.public_key):
            raise ValueError("needs exactly one of key_sha256 and public_key")
        return self
