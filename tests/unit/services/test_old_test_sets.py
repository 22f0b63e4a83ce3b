"""The old test set rotates: by what was refused against the release that serves, never by what it learned from."""

from pathlib import Path

import pytest

from include.contracts.development import DatasetRef, FrozenRef, ModelRef, PartRef
from include.contracts.period import Period
from include.loop import retrain_evaluation, rollout
from include.services import old_test_sets, verdicts
from include.services.composition import Services
from tests.unit.fakes.adapters import packaged, services_in
from tests.unit.loop.loop_worlds import SPEC, dataset, refit_of, verdict

MONTHS = [Period(f"2013-{month:02d}") for month in range(1, 10)]


def part(*periods: Period) -> PartRef:
    return PartRef(path="/nowhere", rows=1, content_hash="0", periods=[*periods])


def trained(services: Services, month: int) -> ModelRef:
    """A candidate that is tested on the month and learned from those before."""
    parts = {
        "train": part(*MONTHS[: month - 2]),
        "validation": part(MONTHS[month - 2]),
        "test": part(MONTHS[month - 1]),
    }
    made = dataset(services.settings.home).model_copy(update={"name": f"tested-{month}", **parts})
    model: ModelRef = services.adapters.tracker.log_training(SPEC.name, made, b"%d" % month, {}, {}, {})
    services.approvals.register(SPEC, model, by="asset_triggered", people=[])
    return model


def judged(services: Services, model: ModelRef, decision: str, old_set: str = "") -> None:
    serving = services.serving.champion(SPEC)
    about = {"champion_release": serving and serving.name, "old_set": old_set}
    made = verdict(model.version, decision=decision).model_copy(update=about)
    verdicts.store(SPEC, services, model, made, run=f"run-{model.version}")


@pytest.fixture
def services(tmp_path: Path) -> Services:
    """A refit of what was tested in March serves: it has learned from March, too."""
    made = services_in(tmp_path)
    proof = trained(made, 3)
    refit = refit_of(made, proof)
    name = packaged(made, SPEC, refit.version, model_hash=refit.artifact_hash)
    rollout.promote_release(SPEC, made, name)
    return made


def old(services: Services, first: int, before: int | None = None) -> DatasetRef:
    champion, serving = services.serving.champion_model(SPEC), services.serving.champion(SPEC)
    assert champion
    assert serving
    about = {"first": MONTHS[first - 1], "before": before}
    return old_test_sets.old_test_set(SPEC, services, champion, serving, **about)


def test_without_a_refusal_it_is_the_one_that_the_proof_was_judged_on(services: Services) -> None:
    assert old(services, 4).name == "tested-3"
    judged(services, trained(services, 4), "canary")
    judged(services, trained(services, 5), "data_problem")
    assert old(services, 6).name == "tested-3"


def test_the_newest_refused_candidate_leaves_its_test_set(services: Services) -> None:
    four, five = trained(services, 4), trained(services, 5)
    judged(services, four, "keep_champion")
    assert old(services, 5).name == "tested-4"
    judged(services, five, "keep_champion")
    assert old(services, 6).name == "tested-5"
    assert old(services, 5, before=five.version).name == "tested-4"  # as it was for the version itself
    assert old(services, 5).name == "tested-4"  # once more in the same month: the new one is not the old one
    assert old(services, 4).name == "tested-3"


def test_a_person_refuses_too_and_a_question_that_waits_has_refused_nothing(services: Services) -> None:
    four = trained(services, 4)
    judged(services, four, "canary")
    assert old(services, 5).name == "tested-3"
    with services.approvals.adding(SPEC) as ledger:
        ledger.add("rejected", four, by="olga", reason="not now", about=ledger.history[-1].sequence)
    assert old(services, 5).name == "tested-4"


def test_what_was_refused_against_another_release_or_was_learned_since_judges_nobody(services: Services) -> None:
    judged(services, trained(services, 4), "keep_champion")
    five = trained(services, 5)
    rollout.promote_release(SPEC, services, packaged(services, SPEC, five.version, model_hash=five.artifact_hash))
    assert old(services, 6).name == "tested-5"  # its own; April was refused against the release before
    judged(services, trained(services, 5), "keep_champion")
    assert old(services, 7).name == "tested-5"  # that of version 4: the serving one was validated or tested there
    assert old(services, 7) == five.dataset


def test_its_wear_counts_other_candidates_once_each(services: Services) -> None:
    set_, four, five = old(services, 4), trained(services, 4), trained(services, 5)
    for model in (four, four, five):
        judged(services, model, "keep_champion", old_set="tested-3")
    assert old_test_sets.judged_before(SPEC, services, set_, 9) == 2
    assert old_test_sets.judged_before(SPEC, services, set_, five.version) == 1


def test_a_candidate_that_kept_out_another_set_is_not_judged_and_the_reason_names_both(services: Services) -> None:
    kept, wanted = (trained(services, month).dataset for month in (4, 5))
    frozen = [FrozenRef(dataset=kept.name, content_hash="0", snapshots=[])]
    candidate = trained(services, 6).dataset
    assert retrain_evaluation._kept_out_another(candidate, wanted) == ""  # trained when nothing served: leaks are found
    candidate = candidate.model_copy(update={"frozen": frozen})
    assert retrain_evaluation._kept_out_another(candidate, kept) == ""
    why = retrain_evaluation._kept_out_another(candidate, wanted)
    assert "kept out the test set of tested-4, and is to be judged on that of tested-5 (2013-05)" in why
