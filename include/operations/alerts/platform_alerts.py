"""The alerts of the platform as a whole: each once, whatever number of use cases it serves."""

from functools import partial

from include.operations.alerts.alert_rule import Rule, grown

JOBS = {
    "triton": ("MoebiusModelServerDown", "the model server", "no use case gets an answer from it"),
    "moebius": ("MoebiusExporterDown", "the metrics exporter", "figures, gates and due times are not seen"),
    "streams": ("MoebiusConsumerDown", "the stream consumer", "events and streamed requests wait"),
    "gateway": ("MoebiusGatewayDown", "the gateway", "clients outside cannot ask"),
}
"""Prometheus job → its alert, what it scrapes, and what it means that it does not answer."""
OPTIONAL = ("gateway",)  # without a client there is none
READ = (
    "exporter",
    "champions",
    "gates",
    "standing",
    "drills",
    "periods",
    "questions",
    "notices",
    "scrubs",
    "audit",
    "unreadable",
    "disks",
    "state",
    "processes",
)
UP = tuple(f"moebius_{what}_up" for what in READ)
"""Whether the exporter could read each kind of record."""
DEATH_WINDOW = "15m"
MANY_DEATHS = 2.5
"""In this window; growth is extrapolated, so three deaths may be a little less."""
GATEWAY_SHARE = 0.01
KEEPER_SECONDS = 60
FREE_SHARE = 0.05
UNVERIFIED_HOURS = 50
"""Two daily runs of the DAG `audit`, and some patience."""
FILLING_SHARE, FILLING_HOURS = 0.3, 4
"""Of a disk with less free space is said when it will be full, if that is within so many hours."""


def of_platform() -> list[Rule]:
    """Every alert that belongs to no single use case."""
    return [
        *(_down(job) for job in JOBS),
        *_unread(),
        *_host(),
        *_disks(),
        _state(),
        *_audit(),
        *_processes(),
        _gateway(),
    ]


def _down(job: str) -> Rule:
    name, what, means = JOBS[job]
    missing = "" if job in OPTIONAL else f' or absent(up{{job="{job}"}})'
    return Rule(
        name,
        f'up{{job="{job}"}} == 0{missing}',
        "repair",
        f"Prometheus cannot reach {what} {{{{ $labels.instance }}}}: {means}",
        "See `make status` and the log file that it names; `make up` starts what is missing",
        "10s",
        decides=job == "triton",
    )


def _unread() -> list[Rule]:
    """The exporter answers, but cannot read a kind of record, or does not tell whether it could."""
    told = " or ".join(f'label_replace({up} == 0, "records", "{up}", "", "")' for up in UP)
    absent = " or ".join(
        f'label_replace(up{{job="moebius"}} == 1 unless on (instance) {up}, "records", "{up}", "", "")' for up in UP
    )
    return [
        Rule(
            "MoebiusRecordsUnread",
            f"{told} or {absent}",
            "repair",
            "The metrics exporter could not read what {{ $labels.records }} stands for; alerts on it cannot fire",
            "Read the log of the exporter (`make status` names the file), then repair or restore the table",
            "30s",
        )
    ]


def _host() -> list[Rule]:
    rule = partial(Rule, severity="repair", wait="5m")
    return [
        rule(
            "MoebiusKeeperSilent",
            f"time() - moebius_keeper_timestamp_seconds > {KEEPER_SECONDS}",
            summary="No sign of life of the keeper for {{ $value | humanizeDuration }}: a model server that dies "
            "is not started again",
            action="See `make status` and the log of the keeper; `make up` starts it",
        ),
    ]


def _disks() -> list[Rule]:
    """Of every file system that holds state: bytes, inodes, and where the last quarter of an hour leads to."""
    disk, percentage = "the disk {{ $labels.mount }} (holds {{ $labels.holds }})", "{{ $value | humanizePercentage }}"
    rule = partial(
        Rule, severity="repair", wait="1m",
        action="Free space there: expire old snapshots with the data_versions DAG, delete old logs",
    )  # fmt: skip
    free = "moebius_disk_free_bytes / moebius_disk_size_bytes"
    return [
        rule(
            "MoebiusDiskFilling",
            f"predict_linear(moebius_disk_free_bytes[15m], {FILLING_HOURS * 3600}) < 0 and {free} < {FILLING_SHARE}",
            summary=f"In {FILLING_HOURS} hours {disk} is full if it continues as in the last 15 minutes",
        ),
        rule(
            "MoebiusDiskAlmostFull",
            f"{free} < {FREE_SHARE}",
            summary=f"{percentage} of the bytes of {disk} are free",
        ),
        rule(
            "MoebiusInodesAlmostFull",
            f"moebius_disk_free_inodes / moebius_disk_inodes < {FREE_SHARE}",
            summary=f"{percentage} of the files that {disk} can hold are free",
        ),
    ]


def _state() -> Rule:
    return Rule(
        "MoebiusStateDamaged",
        "moebius_state_files_damaged > 0",
        "repair",
        "{{ $value }} files of the state root are damaged or gone (room {{ $labels.room }})",
        "`moebius doctor` names them, `moebius doctor --repair` puts good copies back; then look after the disk",
        "10s",
    )


def _audit() -> list[Rule]:
    return [
        Rule(
            "MoebiusAuditLogAltered",
            "moebius_audit_faults > 0",
            "repair",
            "{{ $value }} things in the audit log, or in what it binds, were altered",
            "Change nothing; read the newest run of a DAG `audit`, which names each, and follow its runbook",
            "10s",
        ),
        Rule(
            "MoebiusAuditLogUnverified",
            f"time() - moebius_audit_time_seconds > {UNVERIFIED_HOURS * 3600}",
            "repair",
            "The audit log was not verified and signed for {{ $value | humanizeDuration }}",
            "See the runs of the DAGs `audit`: they run every day at 5:00 UTC",
            "10s",
        ),
    ]


def _processes() -> list[Rule]:
    """Of every process: that it is away, died, dies again and again, or is not started any more."""
    of_each, action = (
        "sum by (service) (increase(moebius_process_deaths_total",
        "See `make status`: when, why, what since",
    )
    return [
        Rule(
            "MoebiusProcessDown",
            "moebius_process_up == 0 or absent(moebius_process_up)",
            "repair",
            "{{ $labels.service }} does not run, or the exporter does not know whether it does",
            "See `make status` and the log file that it names; `make up` starts what is missing",
            "30s",
        ),
        Rule(
            "MoebiusProcessDied",
            f"sum by (service, what) (increase(moebius_process_deaths_total[{DEATH_WINDOW}])) > 0",
            "look",
            "{{ $labels.service }} {{ $labels.what }} in the last quarter of an hour",
            action,
            "0s",  # it may be there again by now
        ),
        Rule(
            "MoebiusProcessDiesAgain",
            f"{of_each}[{DEATH_WINDOW}])) > {MANY_DEATHS}",
            "repair",
            "{{ $labels.service }} died {{ $value | humanize }} times in the last quarter of an hour",
            f"{action}; then the log of the service",
            "0s",
        ),
        Rule(
            "MoebiusProcessGivenUp",
            "moebius_process_given_up == 1",
            "repair",
            "{{ $labels.service }} died or failed so often that it is started only now and then, or not at all",
            f"{action}. Of a model `<server>/<model>` the log of the keeper says what the server answered",
            "10s",
        ),
    ]


def _gateway() -> Rule:
    edge = partial(grown, "haproxy_frontend_http_responses_total", proxy='="edge"')
    failed = edge(code='="5xx"')
    return Rule(
        "MoebiusGatewayErrors",
        f"{failed} / {edge()} > {GATEWAY_SHARE}",
        "repair",
        "{{ $value | humanizePercentage }} of the gateway's answers are server errors",
        "Look for the status and the server in the log of the gateway (`make status` names the file)",
        "10s",
    )
