"""Reminds of legal texts that were not checked for long, and says what the serving release's bundle lacks."""

from datetime import UTC, date, datetime

from include.contracts.compliance import Bundle
from include.errors import ReviewDueError
from include.governance.compliance import law
from include.loop.compliance import TREE
from include.services.composition import Services
from include.specification.compliance import Compliance
from include.specification.usecase import UseCase


def review(spec: UseCase, services: Services, today: date | None = None) -> dict[str, object]:
    """``{"laws": law → date of its check, "release", "made_at", "missing"}`` of the serving release's newest bundle.

    Raises ReviewDueError with one line for each law whose check is older than ``compliance.review_every``.
    """
    known, every = law.laws(), (spec.compliance or Compliance()).review_every
    if due := law.overdue(known, today or datetime.now(UTC).date(), every):
        raise ReviewDueError("legal texts are to be checked again:\n- " + "\n- ".join(due))
    state = services.serving.rollout_state(spec)
    newest = newest_bundle(spec, services, state.champion) if state else None
    print(_told(state.champion if state else "", newest))
    return {
        "laws": {key: str(one.checked_on) for key, one in known.items()},
        "release": state.champion if state else "",
        "made_at": newest.made_at.isoformat() if newest else "",
        "missing": [item.key for item in newest.items if item.gaps] if newest else [],
    }


def newest_bundle(spec: UseCase, services: Services, release: str) -> Bundle | None:
    """The newest bundle of a release as it lies there; None without one."""
    files = sorted((services.settings.compliance / spec.name).glob(f"{release}-*/{TREE}"))
    return Bundle.read_back(files[-1].read_text(), files[-1]) if files else None


def _told(release: str, newest: Bundle | None) -> str:
    if not release:
        return "no release serves: there is nothing to make a bundle of"
    if newest is None:
        return f"{release} serves and has no evidence bundle: run the DAG compliance"
    gaps = [item.key for item in newest.items if item.gaps]
    return (
        f"the bundle of {release} of {newest.made_at:%Y-%m-%d} lacks something of {len(gaps)} items: {', '.join(gaps)}"
    )
