"""What each action of a person does, in a sentence, and which fields of its DAG's form it has."""

from include.governance.actions import ACTIONS
from include.governance.operations import OPERATION, REASON, of_others
from include.ui.language import marked

DOES = {
    "approve": marked("Takes the candidate: it is deployed next, in the way that the use case declares."),
    "reject": marked("Keeps the champion: the candidate is not deployed."),
    "promote": marked("Rolls an approved model version out, even while a pause holds deployments back."),
    "roll_back": marked("Puts another release back with all of the traffic. A rollout under way is over."),
    "choose_release": marked("Names the release that serves next, or keeps what serves."),
    "abort": marked("Ends the rollout: all of the traffic goes back to the champion at once."),
    "train": marked("Starts a training; what comes of it is a candidate, which is evaluated next."),
    "force_retrain": marked("Starts a retrain without an alert. Who forces it cannot approve what comes of it."),
    "pause": marked("Holds retrains and deployments back for a time. It ends by itself."),
    "resume": marked("Ends the pause: retrains and deployments start by themselves again."),
    "silence": marked("Makes the retrain trigger deaf to one alert for a time. It ends by itself."),
    "unsilence": marked("Ends the silence of an alert."),
    "restore": marked("Makes an earlier snapshot the current one."),
    "pin": marked("Protects a snapshot from expiry."),
    "unpin": marked("Ends the protection of a snapshot from expiry."),
    "expire": marked("Deletes files of snapshots that were replaced and that nothing protects."),
    "rebuild": marked("Writes the training data of a model version again."),
    "release_rows": marked("Accepts rows that a quality gate holds exactly as they are, and runs the period again."),
    "drop_rows": marked("Leaves out rows that a quality gate holds, and runs the period again."),
    "replay_events": marked("Puts dead letters back on their stream."),
    "drop_events": marked("Deletes dead letters. They do not come back."),
    "retire": marked("Asks for the end of a release; an approver decides."),
    "end_service": marked("Asks for the end of what serves, without a replacement: clients get no answer afterwards."),
    "approve_retirement": marked("Ends the release: its files and its model go to the archive."),
    "reject_retirement": marked("Keeps the release."),
    "label": marked("Gives labels to rows that the model is unsure of."),
    "erase": marked("Deletes everything that is stored of a person. It does not come back."),
    "rotate_keys": marked("Makes new keys and renews every pseudonym with them."),
    "export": marked("Asks for an export of a table; an approver decides."),
    "approve_export": marked("Lets the table leave."),
    "reject_export": marked("Keeps the table here."),
    "find_answers": marked("Asks for the answers that were given about one entity; an approver decides."),
    "approve_answers": marked("Lets these answers leave."),
    "reject_answers": marked("Keeps these answers here."),
    "hand_over": marked("Asks for a hand-over of data to development; an approver decides."),
    "approve_hand_over": marked("Lets the data leave for development."),
    "reject_hand_over": marked("Keeps the data here."),
    "compliance_bundle": marked("Writes the evidence of a release into one bundle."),
    "verify": marked(
        "Proves every entry of the audit log, every approval, release and prediction against what was signed. "
        "Then it signs what is new, as every day."
    ),
    "take_in": marked("Takes data that was handed over into development."),
}

_UNEXPLAINED = ("expire", "rebuild", "replay_events")
WITHOUT: dict[str, frozenset[str]] = {
    name: of_others(action.family, str(action.fields.get(OPERATION, "")))
    | ({REASON} if name in _UNEXPLAINED else set())
    for name, action in ACTIONS.items()
} | {"retire": frozenset({"confirm"}), "end_service": frozenset({"replacement"})}
"""Action → fields of its DAG's form that are for other actions."""
NEEDED = {
    "promote": {"version"},
    "pause": {"length"},
    "silence": {"alert", "length"},
    "unsilence": {"alert"},
    "restore": {"snapshot"},
    "pin": {"snapshot"},
    "unpin": {"snapshot"},
    "rebuild": {"version"},
    "retire": {"release"},
    "end_service": {"release"},
}
"""Action → fields that must be filled in for it, beside its reason and its confirmation."""
