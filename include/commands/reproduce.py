"""``moebius reproduce``."""

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from include.commands.failure import report
from include.errors import MoebiusError
from include.formats.plain_text import visible

if TYPE_CHECKING:
    from include.development.reproduction import Reproduction
    from include.services.composition import Services
    from include.specification.usecase import UseCase


def reproduce(model: Annotated[str, typer.Argument(help="<use case>/<version>, like my_case/3")]) -> None:
    """Train a registered model again from its recorded data and parameters, and compare the answers of both.

    Of a refit, the model that was judged (its proof) is trained again too; of a recalibrated model, the calibrator is
    fitted again, then the model that it was before. Ends with 0 when they agree within what the
    trainer allows, with 1 when they do not, with 2 when that cannot be determined. The audit log has what came of it.
    The platform must be up.
    """
    usecase, _, version = model.partition("/")
    if not (version.isascii() and version.isdigit()):
        raise typer.BadParameter(f"{model!r} is not <use case>/<version>")
    try:
        reproduced = _reproduced(usecase, int(version))
    except MoebiusError as error:
        raise typer.Exit(report(error, code=2)) from error
    raise typer.Exit(0 if reproduced else 1)


def _reproduced(usecase: str, version: int) -> bool:
    from include.services.composition import services
    from include.specification.loader import load_usecase

    spec, made, outcomes = load_usecase(usecase), services(), []
    for one in with_proof(spec, made, version):
        outcomes.append(recorded(spec, made, one))
    return all(outcome.reproduced for outcome in outcomes)


def recorded(spec: "UseCase", services: "Services", version: int) -> "Reproduction":
    """Train the version again and print what came of it; the audit log has it, ``done`` when the answers agree."""
    from include.governance.audited import ended, outcome_of
    from include.services.command_events import by_command

    log, event = services.adapters.audit, by_command("use", "reproduce", usecase=spec.name, what=f"version {version}")
    try:
        found = reproduction(spec, services, version)
    except MoebiusError as error:
        log.append([ended(event, outcome_of(error), error=type(error).__name__)])
        raise
    print(visible(f"{spec.name}/{version}\n{found.describe()}"))
    log.append([ended(event, "done" if found.reproduced else "failed", **found.json_dict())])
    return found


def with_proof(spec: "UseCase", services: "Services", version: int) -> list[int]:
    """The version and, of a refit, the one that was judged for it; of a recalibrated one what it was before, too."""
    model = services.adapters.tracker.model(spec.name, version)
    base = services.approvals.recalibrated_from(spec, model)
    before = with_proof(spec, services, base.version) if base else []
    return list(dict.fromkeys([version, services.approvals.proof(spec, model).version, *before]))


def reproduction(spec: "UseCase", services: "Services", version: int) -> "Reproduction":
    """Train the version again; errors as ``development.reproduction.reproduce`` says."""
    from include.development.environment import FIT_ENVIRONMENT, environment
    from include.loop.data_versions import rebuild_dataset
    from include.process_environment import default_environment

    default_environment(FIT_ENVIRONMENT)  # before the libraries that read it
    from include.development.reproduction import reproduce

    rebuild, machine = partial(rebuild_dataset, spec, services), environment(services.settings.revision)
    return reproduce(spec, services.adapters.tracker, version, rebuild, machine)
