"""AI Act, Annex IV, points 1 and 2: what the system is, and how it was made."""

from include.contracts.compliance import Gap, Table
from include.contracts.deployment import BOM, TEST_REPORT
from include.governance.compliance.answering import Answer, Found, answers, table
from include.governance.compliance.facts import Facts


@answers("ai_act.1.a")
def purpose(f: Facts) -> Answer:
    spec, said = f.spec, f.said
    says = [spec.card.intended_use or spec.description]
    says += [f"Not for: {'; '.join(spec.card.not_for)}."] if spec.card.not_for else []
    says.append(f"Release {f.release.name} is model version {f.release.model_version}. {_before(f)}")
    known = [one.name for one in f.releases]
    found = [
        f.of_spec("intended purpose and title", "title, description, card"),
        f.of_release("version"),
        f.of_spec("provider", "compliance.provider")
        if said.provider
        else f.unsaid("provider", "provider", has_file=False),
        f.of_spec("risk class", "compliance.risk_class")
        if said.risk_class
        else f.unsaid("risk class", "risk_class", has_file=False),
    ]
    says += [f"Provider: {said.provider.name}, {said.provider.contact}."] if said.provider else []
    if said.risk_class:
        says.append(f"The authors class the system as {said.risk_class.level}: {said.risk_class.reason}")
    return Answer(says, found, [table("Releases so far", ["release", "model version"], _versions(f, known))])


def _before(f: Facts) -> str:
    earlier = [one.name for one in f.releases if one.name < f.release.name]
    replaced = f.verdict.champion_release if f.verdict else None
    if replaced:
        return f"Its verdict compared it with {replaced}, which served then."
    return f"It was packaged after {earlier[-1]}." if earlier else "It is the first release."


def _versions(f: Facts, names: list[str]) -> list[list[object]]:
    return [[one.name, one.model_version] for one in f.releases if one.name in names]


@answers("ai_act.1.b")
def interaction(f: Facts) -> Answer:
    sources = [[name, source.connector, source.description] for name, source in f.spec.sources.items()]
    says = [
        "Clients call one stable name by REST or gRPC (KServe v2); the release's interface document has its tensors."
    ]
    return Answer(
        says,
        [f.of_release("interface", "interface.json"), f.of_spec("sources", "sources, request")],
        [table("Systems that data come from", ["source", "connector", "what"], sources)],
    )


@answers("ai_act.1.c")
def software(f: Facts) -> Answer:
    says = [f"The release answers with onnxruntime {f.manifest['onnxruntime']}." if "onnxruntime" in f.manifest else ""]
    says.append(
        "Every update of the lock file or of the serving code reaches the system as a new release or deployment."
    )
    return Answer(
        [one for one in says if one],
        [
            f.of_model("lock file of the training", "constraints.txt"),
            f.of_release("version of the runtime"),
            f.of_release("bill of materials (CycloneDX)", BOM),
        ],
    )


@answers("ai_act.1.d")
def forms(f: Facts) -> Answer:
    says = [f"As an online service behind one name, and scored in batches; {f.answers:,} answers of it are logged."]
    gap = "nothing was answered yet"
    give = f"the rows come with the first requests ({f.spec.name}.monitoring ships them)"
    return Answer(says, [f.of_release("release"), f.of_records("answers that were given", "predictions", gap, give)])


@answers("ai_act.1.e")
def hardware(f: Facts) -> Answer:
    says, found = f.authors("hardware that it is intended to run on", "hardware")
    packaging = f.spec.packaging
    limit = f", at most {packaging.max_memory_mb} MB of memory per process" if packaging.max_memory_mb else ""
    says.append(f"Packaged for the target {packaging.target!r}{limit}; the report has measured size and latency.")
    return Answer(says, [found, f.of_release("measured size and latency", "report.json")])


@answers("ai_act.1.f")
def product(f: Facts) -> Answer:
    if f.said.product_component is None:
        return Answer(found=[f.unsaid("whether it is a component of a product", "product_component", has_file=False)])
    spec = f.of_spec("component of a product", "compliance.product_component")
    if not f.said.product_component:
        return Answer(["The authors say that it is no component of a product."], [spec], applies=False)
    says, found = f.authors("external features, marking and layout", "product")
    return Answer(says, [spec, found])


@answers("ai_act.1.g")
def user_interface(f: Facts) -> Answer:
    says, found = f.authors("user interface of the deployer", "user_interface")
    return Answer(says, [found])


@answers("ai_act.1.h")
def instructions(f: Facts) -> Answer:
    says, found = f.authors("instructions for use", "instructions")
    return Answer(says, [found, f.of_model("model card, with limits", "model_card.md")])


@answers("ai_act.2.a")
def methods(f: Facts) -> Answer:
    trainer, registered = f.spec.trainer, [e for e in f.entries if e.event == "registered"]
    says = [f"Trained with {trainer.name!r}; baseline {trainer.baseline.kind!r}."]
    rows = [[e.version, e.at, e.reason, e.run, e.people] for e in registered]
    found: list[Found] = [f.of_spec("trainer, search and features", "trainer, training, features, split")]
    found += [*map(f.of_entry, registered), f.of_model("order of the training", "order.json")]
    head = ["version", "registered", "what was done", "run", "started by"]
    return Answer(says, found, [table("Registered trainings of this release", head, rows)])


@answers("ai_act.2.b")
def design(f: Facts) -> Answer:
    metrics = f.spec.metrics
    says = [f"Task: {f.spec.task}. Label: {f.spec.event.label or 'none'}. Optimised and judged by {metrics.primary}."]
    rows = [[one.name, one.kind, one.origin, one.description] for one in f.spec.features]
    return Answer(
        says,
        [
            f.of_spec("features, metrics and criteria", "features, metrics, acceptance, comparison"),
            f.of_model("importance of the features", "importance.json"),
            f.of_model("model card", "model_card.md"),
        ],
        [table("Inputs in the order of the model", ["feature", "kind", "from", "meaning"], rows)],
    )


@answers("ai_act.2.c")
def architecture(f: Facts) -> Answer:
    says = ["docs/architecture.md has the rooms and the flow; the record of the fit has its time, memory and machine."]
    return Answer(
        says, [f.of_model("time, memory and environment of the fit", "fit.json"), f.of_release("architecture")]
    )


@answers("ai_act.2.d")
def data(f: Facts) -> Answer:
    give = f"run {f.spec.name}.data_pipeline for its periods"
    found = [
        f.of_spec("sources, columns, label and retention", "sources, tables, event, retention"),
        f.of_records("quality gates of the training periods", "gate_results", "no gate is recorded", give),
        *_sheets(f),
    ]
    if not f.model:
        found.append(f.of_model("dataset of the training", "order.json"))
        return Answer(found=found)
    parts = [(part, getattr(f.model.dataset, part)) for part in ("train", "validation", "test")]
    rows = [[part, ref.rows, _span(ref.periods), ref.content_hash] for part, ref in parts]
    snapshots = [[period, name] for period, name in sorted(f.model.dataset.snapshots.items())]
    says = [f"Dataset {f.model.dataset.name}.", *_gates(f), *_left_out(f)]
    return Answer(
        says,
        [*(f.of_entry(e) for e in f.entries if e.event == "registered"), *found],
        [
            table("Parts of the dataset", ["part", "rows", "periods", "SHA-256 of the content"], rows),
            table("Snapshots that it was built from", ["period", "snapshot"], snapshots),
        ],
    )


def _sheets(f: Facts) -> list[Found]:
    if not f.sheets:
        give = f"run {f.spec.name}.catalog"
        return [Gap(because="data sheets of the tables: the catalog was not written", give=give)]
    return [kept.evidence(f"data sheet of {name}", "document") for name, kept in sorted(f.sheets.items())]


def _gates(f: Facts) -> list[str]:
    if not f.gates:
        return []
    g = f.gates
    return [
        f"{g.checks:,} checks of quality gates on {g.periods} of its periods; {g.failed} failed, {g.blocked} of them "
        "blocking."
    ]


def _left_out(f: Facts) -> list[str]:
    if not f.model:
        return []
    facts = f.model.dataset.facts
    words = [f"{rows:,} {why} rows left out" for why, rows in facts.left_out.items()]
    words += [f"{facts.given:,} labels given by people"] if facts.given else []
    words += [f"{period} left out by the input guard" for period in facts.guard.left_out]
    return [f"{'; '.join(words)}."] if words else []


def _span(periods: list) -> str:
    return f"{periods[0]} to {periods[-1]}" if len(periods) > 1 else str(periods[0])


@answers("ai_act.2.e")
def oversight(f: Facts) -> Answer:
    says, found = f.authors("assessment of the human oversight that is needed", "oversight")
    approval = f.spec.approval
    says.append(
        f"A first release is approved by {approval.first_release}, a retrain by {approval.retrain}. A rollback and "
        "another retrain decision are possible at any time."
    )
    return Answer(
        says,
        [
            found,
            f.of_spec("approval and rollout", "approval, rollout"),
            f.of_model("explanations of answers", "explanation.json"),
            *(f.of_entry(e) for e in f.entries if e.event in ("approved", "rejected")),
        ],
    )


@answers("ai_act.2.f")
def predetermined(f: Facts) -> Answer:
    spec = f.spec
    says = [
        f"The system is retrained by rule: window {spec.retrain.window}, cooldown {spec.retrain.cooldown}, budget "
        f"{spec.retrain.budget.retrains} per {spec.retrain.budget.per}. A candidate replaces the champion only after "
        f"the four comparisons and its approval, and gets traffic by {spec.rollout.strategy}."
    ]
    give = f"{spec.name}.retrain_trigger records the first decision when an alert asks for it"
    return Answer(
        says,
        [
            f.of_spec("policy of changes", "retrain, comparison, approval, rollout, monitoring"),
            f.of_records("decisions to retrain or to keep", "decisions", "none was taken yet", give)
            if f.decisions
            else None,
        ],
    )


@answers("ai_act.2.g")
def testing(f: Facts) -> Answer:
    entries = [e for e in f.entries if e.event in ("verdict", "approved", "rejected")]
    found = [
        *map(f.of_entry, entries),
        f.of_spec("criteria and limits", "acceptance, comparison, fairness, behaviour, user_acceptance"),
        f.of_model("behaviour tests", "behaviour.json"),
        f.of_model("figures by group", "fairness.json", "in_sample_fairness.json"),
        f.of_release("parity with the trained model", "report.json"),
        f.of_release("tests before traffic", TEST_REPORT),
    ]
    if not f.verdict:
        give = f"run {f.spec.name}.retrain_evaluation with version {f.release.model_version}"
        found.append(Gap(because="verdict: none is recorded for this version", give=give))
    return Answer(_verdict(f), found, _judged(f))


def _verdict(f: Facts) -> list[str]:
    if not (verdict := f.verdict):
        return []
    first = "" if verdict.champion_release or verdict.champion else " There was no champion to compare with."
    return [f"Verdict of {verdict.decided_at:%Y-%m-%d %H:%M} UTC: {verdict.decision}. {verdict.reason}{first}"]


def _judged(f: Facts) -> list[Table]:
    if not (verdict := f.verdict):
        return []
    cells = [
        [
            c.name,
            c.model,
            c.test_set,
            c.metric,
            c.figure.value,
            f"{c.figure.low:.4g} to {c.figure.high:.4g}",
            c.figure.n,
        ]
        for c in verdict.cells
    ]
    gates = [
        [g.gate, "passed" if g.passed else "failed" if g.judged else "not judged", g.detail] for g in verdict.gates
    ]
    return [
        table("Comparisons", ["cell", "model", "test set", "metric", "value", "interval", "rows"], cells),
        table("Gates of the evaluation", ["gate", "outcome", "figures"], gates),
    ]


@answers("ai_act.2.h")
def security(f: Facts) -> Answer:
    spec = f.spec
    says = [
        "The signature of the release and the SHA-256 of each of its files were verified for this bundle. Approvals "
        "are a chain of signed entries. Clients on other machines pass a gateway: keys or tokens, TLS, rate limits."
    ]
    return Answer(
        says,
        [
            f.of_release("hashes of the release's files"),
            f.of_records("read-back of stored files", "scrubs", "no scrub is recorded", f"run {spec.name}.scrub"),
            *_search(f),
        ],
    )


def _search(f: Facts) -> list[Found]:
    if not f.personal:
        return []
    give = f"run {f.spec.name}.privacy_audit"
    return [f.of_records("search for personal values in clear", "privacy_audits", "none is recorded", give)]
