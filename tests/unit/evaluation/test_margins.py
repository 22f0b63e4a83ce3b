"""The differences of a verdict beside their margins, and the figures that gates held."""

import json

from include.contracts.evaluation import GateOutcome, HeldFigure, NetValue, Verdict
from include.evaluation import margins
from include.evaluation.net_value import worth_it
from include.evaluation.verdict import SliceFigure, slice_gate
from include.specification.loader import load_usecase
from tests.unit.fakes.verdicts import figure, verdict

SPEC = load_usecase("flight_delay")


def test_gain_and_forgetting_have_margins_and_the_result_of_their_gates() -> None:
    gain, forgetting, drift, gap = margins.compared(SPEC, verdict(SPEC, 4))
    assert (gain.name, gain.margins, gain.result) == ("D-C", (0.0, SPEC.comparison.min_gain), "passed")
    assert (forgetting.name, forgetting.margins) == ("B-A", (-SPEC.comparison.forgetting_margin,))
    assert [(one.name, one.margins, one.result) for one in (drift, gap)] == [("C-A", (), ""), ("D-B", (), "")]


def test_a_gain_in_another_metric_has_no_margin_of_the_primary_one() -> None:
    held = HeldFigure.of("gain in log_loss", figure(0.01), 0.0)
    gate = GateOutcome(gate="recalibration", passed=True, detail="d", held=held)
    differences = {f"{name} log_loss": figure(0.01) for name in ("D-C", "B-A")}
    judged = verdict(SPEC, 4, gates=[gate], differences=differences)
    assert margins.gained_in(SPEC, judged) == "log_loss"
    assert [one.margins for one in margins.compared(SPEC, judged)] == [(0.0,), (-SPEC.comparison.forgetting_margin,)]


def test_a_first_release_has_no_differences() -> None:
    assert margins.compared(SPEC, verdict(SPEC, 1, champion=None)) == []


def test_a_gate_without_figures_is_written_as_before_so_that_signed_digests_stay() -> None:
    earlier = {"gate": "gain", "passed": True, "detail": "d", "judged": True, "needed": None}
    assert GateOutcome.model_validate(earlier).json_dict() == earlier
    written = verdict(SPEC, 4).json_dict()
    assert ["held" in gate for gate in written["gates"]] == [True, True, True, False]
    assert Verdict.model_validate_json(json.dumps(written)).json_dict() == written


def test_a_gate_keeps_what_it_held_against_its_limit() -> None:
    margin = SPEC.comparison.slices.margin
    against = slice_gate(SPEC, SliceFigure("origin=JFK", figure(0.6), figure(-0.05), needed=50_000)).held
    assert against == HeldFigure.of("gain in roc_auc", figure(-0.05), -margin / 2)
    alone = slice_gate(SPEC, SliceFigure("origin=JFK", figure(0.6), None)).held
    assert alone is not None
    assert (alone.name, alone.limit, alone.at_most) == ("roc_auc", 0.6 - margin / 2, False)
    worth = worth_it(NetValue(metric="roc_auc", total=-0.01, parts={"gain": -0.01})).held
    assert worth == HeldFigure(name="net value in roc_auc", value=-0.01, limit=0.0)
