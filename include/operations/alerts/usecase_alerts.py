"""The alerts of one use case: its model, its answers, its data, its streams."""

from functools import partial
from typing import Literal

from include.evaluation.estimator import estimable
from include.operations.alerts.alert_rule import Rule, grown, moment, window_end
from include.operations.performance.estimated import BREACHED, BREACHED_WINDOWS
from include.operations.performance.performance import ROWS
from include.operations.windows.maturity import UNMATCHED_SHARE
from include.specification.usecase import UseCase

REFUSED_SHARE = 0.1
"""Share of rows that may be refused as bad requests of clients."""
UNAVAILABLE_SHARE = 0.01
"""Share of lookups that the online store may leave without an answer."""
SILENT_SECONDS = 30
"""Longest time between two signs of life of the processes of a model; the keeper acts after 8 s."""
USUAL_REQUESTS = 60
"""Requests in the same hour of each of the last two days that make traffic usual."""
QUIET_SHARE = 0.1
"""Share of the usual traffic below which there is none."""
LONG_BACKLOG = 1000
WAITING_HOURS = 24
"""How long a question may wait for a person."""
FIGURES_WINDOW = "1d"
"""How long figures that are gone are missed."""
LOSS_WINDOW = "1h"
"""How long a loss that is over is still said."""


def of_usecase(spec: UseCase) -> list[Rule]:
    """Every alert of the use case."""
    return [*_of_the_model(spec), *_of_answers(spec), *_of_traffic(spec), *_of_data(spec), *_of_streams(spec)]


def _of_the_model(spec: UseCase) -> list[Rule]:
    monitoring = spec.monitoring
    windows, loss = monitoring.windows, monitoring.performance_loss
    # the figure itself is of a whole window
    rule = partial(Rule, usecase=spec.name, decides=True, wait="0s", calendar=spec.calendar)
    return [
        rule(
            "MoebiusPerformanceLoss",
            # a newest window without a breach ends it, whatever the windows before were
            f"({_figure(spec, 'breached_windows')} and {_figure(spec, 'breached')} == 1) >= {windows.breached}",
            "retrain",
            f"Release {{{{ $labels.release }}}} of {spec.name} lost more than {loss} {spec.metrics.primary} in "
            f"{{{{ $value }}}} of the last {windows.of} windows, the newest ends {_end(spec, 'judged')}",
            f"Nothing at once: {spec.name}.retrain_trigger decides; read its decision on the page Use case",
            window="judged",
        ),
        rule(
            "MoebiusReleaseWorse",
            f"({_figure(spec, 'gain_over_replaced')} and {_figure(spec, 'worse_than_replaced')} == 1) < 0",
            "look",
            f"Release {{{{ $labels.release }}}} of {spec.name} answers worse than the one that it replaced would have: "
            f'{{{{ printf "%+.4f" $value }}}} in {spec.metrics.primary}, surely below 0, in the window that ends '
            f"{_end(spec, 'judged')}",
            f"Put the replaced release back with {spec.name}.rollback, unless its page says why this one stays",
            window="judged",
        ),
        rule(
            "MoebiusFeatureDrift",
            f"{_figure(spec, 'drifted_features')} >= {monitoring.drift_features}",
            "look",
            f"{{{{ $value }}}} features of {spec.name} drifted beyond PSI {monitoring.drift_threshold} in the window "
            f"that ends {_end(spec, 'newest')} (release {{{{ $labels.release }}}}): check them; drift alone does not "
            "retrain",
            "Look at the drifted features on the page Use case; a broken source is repaired, a season is not",
            window="newest",
        ),
        *([_estimated_loss(spec)] if estimable(spec) else []),
        *([_labels_missing(spec)] if spec.event.label and spec.labelling is None else []),
    ]


def _estimated_loss(spec: UseCase) -> Rule:
    """Only while the labels of the newest window are not due: then they say it themselves."""
    windows, loss = spec.monitoring.windows, spec.monitoring.performance_loss
    breached = " and ".join((_figure(spec, BREACHED_WINDOWS), f"{_figure(spec, BREACHED)} == 1"))
    return Rule(
        "MoebiusEstimatedLoss",
        f"({breached}) >= {windows.breached}",
        "retrain",
        f"Release {{{{ $labels.release }}}} of {spec.name} is estimated to have lost more than {loss} "
        f"{spec.metrics.primary} in the window that ends {_end(spec, 'newest')}, whose labels are not due yet; with it "
        f"{{{{ $value }}}} of the last {windows.of} windows are breached, and the estimate has been right before",
        f"Nothing at once: {spec.name}.retrain_trigger decides; read its decision on the page Use case",
        "0s",
        spec.name,
        decides=True,
        window="newest",
        calendar=spec.calendar,
    )


def _labels_missing(spec: UseCase) -> Rule:
    """Labels that are not due yet are in neither figure; where people are asked for labels, many never come."""
    missing, known = _figure(spec, "unmatched"), _figure(spec, "labelled")
    return Rule(
        "MoebiusLabelsMissing",
        f"({missing} / ({missing} + {known}) and {missing} + {known} >= {ROWS}) > {UNMATCHED_SHARE}",
        "repair",
        "{{ $value | humanizePercentage }} of the labels of "
        f"{spec.name} that are due in the window that ends {_end(spec, 'judged')} never came "
        "(release {{ $labels.release }})",
        f"Find out why its source delivers no labels; then run {spec.name}.data_pipeline and {spec.name}.monitoring",
        "0s",
        spec.name,
        decides=True,
        window="judged",
        calendar=spec.calendar,
    )


def _end(spec: UseCase, window: Literal["newest", "judged"]) -> str:
    return moment(window_end(spec.name, window))


def _figure(spec: UseCase, name: str) -> str:
    """A figure of the release that serves: what a replaced one did calls for nothing."""
    of_each = f'max by (usecase, release) (moebius_figure{{usecase="{spec.name}",name="{name}"}})'
    return f"({of_each} and on (usecase, release) moebius_champion)"


def _of_answers(spec: UseCase) -> list[Rule]:
    name, limit, exactly = spec.name, spec.rollout.abort.max_error_rate, f'="{spec.name}"'
    of, rows = f'usecase="{name}"', partial(grown, "moebius_requests_total", usecase=exactly)
    ours, not_theirs, theirs = (rows(outcome=o) for o in ('!~"ok|bad_request"', '!="bad_request"', '="bad_request"'))
    failure, success = (grown(f"nv_inference_request_{what}", model=exactly) for what in ("failure", "success"))
    lookups = [
        f"sum by (view) (increase(moebius_feature_{what}_total{{{of}{more}}}[1m]))"
        for what, more in (("missing", ',reason="unavailable"'), ("lookups", ""))
    ]
    share, rule = "{{ $value | humanizePercentage }}", partial(Rule, usecase=name, severity="repair")
    # no traffic is 0/0, which is no sample and therefore no alert
    return [
        rule(
            "MoebiusServingErrors",
            f"{ours} / {not_theirs} > {limit}",
            summary=f"{share} of the rows for {name} fail by our fault; {limit:.1%} are allowed",
            action="See which outcome of moebius_requests_total grows, then the log of triton (`make status`)",
            wait="10s",
            decides=True,
        ),
        rule(
            "MoebiusBadRequests",
            f"{theirs} / {rows()} > {REFUSED_SHARE}",
            severity="look",
            summary=f"{share} of the rows for {name} are refused as bad requests; {REFUSED_SHARE:.0%} are usual",
            action="Ask the clients, whose error names the field; or the spec refuses what real events have",
            wait="1m",
        ),
        rule(
            "MoebiusUnansweredRequests",
            f"{failure} / ({failure} + {success}) > {limit}",
            summary=f"{share} of the requests for {name} fail in the model server, before our code answers them",
            action="Look for a dead process of the model in the log of triton; the keeper loads the model again",
            wait="10s",
            decides=True,
        ),
        rule(
            "MoebiusModelSilent",
            f'time() - max by (model) (moebius_alive_timestamp_seconds{{model="{name}"}}) > {SILENT_SECONDS}',
            summary=f"No process of model {name} has given a sign of life for {{{{ $value | humanizeDuration }}}}",
            action="See `make status` and the log of the keeper, which should have loaded the model again",
            wait="10s",
            decides=True,
        ),
        rule(
            "MoebiusLookupsFail",
            f"{lookups[0]} / {lookups[1]} > {UNAVAILABLE_SHARE}",
            summary=f"{share} of the lookups in {{{{ $labels.view }}}} of {name} get no answer from the online store",
            action="Start the online store (`make status`), or raise MOEBIUS_ONLINE_TIMEOUT if it is only slow",
            wait="10s",
        ),
        rule(
            "MoebiusRolloutStateUnusable",
            f"{grown('moebius_rollout_errors_total', usecase=exactly)} > 0",
            summary=f"The rollout state of {name} cannot be used; the last good one is followed",
            action="The log of triton says why: `moebius doctor --repair` puts a damaged file back, the rollback DAG a "
            "release that is complete",
            wait="10s",
        ),
        rule(
            "MoebiusPredictionsNotLogged",
            f"{grown('moebius_log_errors_total', LOSS_WINDOW, usecase=exactly)} > 0",
            summary=f"{{{{ $value | humanize }}}} answers of {name} could not be written to the prediction log",
            action="Free the disk of the spool or repair its rights; these answers stay out of monitoring",
            wait="0s",  # what is lost is lost at once
        ),
        rule(
            "MoebiusUnreadableRecords",
            f"{grown('moebius_unreadable_records_total', LOSS_WINDOW, usecase=exactly)} > 0",
            severity="look",
            summary=f"{{{{ $value | humanize }}}} records of {name} could not be read and were kept aside",
            action=f"Read `unreadable/{name}/` below MOEBIUS_HOME: each record has its place and the reason",
            wait="0s",
        ),
    ]  # fmt: skip


def _of_traffic(spec: UseCase) -> list[Rule]:
    """Usual is what the same hour of each of the last two days had: a night, or a replay, is not missed."""
    hour = partial(grown, "moebius_requests_total", "1h", usecase=f'="{spec.name}"')
    usual = " and ".join(f"({_earlier(hour(), days)} >= {USUAL_REQUESTS})" for days in (1, 2))
    return [
        Rule(
            "MoebiusNoTraffic",
            f"({hour()} or vector(0)) < {QUIET_SHARE} * ({usual})",
            "look",
            f"{spec.name} got {{{{ $value | humanize }}}} requests in the last hour, less than "
            f"{QUIET_SHARE:.0%} of what this hour had yesterday",
            "Ask the clients, then test the way to the server: `make status`, the gateway's log",
            "10m",
            spec.name,
        )
    ]


def _earlier(query: str, days: int) -> str:
    return query.replace("[1h]", f"[1h] offset {days}d")


def _of_data(spec: UseCase) -> list[Rule]:
    name, of, every = spec.name, f'usecase="{spec.name}"', spec.calendar.every
    refused = " + ".join(
        f'sum by (gate, table) (moebius_gate_{what}{{{of},severity="block"}})' for what in ("failures", "broken")
    )
    rows = f'moebius_figure{{{of},name="rows"}}'
    gone = f"max by (usecase) (last_over_time({rows}[{FIGURES_WINDOW}])) unless max by (usecase) ({rows})"
    rule = partial(Rule, usecase=name, severity="repair", wait="1m")
    return [
        rule(
            "MoebiusGateRefused",
            f"{refused} > 0",
            summary=f"{{{{ $labels.gate }}}} gate of {name}: {{{{ $value }}}} checks refused {{{{ $labels.table }}}}",
            action=f"Read the failing checks on Moebius → quality gates; repair the {every} or use {name}.quarantine",
        ),
        rule(
            "MoebiusWarningStands",
            f"moebius_standing_warning_periods{{{of}}} > 0",
            severity="look",
            summary=f"{{{{ $labels.expectation }}}} on {{{{ $labels.table }}}}.{{{{ $labels.column }}}} of {name} "
            f"warns in each of {{{{ $value }}}} {every}s",
            action=f"Repair what {name} is delivered, or the expectation in its suite, so that a new fault is seen",
        ),
        rule(
            "MoebiusPeriodLate",
            f"moebius_late_periods{{{of}}} > 0",
            summary=f"{{{{ $value }}}} {every}s of {name} are due and not published, the first began "
            + moment(f"moebius_late_since_timestamp_seconds{{usecase='{name}'}}"),
            action=f"See the runs of {name}.data_pipeline; run the {every} by hand when its source has the data",
        ),
        rule(
            "MoebiusFiguresGone",
            f"({gone}) and on() (max(moebius_exporter_up) == 1)",
            summary=f"The figures of {name} were there within the last day and are not any more",
            action=f"Run {name}.monitoring again; see who changed the table figures",
        ),
        rule(
            "MoebiusFilesDamaged",
            f"moebius_damaged_files{{{of}}} > 0",
            summary=f"{{{{ $value }}}} stored files of {name} ({{{{ $labels.kind }}}}) are damaged or gone",
            action=f"Read the newest run of {name}.scrub: it names each file and the way out; then run it again",
        ),
        rule(
            "MoebiusApprovalWaiting",
            f"time() - moebius_question_timestamp_seconds{{{of}}} > {WAITING_HOURS * 3600}",
            severity="look",
            summary=f"{name}: {{{{ $labels.question }}}} waits for a person since {{{{ $value | humanizeDuration }}}}",
            action="Answer it in Airflow under Required Actions",
        ),
    ]  # fmt: skip


def _of_streams(spec: UseCase) -> list[Rule]:
    name, of = spec.name, f'usecase="{spec.name}"'
    stream = 'stream {{ or $labels.view "of requests" }} of ' + name
    stuck = " or ".join(
        f"(moebius_{kind}_backlog{{{of}}} > 0 and increase(moebius_{kind}_{done}_total{{{of}}}[1m]) == 0)"
        for kind, done in (("stream", "events"), ("scoring", "scored"))
    )
    either, rule = '{{__name__=~"moebius_(stream|scoring)_{}",{}}}', partial(Rule, usecase=name, severity="repair")
    return [
        rule(
            "MoebiusStreamUnread",
            f"{either.format('up', of)} == 0",
            summary=f"The stream consumer cannot read {stream}",
            action="Start Redis: see `make status` and the log of the consumer",
            wait="30s",
        ),
        rule(
            "MoebiusStreamStuck",
            stuck,
            summary=f"{{{{ $value }}}} entries wait in {stream} and none was finished in a minute",
            action="Read the log of the consumer: it names the system that it waits for",
            wait="1m",
        ),
        rule(
            "MoebiusStreamLag",
            f"{either.format('backlog', of)} > {LONG_BACKLOG}",
            severity="look",
            summary=f"{{{{ $value }}}} entries wait in {stream}",
            action="Start a second consumer, or find out why more entries come than usual",
            wait="5m",
        ),
        rule(
            "MoebiusDeadLetters",
            f"{either.format('dead_letters', of)} > 0",
            severity="look",
            summary=f"{{{{ $value }}}} entries of {stream} were put aside as dead letters",
            action=f"Run {name}.dead_letters: replay them after a repair, or drop them",
            wait="1m",
        ),
    ]  # fmt: skip
