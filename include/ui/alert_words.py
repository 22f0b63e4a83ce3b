"""What alerts say, for the catalogues: each summary and each "what to do" of ``operations.alerts``.

A rule's text has values in it, which Prometheus fills; here each is a name in braces.
"""

from include.ui.language import marked

RHYTHMS = (marked("hour"), marked("day"), marked("week"), marked("month"))
OF_REQUESTS = marked("of requests")
"""How a rule names the stream of scoring requests; the others have the name of their view."""
_OF_THE_MODEL = (
    marked(
        "Release {release} of {usecase} lost more than {limit} {metric} in {count} of the last {windows} windows, "
        "the newest ends {time}"
    ),
    marked("Nothing at once: {usecase}.retrain_trigger decides; read its decision on the page Use case"),
    marked(
        "Release {release} of {usecase} answers worse than the one that it replaced would have: {difference} in "
        "{metric}, surely below 0, in the window that ends {time}"
    ),
    marked("Put the replaced release back with {usecase}.rollback, unless its page says why this one stays"),
    marked(
        "{count} features of {usecase} drifted beyond PSI {limit} in the window that ends {time} (release {release}): "
        "check them; drift alone does not retrain"
    ),
    marked("Look at the drifted features on the page Use case; a broken source is repaired, a season is not"),
    marked(
        "Release {release} of {usecase} is estimated to have lost more than {limit} {metric} in the window that ends "
        "{time}, whose labels are not due yet; with it {count} of the last {windows} windows are breached, and the "
        "estimate has been right before"
    ),
    marked(
        "{part} of the labels of {usecase} that are due in the window that ends {time} never came (release {release})"
    ),
    marked(
        "Find out why its source delivers no labels; then run {usecase}.data_pipeline and {usecase}.monitoring"
    ),
)  # fmt: skip
_OF_ANSWERS = (
    marked("{part} of the rows for {usecase} fail by our fault; {limit} are allowed"),
    marked("See which outcome of moebius_requests_total grows, then the log of triton (`make status`)"),
    marked("{part} of the rows for {usecase} are refused as bad requests; {limit} are usual"),
    marked("Ask the clients, whose error names the field; or the spec refuses what real events have"),
    marked("{part} of the requests for {usecase} fail in the model server, before our code answers them"),
    marked("Look for a dead process of the model in the log of triton; the keeper loads the model again"),
    marked("No process of model {usecase} has given a sign of life for {length}"),
    marked("See `make status` and the log of the keeper, which should have loaded the model again"),
    marked("{part} of the lookups in {view} of {usecase} get no answer from the online store"),
    marked("Start the online store (`make status`), or raise MOEBIUS_ONLINE_TIMEOUT if it is only slow"),
    marked("The rollout state of {usecase} cannot be used; the last good one is followed"),
    marked(
        "The log of triton says why: `moebius doctor --repair` puts a damaged file back, the rollback DAG a release "
        "that is complete"
    ),
    marked("{count} answers of {usecase} could not be written to the prediction log"),
    marked("Free the disk of the spool or repair its rights; these answers stay out of monitoring"),
    marked("{count} records of {usecase} could not be read and were kept aside"),
    marked("Read `unreadable/{usecase}/` below MOEBIUS_HOME: each record has its place and the reason"),
    marked("{usecase} got {count} requests in the last hour, less than {limit} of what this hour had yesterday"),
    marked("Ask the clients, then test the way to the server: `make status`, the gateway's log"),
)
_OF_DATA = (
    marked("{gate} gate of {usecase}: {count} checks refused {table}"),
    marked("Read the failing checks on Moebius → quality gates; repair the {rhythm} or use {usecase}.quarantine"),
    marked("{expectation} on {column} of {usecase} warns in each of {count} {rhythm}s"),
    marked("Repair what {usecase} is delivered, or the expectation in its suite, so that a new fault is seen"),
    marked("{count} {rhythm}s of {usecase} are due and not published, the first began {time}"),
    marked("See the runs of {usecase}.data_pipeline; run the {rhythm} by hand when its source has the data"),
    marked("The figures of {usecase} were there within the last day and are not any more"),
    marked("Run {usecase}.monitoring again; see who changed the table figures"),
    marked("{count} stored files of {usecase} ({kind}) are damaged or gone"),
    marked("Read the newest run of {usecase}.scrub: it names each file and the way out; then run it again"),
    marked("{usecase}: {question} waits for a person since {length}"),
    marked("Answer it in Airflow under Required Actions"),
)
_OF_STREAMS = (
    marked("The stream consumer cannot read stream {stream} of {usecase}"),
    marked("Start Redis: see `make status` and the log of the consumer"),
    marked("{count} entries wait in stream {stream} of {usecase} and none was finished in a minute"),
    marked("Read the log of the consumer: it names the system that it waits for"),
    marked("{count} entries wait in stream {stream} of {usecase}"),
    marked("Start a second consumer, or find out why more entries come than usual"),
    marked("{count} entries of stream {stream} of {usecase} were put aside as dead letters"),
    marked("Run {usecase}.dead_letters: replay them after a repair, or drop them"),
)
_OF_THE_PLATFORM = (
    marked("Prometheus cannot reach the model server {instance}: no use case gets an answer from it"),
    marked("Prometheus cannot reach the metrics exporter {instance}: figures, gates and due times are not seen"),
    marked("Prometheus cannot reach the stream consumer {instance}: events and streamed requests wait"),
    marked("Prometheus cannot reach the gateway {instance}: clients outside cannot ask"),
    marked("See `make status` and the log file that it names; `make up` starts what is missing"),
    marked("The metrics exporter could not read what {records} stands for; alerts on it cannot fire"),
    marked("Read the log of the exporter (`make status` names the file), then repair or restore the table"),
    marked("No sign of life of the keeper for {length}: a model server that dies is not started again"),
    marked("See `make status` and the log of the keeper; `make up` starts it"),
    marked(
        "In {count} hours the disk {disk} (holds {held}) is full if it continues as in the last 15 minutes"
    ),
    marked("{part} of the bytes of the disk {disk} (holds {held}) are free"),
    marked("{part} of the files that the disk {disk} (holds {held}) can hold are free"),
    marked("Free space there: expire old snapshots with the data_versions DAG, delete old logs"),
    marked("{count} files of the state root are damaged or gone (room {room})"),
    marked(
        "`moebius doctor` names them, `moebius doctor --repair` puts good copies back; then look after the disk"
    ),
    marked("{count} things in the audit log, or in what it binds, were altered"),
    marked("Change nothing; read the newest run of a DAG `audit`, which names each, and follow its runbook"),
    marked("The audit log was not verified and signed for {length}"),
    marked("See the runs of the DAGs `audit`: they run every day at 5:00 UTC"),
    marked("{service} does not run, or the exporter does not know whether it does"),
    marked("{service} died {count} times in the last quarter of an hour"),
    marked("See `make status`: when, why, what since; then the log of the service"),
    marked("{service} died in the last quarter of an hour"),
    marked("{service} hung in the last quarter of an hour"),
    marked("See `make status`: when, why, what since"),
    marked("{service} died or failed so often that it is started only now and then, or not at all"),
    marked(
        "See `make status`: when, why, what since. Of a model `<server>/<model>` the log of the keeper says what the "
        "server answered"
    ),
    marked("{part} of the gateway's answers are server errors"),
    marked("Look for the status and the server in the log of the gateway (`make status` names the file)"),
)  # fmt: skip
ALERTS = (*RHYTHMS, *_OF_THE_MODEL, *_OF_ANSWERS, *_OF_DATA, *_OF_STREAMS, *_OF_THE_PLATFORM)
