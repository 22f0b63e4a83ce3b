"""Which releases should end, and why: the criteria of the spec, judged on what is recorded of each release."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from include.contracts.approval import ApprovalEntry
from include.contracts.calendar import Span
from include.contracts.deployment import RolloutEvent
from include.contracts.operations import Figure
from include.formats.plain_text import markdown
from include.governance import approval
from include.specification.usecase import UseCase

CHAMPION = ("promoted", "rolled_back", "rolled_forward")


@dataclass(frozen=True)
class ReleaseFacts:
    """What is known of a release: moments in UTC, None for never or not recorded.

    ``last_traffic`` is the end of the last time that it answered or was copied requests to, ``replaced`` when another
    release took its place as the champion, ``loss`` the loss of the last window that it answered. ``busy``: it has
    traffic now.
    """

    name: str
    model_version: int
    packaged: datetime | None
    last_traffic: datetime | None = None
    replaced: datetime | None = None
    loss: Figure | None = None
    busy: bool = False


def facts(
    name: str,
    model_version: int,
    packaged: datetime | None,
    events: Sequence[RolloutEvent],
    figures: Sequence[Figure],
) -> ReleaseFacts:
    """Of every event of the use case, oldest first, and every figure ``performance_loss``."""
    steps = [one for one in events if one.event not in ("judged", "drilled")]
    used = [later.at for step, later in pairwise(steps) if _has_traffic(step, name)]
    replaced = [later.at for step, later in pairwise(steps) if step.champion == name != later.champion]
    mine = [f for f in figures if (f.release, f.name, f.subject) == (name, "performance_loss", "")]
    return ReleaseFacts(
        name, model_version, packaged, max(used, default=None), max(replaced, default=None),
        max(mine, key=lambda figure: figure.period, default=None), any(_has_traffic(step, name) for step in steps[-1:]),
    )  # fmt: skip


def _has_traffic(step: RolloutEvent, name: str) -> bool:
    return step.champion == name or (step.release == name and step.event in ("shifted", "shadowed"))


def reasons(spec: UseCase, one: ReleaseFacts, now: datetime) -> dict[str, str]:
    """Criterion → what was found, of those that the release meets; {} when it stays."""
    wanted, limit = spec.retirement, spec.monitoring.performance_loss
    found = {}
    if _over(spec, wanted.age, one.packaged, now):
        found["age"] = f"packaged on {one.packaged:%Y-%m-%d}, more than {wanted.age} ago"
    idle = one.last_traffic or one.packaged
    if not one.busy and one.replaced is None and _over(spec, wanted.unused, idle, now):
        what = f"last had traffic on {idle:%Y-%m-%d}" if one.last_traffic else f"packaged on {idle:%Y-%m-%d}"
        found["unused"] = f"was never the champion, and {what}, more than {wanted.unused} ago"
    if _over(spec, wanted.superseded, one.replaced, now):
        found["superseded"] = f"replaced on {one.replaced:%Y-%m-%d}, more than {wanted.superseded} ago"
    if one.loss and one.loss.beyond(limit) and _over(spec, wanted.decayed, one.replaced, now):
        found["decayed"] = (
            f"lost {one.loss.value:.4f} (limit {limit:g}) in its last window {one.loss.period}, and was replaced on "
            f"{one.replaced:%Y-%m-%d}, more than {wanted.decayed} ago"
        )
    return found


def _over(spec: UseCase, length: Span | None, since: datetime | None, now: datetime) -> bool:
    return length is not None and since is not None and length.after(since, spec.calendar.timezone) < now


def origins(history: Sequence[ApprovalEntry], version: int) -> set[int]:
    """The versions that one was made of: its proof, what it recalibrates, the members of an average, and theirs."""
    found: set[int] = set()
    waiting = [version]
    while waiting:
        registered = approval.registration(history, waiting.pop())
        named = registered.facts if registered else {}
        of = [named[key]["version"] for key in (approval.PROOF, approval.RECALIBRATED) if named.get(key)]
        new = {int(one) for one in [*of, *named.get("members", [])]} - found
        found |= new
        waiting += new
    return found - {version}


def summary(
    spec: UseCase,
    asked_by: str,
    reason: str,
    proposed: Mapping[str, Mapping[str, str]],
    held: Mapping[str, str],
    warnings: Sequence[str],
) -> str:
    """What the approver reads, as Markdown: each release with its reasons, and what stays although it meets them."""
    lines = [f"**{markdown(asked_by)}** asks to retire {len(proposed)} release(s) of {spec.title}."]
    if reason:
        lines.append(f"Reason: {markdown(reason)}")
    lines += [f"**{warning}**" for warning in warnings]
    lines.append("| release | why |\n|---|---|\n" + "\n".join(map(_row, proposed.items())))
    if held:
        stays = "\n".join(f"| {name} | {why} |" for name, why in held.items())
        lines.append(f"These meet a criterion and are not proposed:\n\n| release | why it stays |\n|---|---|\n{stays}")
    kept = f"The files, the model and the evidence are kept for {spec.retirement.archive}, then deleted."
    return "\n\n".join([*lines, f"A retired release serves no more and cannot be put back. {kept}"])


def _row(one: tuple[str, Mapping[str, str]]) -> str:
    name, found = one
    return f"| {name} | {'; '.join(f'{key}: {text}' for key, text in found.items())} |"
