"""The schema of CycloneDX, as its Python library ships it; nothing is fetched."""

from include.errors import DeploymentError

MOST = 3


def require_valid(text: str) -> None:
    """Raises DeploymentError, which names the first faults, when the text is no bill of materials of CycloneDX 1.6."""
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    faults = list(JsonStrictValidator(SchemaVersion.V1_6).validate_str(text, all_errors=True) or ())
    if faults:
        words = "; ".join(f"{'/'.join(map(str, one.data.absolute_path))}: {one.data.message}" for one in faults[:MOST])
        raise DeploymentError(f"the bill of materials does not fit the schema of CycloneDX 1.6: {words[:1000]}")
