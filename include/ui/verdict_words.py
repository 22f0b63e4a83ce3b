"""What the parts of a verdict are called on the pages, and how each looks."""

from collections.abc import Callable
from typing import Any

from include.contracts.evaluation import Cell, GateOutcome, HeldFigure, Interval, NetValue, Verdict
from include.evaluation.margins import Compared
from include.evaluation.report import result
from include.governance.dossier import State
from include.ui.language import marked
from include.ui.templates import number, signed

Text = Callable[[str], str]
DECISIONS = {
    "promote": ("good", marked("Release it")),
    "canary": ("good", marked("Release it step by step")),
    "ask_human": ("act", marked("A person decides")),
    "keep_champion": ("watch", marked("The champion stays")),
    "data_problem": ("bad", marked("The test data cannot be used")),
}
NAMES = {decision: word for decision, (_, word) in DECISIONS.items()}
STATES: dict[State, tuple[str, str]] = {
    "open": ("act", marked("waits for an answer")),
    "approved": ("good", marked("approved")),
    "rejected": ("bad", marked("rejected")),
    "withdrawn": ("none", marked("withdrawn")),
    "expired": ("none", marked("expired without an answer")),
    "nothing_to_approve": ("none", marked("nothing to approve")),
}
RESULTS = {
    "passed": ("good", marked("passed")), "refused": ("bad", marked("refused")),
    "not judged": ("none", marked("not judged")), "": ("none", marked("diagnosis only")),
}  # fmt: skip
GATES = {
    "acceptance": marked("Acceptance limit: %(of)s"),
    "chance": marked("Better than chance"),
    "gain": marked("Gain over the champion"),
    "recalibration": marked("Gain of the new calibrator"),
    "net_value": marked("Net value of a release"),
    "forgetting": marked("Forgetting of the old"),
    "slice": marked("Slice %(of)s"),
    "slices": marked("Slices that are too small"),
    "calibration": marked("Calibration"),
    "fairness": marked("Fairness: %(of)s"),
}
DIFFERENCES = {
    "D-C": (marked("Gain"), marked("candidate over champion, on the new test set")),
    "B-A": (marked("Forgetting"), marked("candidate over champion, on the old test set")),
    "C-A": (marked("Cost of the drift"), marked("the champion on the new test set, over the old one")),
    "D-B": (marked("Generalisation gap"), marked("the candidate on the new test set, over the old one")),
}
ALIKE = {"day": marked("Rows of one day resemble each other"), "hour": marked("Rows of one hour resemble each other")}
ALIKE_IN_BLOCKS = marked("Rows of one block resemble each other")
PARTS = {
    "gain": marked("gain"), "forgetting": marked("what is forgotten"), "release": marked("cost of a release"),
    "calibration": marked("calibration"),
}  # fmt: skip
ANSWERS: dict[str, str] = {
    "agreed": marked("agreed"),
    "disagreed": marked("disagreed"),
    "answer_refused": marked("an answer that does not count"),
    **{str(event): words for event, (_, words) in STATES.items()},
}
RULES = {
    "all gates passed": marked("every gate that could be judged passed"),
    "usable test sets": marked("a test set is missing, too small or without both classes"),
    "refused": marked("the gate “%(gate)s” refused the candidate"),
    "not judged": marked("the gate “%(gate)s” could not be judged on so few rows"),
}


def gate_name(gate: str, text: Text) -> str:
    """``slice:origin=JFK`` in words; what a later version adds keeps its own name."""
    kind, _, of = gate.partition(":")
    return text(GATES[kind]) % {"of": of.replace(":", ", ")} if kind in GATES else gate


def why(verdict: Verdict, text: Text) -> str:
    """The rule that decided, as the end of a sentence."""
    if verdict.rule in RULES:
        return text(RULES[verdict.rule])
    gate = next((gate for gate in verdict.gates if gate.gate == verdict.rule), None)
    refused = RULES["not judged" if gate and not gate.judged else "refused"]
    return text(refused) % {"gate": gate_name(verdict.rule, text)}


def in_words(name: str, figure: Interval | HeldFigure, text: Text, sign: bool = False, end: str = "") -> str:
    """What a mark of a picture says: its name, the figure, its interval, and the rows that it is of."""
    shown = signed if sign else number
    words = f"{name}: {shown(figure.value, 4)}"
    if figure.low is not None and figure.high is not None:
        words += " " + text(marked("[%(low)s to %(high)s]")) % {
            "low": shown(figure.low, 4),
            "high": shown(figure.high, 4),
        }
    if figure.n:
        counts = {"n": f"{figure.n:,}", "effective": f"{figure.effective_n or figure.n:,}"}
        words += "\n" + text(marked("%(n)s rows; for this figure as many as %(effective)s independent ones")) % counts
    return f"{words}\n{end}" if end else words


def cell_row(cell: Cell, text: Text) -> dict[str, Any]:
    """A cell as the row of a picture."""
    model = text(marked("champion")) if cell.model == "champion" else text(marked("candidate"))
    where = text(marked("old test set")) if cell.test_set == "old" else text(marked("new test set"))
    short = text(marked("old")) if cell.test_set == "old" else text(marked("new"))
    said = in_words(f"{cell.name} {model}, {where}", cell.figure, text)
    return _row(f"{cell.name}  {model}, {short}", cell.figure, cell.model, said)


def difference_row(one: Compared, text: Text) -> dict[str, Any]:
    """A difference as the row of a picture, with its margins."""
    look, outcome = RESULTS[one.result]
    title, meaning = map(text, DIFFERENCES[one.name])
    label = f"{one.name.replace('-', '−')}  {title}"
    end = f"{meaning}; {text(outcome)}"
    return {**_row(label, one.figure, look, in_words(label, one.figure, text, True, end)), "limits": one.margins}


def gate_row(gate: GateOutcome, text: Text, label: str = "") -> dict[str, Any] | None:
    """What a gate held against its limit, as the row of a picture; None of one that holds no figure."""
    if gate.held is None:
        return None
    look, outcome = RESULTS[result(gate)]
    name = label or gate_name(gate.gate, text)
    limit = limit_of(gate.held, text)
    words = in_words(name, gate.held, text, gate.held.name.startswith("gain"), f"{limit}; {text(outcome)}")
    return {**_row(name, gate.held, look, words), "limits": (gate.held.limit,)}


def limit_of(held: HeldFigure, text: Text) -> str:
    """The limit of a gate in words."""
    words = marked("at most %(limit)s") if held.at_most else marked("at least %(limit)s")
    return text(words) % {"limit": f"{held.limit:g}"}


def _row(label: str, figure: Interval | HeldFigure, look: str, said: str) -> dict[str, Any]:
    figures = {"value": figure.value, "low": figure.low, "high": figure.high}
    return {"label": label, "look": look, "said": said, **figures}


def parts_of(value: NetValue, text: Text) -> list[tuple[str, float]]:
    """What a net value is the sum of, the gain first, the cost of the release last: (what it is, value)."""
    order = {"gain": 0, "release": 2}
    parts = sorted(value.parts.items(), key=lambda part: order.get(part[0], 1))
    return [(text(PARTS[name]) if name in PARTS else name, part) for name, part in parts if part]
