"""In every rhythm: train on spans of time, release, answer, monitor a period, release again, roll back."""

from collections.abc import Iterator
from functools import partial

import pandas as pd
import pytest

from include.contracts.deployment import ReleaseRef
from include.contracts.period import Period
from include.contracts.pseudonyms import KeyRing
from include.development.datasets.parts import read_part
from include.loop import deployment, rollback, rollout, training
from include.settings import Settings
from include.specification.learning import Behaviour
from tests.integration.rhythms.feed import TAILS
from tests.integration.rhythms.world import RHYTHMS, World, known_to_features
from tests.integration.usecase_fixtures import KEYS, beside_servers
from tests.unit.fakes.approvals import approve

pytestmark = pytest.mark.integration
COUNT, FLIGHTS, ASKED = 7, 600, 200
REDUCED = ["day", *(pytest.param(every, marks=pytest.mark.full) for every in RHYTHMS if every != "day")]


@pytest.fixture(scope="module", params=REDUCED)
def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, mlflow: Settings
) -> Iterator[World]:
    """Six of seven periods are published; MLflow and Triton run."""
    home = tmp_path_factory.mktemp(request.param)
    with beside_servers(home / "var", partial(World, home, request.param, COUNT, FLIGHTS), mlflow) as world:
        # made-up rows: what operations and development expect of flights does not hold
        world.spec = world.spec.model_copy(update={"user_acceptance": [], "behaviour": Behaviour()})
        with known_to_features(world.spec):
            for period in world.periods[:-1]:
                world.publish(period, online=period == world.periods[-2])
            yield world


@pytest.fixture(scope="module")
def first(world: World) -> ReleaseRef:
    verdict = world.evaluate(world.train())
    # two hours are too few blocks to judge an interval by: a person decides
    assert verdict.decision in ("promote", "canary", "ask_human"), verdict.reason
    release = world.deploy(verdict, refits=True)
    assert release.model_version != verdict.candidate
    return release


def test_the_test_window_is_the_last_span_and_later_than_what_is_learned(world: World) -> None:
    dataset = training.dataset_for(world.spec, world.services)
    newest = world.periods[-2]
    assert dataset.test.periods == world.spec.calendar.last(world.spec.split.test, newest)
    train, validation, test = (
        read_part(part)["event_timestamp"] for part in (dataset.train, dataset.validation, dataset.test)
    )
    assert train.max() < validation.min()
    assert validation.max() < test.min()
    begin = world.spec.calendar.start(dataset.test.periods[0])
    assert validation.min() >= pd.Timestamp(world.spec.split.validation.before(begin, world.spec.calendar.timezone))


def test_a_period_is_answered_monitored_and_rolled_back(world: World, first: ReleaseRef) -> None:
    newest = world.periods[-1]
    world.publish(newest)
    answers = world.ask(events_of(world, newest).head(ASKED))
    assert {answer["release"] for answer in answers} == {first.name}
    figures = world.monitor(newest)
    assert figures[f"{first.name}.roc_auc"] > 0.7
    (auc,) = (f for f in world.services.records.figures(world.spec, name="roc_auc") if not f.subject)
    assert (auc.period, auc.n) == (newest, ASKED)

    second = released_again(world)
    assert {answer["release"] for answer in world.ask(events_of(world, newest).head(20))} == {second.name}
    rollback.restore_release(world.spec, world.services, first.name, "the answers were late", "ada")
    assert {answer["release"] for answer in world.ask(events_of(world, newest).head(20))} == {first.name}


def events_of(world: World, period: Period) -> pd.DataFrame:
    """The events of a period as clients know them: the tail number in clear."""
    clear = {KeyRing.parse(KEYS).token(tail): tail for tail in TAILS}
    events = world.table(period)
    return events.assign(tailnum=events["tailnum"].map(clear))


def released_again(world: World) -> ReleaseRef:
    """Another model, which somebody approved without a comparison, with all of the traffic."""
    model = world.train(max_depth=3)
    approve(world.services, world.spec, model.version, model.artifact_hash)
    release = deployment.package_release(world.spec, world.services, model.version)
    deployment.verify_release(world.spec, world.services, release)
    rollout.promote_release(world.spec, world.services, release.name)
    return release
