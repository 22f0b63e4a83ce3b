"""What the experiment tracker shows above a model, as Markdown: what it is, and where it is judged and watched."""

from include.contracts.development import DatasetRef
from include.contracts.period import periods_text


def of_all(usecase: str, pages: str) -> str:
    """Of all versions of a use case; ``pages`` is the address of the Moebius pages."""
    places = {
        "Use case": f"loops/{usecase}", "Newest verdict": f"verdicts/{usecase}",
        "Versions side by side": f"versions/{usecase}", "Releases": f"rollouts/{usecase}",
    }  # fmt: skip
    return (
        f"The models of the use case `{usecase}`. What may be deployed is decided by the signed record of Moebius, not "
        f"by a tag or an alias here.\n\n{_links(pages, places)}"
    )


def of_version(usecase: str, version: int, dataset: DatasetRef, pages: str) -> str:
    """Of one version: what it learned from, and where it is described and judged."""
    parts = {"trained": dataset.train, "validated": dataset.validation, "tested": dataset.test}
    words = "; ".join(f"{how} on {part.rows:,} rows of {periods_text(part.periods)}" for how, part in parts.items())
    if dataset.refit_of:
        words += f". It is the refit of the model of dataset `{dataset.refit_of}`, and has learned from all of them"
    places = {
        "Model card": f"models/{usecase}/{version}", "Verdict": f"verdicts/{usecase}/{version}",
        "Compare with what serves": f"versions/{usecase}?b={version}",
    }  # fmt: skip
    return f"Dataset `{dataset.name}`: {words}.\n\n{_links(pages, places)}"


def _links(pages: str, places: dict[str, str]) -> str:
    return " · ".join(f"[{words}]({pages}/{path})" for words, path in places.items())
