"""AI Act, Annex IV, points 3 to 9: how the system is controlled, judged, changed and watched."""

from include.contracts.compliance import Gap, Table
from include.governance.compliance.answering import Answer, Found, answers, table
from include.governance.compliance.facts import Facts


@answers("ai_act.3.capabilities")
def capabilities(f: Facts) -> Answer:
    criteria = [
        f"{c.metric} {'at least' if c.at_most is None else 'at most'} {c.at_least if c.at_most is None else c.at_most}"
        for c in f.spec.acceptance
    ]
    says = [f"Acceptance criteria on the test set: {'; '.join(criteria)}."]
    says += [f"Not for: {'; '.join(f.spec.card.not_for)}."] if f.spec.card.not_for else []
    return Answer(
        says,
        [
            f.of_model("model card: figures with intervals, slices, groups, limits", "model_card.md"),
            f.of_model("figures by group", "fairness.json", "in_sample_fairness.json"),
            f.of_model("figures by slice", "slices.json", "in_sample_slices.json"),
            _measured(f, "figures in operation"),
        ],
        [_figures(f)],
    )


def _measured(f: Facts, what: str) -> Found:
    give = f"{f.spec.name}.monitoring measures the first window that the release answered in"
    return f.of_records(what, "figures", "no window of this release was measured yet", give)


def _figures(f: Facts) -> Table:
    rows = [
        [g.period, g.name, g.value, f"{g.low:.4g} to {g.high:.4g}" if g.low is not None and g.high is not None else "",
         g.n, g.state]
        for g in f.figures
    ]  # fmt: skip
    return table(
        "Figures of the release in operation", ["window ends", "figure", "value", "interval", "rows", "state"], rows
    )


@answers("ai_act.3.outcomes")
def outcomes(f: Facts) -> Answer:
    says, found = f.authors("foreseeable unintended outcomes and sources of risk", "unintended_outcomes")
    says += [f"Ethical considerations: {f.spec.card.ethics}"] if f.spec.card.ethics else []
    return Answer(says, [found, f.of_spec("uses that it is not for", "card") if f.spec.card.not_for else None])


@answers("ai_act.3.oversight")
def control(f: Facts) -> Answer:
    rows = [[e.at, e.event.replace("_", " "), e.release, e.by, e.reason] for e in f.events]
    give = f"the events come with its rollout ({f.spec.name}.deployment)"
    found = [f.of_records("rollout events", "rollout_events", "the release never had traffic", give)]
    found += [f.of_entry(e) for e in f.entries if e.event in ("approved", "rejected")]
    head = ["when", "event", "release", "by", "why"]
    return Answer(found=found, tables=[table("Rollouts and rollbacks of the release", head, rows)])


@answers("ai_act.3.input")
def inputs(f: Facts) -> Answer:
    rows = [[name, kind, f.spec.serving.missing.get(name, "by the data")] for name, kind in f.spec.request.items()]
    return Answer(
        found=[
            f.of_release("ranges and categories of the inputs", "schema.json"),
            f.of_release("interface", "interface.json"),
            f.of_spec("request", "request, serving, features"),
        ],
        tables=[table("Fields of a request", ["field", "type", "when it is missing"], rows)],
    )


@answers("ai_act.4.metrics")
def metrics(f: Facts) -> Answer:
    said, found = f.authors("why these metrics suit the system", "metrics")
    judged = f.spec.metrics
    says = [*said, f"Primary: {judged.primary}. Secondary: {', '.join(judged.secondary) or 'none'}."]
    return Answer(says, [found, f.of_spec("metrics and limits", "metrics, acceptance, comparison")])


@answers("ai_act.5.system")
def risk_management(f: Facts) -> Answer:
    says, found = f.authors("risk management system (Article 9)", "risk_management")
    return Answer(says, [found])


@answers("ai_act.6.changes")
def changes(f: Facts) -> Answer:
    decided = [[d.decided_at, d.decision, d.cause, d.action] for d in f.decisions]
    history = [[e.at, e.event.replace("_", " "), e.version, e.by, e.reason] for e in f.history]
    rewritten = [[c.done_at, c.kind, c.place, c.before, c.after] for c in f.changes]
    name = f.spec.name
    give = f"train and evaluate a version ({name}.training, {name}.retrain_evaluation)"
    return Answer(
        found=[
            f.of_records("signed record of versions, verdicts and answers", "approvals", "it is empty", give),
            f.of_records("rollout events", "rollout_events", "the release never had traffic", f"run {name}.deployment"),
            f.of_records("retrain decisions", "decisions", "none", "") if f.decisions else None,
            f.of_records("erasures and key rotations", "privacy_records", "none", "") if f.changes else None,
        ],
        tables=[
            table("Versions, verdicts and answers", ["when", "what", "version", "by", "why"], history),
            table("Decisions to retrain or to keep", ["when", "decision", "cause", "action"], decided),
            table("Erasures and key rotations", ["when", "what", "place", "rows before", "rows after"], rewritten),
        ],
    )


@answers("ai_act.7.standards")
def standards(f: Facts) -> Answer:
    named = f.said.standards
    harmonised = [one for one in named if one.harmonised]
    says, solutions = f.authors("solutions adopted where no harmonised standard is applied in full", "solutions")
    rows = [[one.name, "yes" if one.harmonised else "no", one.applied, one.reference] for one in named]
    covered = bool(harmonised) and all(one.applied == "in full" for one in harmonised)
    applied = (
        f.of_spec("standards", "compliance.standards")
        if named
        else f.unsaid("standards that are applied", "standards", has_file=False)
    )
    says.append("The components and tags of the platform follow ISO/IEC 23053, which is no harmonised standard.")
    found = [applied, None if covered and isinstance(solutions, Gap) else solutions]
    head = ["standard", "harmonised", "applied", "reference"]
    return Answer(says, found, [table("Standards, as the authors state them", head, rows)])


@answers("ai_act.8.declaration")
def declaration(f: Facts) -> Answer:
    says, found = f.authors("EU declaration of conformity (Article 47)", "declaration")
    return Answer(says, [found])


@answers("ai_act.9.plan")
def plan(f: Facts) -> Answer:
    says, found = f.authors("post-market monitoring plan (Article 72(3))", "post_market_plan")
    return Answer(says, [found])


@answers("ai_act.9.system")
def post_market(f: Facts) -> Answer:
    watched = f.spec.monitoring
    says = [
        "Quality, drift, calibration and latency are measured by window. A loss of more than "
        f"{watched.performance_loss} {f.spec.metrics.primary} in {watched.windows.breached} of {watched.windows.of} "
        f"windows asks for a retrain; {watched.drift_features} features beyond PSI {watched.drift_threshold} ask for a "
        "look."
    ]
    alerts = [[d.decided_at, a.name, a.severity, a.release, a.summary] for d in f.decisions for a in d.alerts]
    head = ["decided", "alert", "asks for", "release", "what it said"]
    return Answer(
        says,
        [
            f.of_spec("limits of monitoring", "monitoring, retrain"),
            _measured(f, "figures in operation"),
            f.of_records("decisions on alerts", "decisions", "none", "") if f.decisions else None,
        ],
        [_figures(f), table("Alerts that a decision was taken on", head, alerts)],
    )
