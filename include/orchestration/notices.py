"""Airflow's notifiers for a question that waits: mail by the SMTP provider, and chat channels with a webhook.

A notice that cannot be sent stops nothing: it is logged, and the lake table ``approval_notices`` counts it.
"""

import html
from collections.abc import Sequence
from typing import Any

from airflow.providers.smtp.notifications.smtp import SmtpNotifier
from airflow.sdk import Context
from airflow.sdk.bases.notifier import BaseNotifier

from include.contracts.notices import Notice, NoticeKind, Receiver
from include.errors import MoebiusError
from include.orchestration.dags import run_key
from include.orchestration.steps import bound
from include.settings import load_settings
from include.specification.usecase import UseCase


class _Recorded(BaseNotifier):
    """Records whether the notice was sent; what it says was written by us, and is no template."""

    template_fields = ()

    def __init__(self, *, spec: UseCase, notice: Notice, receiver: Receiver, **options: Any) -> None:
        super().__init__(**options)
        self.spec, self.notice, self.receiver = spec, notice, receiver

    def notify(self, context: Context) -> None:
        """Send, log and record; whatever fails ends here, because Airflow would end the task that asks."""
        fault = ""
        try:
            self.send(context)
        except Exception as error:
            fault = f"{type(error).__name__}: {error}".replace(self.receiver.address, "…")[:300]
            self.log.error("no notice to %s by %s: %s", self.receiver.name, self.receiver.way, fault)
        try:
            self._record(fault)
        except MoebiusError as error:
            self.log.error("the notice to %s is not recorded: %s", self.receiver.name, error)

    def send(self, context: Context) -> None:
        """Send the notice, or raise."""
        raise NotImplementedError

    def _record(self, fault: str) -> None:
        receiver, kind = self.receiver, self.notice.kind
        bound(self.spec, "approval.record_notice")(run_key(), kind, receiver.name, receiver.way, fault)


class MailNotifier(_Recorded, SmtpNotifier):
    """A mail by Airflow's connection of the settings."""

    def __init__(self, *, spec: UseCase, notice: Notice, receiver: Receiver) -> None:
        settings = load_settings()
        super().__init__(
            spec=spec, notice=notice, receiver=receiver, to=receiver.address, from_email=settings.notify_mail_from,
            subject=notice.subject, html_content=_paragraphs(notice.text), smtp_conn_id=settings.notify_mail_connection,
        )  # fmt: skip

    def send(self, context: Context) -> None:
        SmtpNotifier.notify(self, context)


class ChannelNotifier(_Recorded):
    """A message to a channel."""

    def send(self, context: Context) -> None:
        bound(self.spec, "approval.post")(self.receiver.address, f"{self.notice.subject}\n{self.notice.text}")


WAYS: dict[str, type[_Recorded]] = {"mail": MailNotifier, "webhook": ChannelNotifier}


def notifiers(spec: UseCase, kind: NoticeKind, link: str) -> Sequence[BaseNotifier]:
    """One for each receiver of a notice about the question of this run."""
    notice: Notice = bound(spec, "approval.notice")(run_key(), kind, link)
    return [WAYS[one.way](spec=spec, notice=notice, receiver=one) for one in notice.receivers]


def _paragraphs(text: str) -> str:
    return "".join(f"<p>{html.escape(line)}</p>" for line in text.splitlines())
