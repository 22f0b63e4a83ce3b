"""Every error that Moebius raises on purpose.

MoebiusError
├── SpecError              a usecase.yaml that cannot be used: file, key, allowed values
├── SettingsError          an environment variable or port that cannot be used
├── DataError              the data is at fault; a retry cannot help
│   ├── MissingPeriodError     the source has nothing for the period
│   ├── SourceError            the source is unreadable or its columns changed
│   ├── GateRefusedError       a quality gate refused the data (failures and counts inside)
│   ├── DamagedFileError       a stored file that has other bytes than it was written with, or is gone
│   ├── ExportFileError        an exported file that the key does not open, or that was truncated or altered
│   ├── DamagedStateError      a file of the state root that does not hold what was written, and has no good copy
│   ├── LeakageError           a dataset that must not be used for evaluation
│   └── PrivacyError           personal data is stored in clear, or left after its deletion
├── PeriodError            a text that is not a period
├── BrokenCheckError       the check itself crashed: says nothing about the data
├── AccessError            rows that a role may not read, or that must not leave
├── ConflictError          a concurrent writer won; the whole step may be retried
│   └── LockHeldError          another process works on it, for longer than the step may wait
├── DiskFullError          a disk without space or inodes: which, what for, what is free; a retry may help
├── ReviewDueError         a legal text that nobody checked for longer than the use case allows
├── NotFoundError          a snapshot, model, release or plan that does not exist
├── TrainingError          the fit failed or gave an unusable model
├── EvaluationError        the four comparisons cannot be made, or the gate self-test failed
│   └── UndefinedMetricError   a metric has no value on these rows: one class only, no variance, one cluster
├── DeploymentError        a release that cannot be packaged, loaded or proved
│   ├── DamagedReleaseError    a release with another file, or another manifest, than was packaged
│   ├── ApprovalError          a version or release without a valid approval, or an answer that must not count
│   │   └── StaleVerdictError      its verdict compared it with another champion than the one that serves
│   └── RolloutAbortedError    a rollout step breached its abort criteria
└── ServiceError           an outside system did not answer as it must; a retry may help
    ├── AnswerError            the model server refused one request, or none answered it (code inside)
    └── RequestFailedError     the model server is there, and answered this request with an error
        └── RequestRefusedError    it refused this request for what it holds; a retry cannot help

Each message names the thing, the value and what to do.
"""

from collections.abc import Iterator
from contextlib import contextmanager


class MoebiusError(Exception):
    """Base of all of them; ``retryable`` tells the orchestration whether a retry can help."""

    retryable = False


class SpecError(MoebiusError): ...


class SettingsError(MoebiusError): ...


class DataError(MoebiusError): ...


class MissingPeriodError(DataError): ...


class SourceError(DataError): ...


class GateRefusedError(DataError): ...


class DamagedFileError(DataError): ...


class ExportFileError(DataError): ...


class DamagedStateError(DataError): ...


class LeakageError(DataError): ...


class PrivacyError(DataError): ...


class PeriodError(MoebiusError, ValueError): ...


class BrokenCheckError(MoebiusError): ...


class AccessError(MoebiusError): ...


class ConflictError(MoebiusError):
    retryable = True


class LockHeldError(ConflictError): ...


class DiskFullError(MoebiusError):
    retryable = True


class ReviewDueError(MoebiusError): ...


class NotFoundError(MoebiusError): ...


class TrainingError(MoebiusError): ...


class EvaluationError(MoebiusError): ...


class UndefinedMetricError(EvaluationError): ...


class DeploymentError(MoebiusError): ...


class DamagedReleaseError(DeploymentError): ...


class ApprovalError(DeploymentError): ...


class StaleVerdictError(ApprovalError): ...


class PausedError(DeploymentError): ...


class RolloutAbortedError(DeploymentError): ...


class ServiceError(MoebiusError):
    retryable = True


class AnswerError(ServiceError):
    """One request got no answer; ``code`` is gRPC's name of the status, ``details`` the server's words."""

    def __init__(self, code: str, details: str) -> None:
        super().__init__(f"{code}: {details}")
        self.code, self.details = code, details


class NoAnswerError(ServiceError):
    """The service lives and gave no answer in time."""


class RequestFailedError(ServiceError): ...


class RequestRefusedError(RequestFailedError):
    retryable = False


@contextmanager
def service_error_of(kind: type[Exception], words: str) -> Iterator[None]:
    """Raises ServiceError with these words in place of an error of this kind, whose class name replaces ``{}``."""
    try:
        yield
    except kind as error:
        raise ServiceError(words.replace("{}", type(error).__name__)) from error
