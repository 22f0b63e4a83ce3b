"""The audit log: entries in files, keys of people beside them, checkpoints outside."""

from include.adapters.audit_log.log import FileAuditLog
from include.adapters.audit_log.subject_keys import SqliteSubjectKeys

__all__ = ["FileAuditLog", "SqliteSubjectKeys"]
