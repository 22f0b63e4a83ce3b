"""What the experiment tracker shows above a model."""

from include.contracts.development import DatasetRef, PartRef
from include.formats import model_description
from include.governance.routes import ROUTES

PART = PartRef(path="/nowhere", rows=12_000, content_hash="0" * 64, periods=["2013-01", "2013-02"])
DATASET = DatasetRef(
    usecase="u", name="d1", path="/", feature_service="s", label="late", train=PART, validation=PART, test=PART,
    snapshots={},
)  # fmt: skip
PAGES = "http://127.0.0.1:8080/moebius"


def test_a_version_says_what_it_learned_from_and_leads_to_card_verdict_and_comparison() -> None:
    words = model_description.of_version("u", 4, DATASET, PAGES)
    assert words.startswith("Dataset `d1`: trained on 12,000 rows of 2013-01..2013-02; validated on")
    for path in ("models/u/4", "verdicts/u/4", "versions/u?b=4"):
        assert f"]({PAGES}/{path})" in words
    assert "refit" not in words


def test_a_refit_names_the_dataset_of_its_proof() -> None:
    words = model_description.of_version("u", 5, DATASET.model_copy(update={"refit_of": "d0"}), PAGES)
    assert "the refit of the model of dataset `d0`" in words


def test_every_link_is_a_page() -> None:
    every = model_description.of_all("{usecase}", "/moebius") + model_description.of_version(
        "{usecase}", 1, DATASET, "/moebius"
    ).replace("/1)", "/{version})")
    paths = [part.partition(")")[0].partition("?")[0] for part in every.split("](")[1:]]
    assert len(paths) == 7
    assert {f"GET {path}" for path in paths} <= set(ROUTES)
