"""E-mail over SMTP, as plain text."""

import asyncio
import smtplib
import ssl
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

from belvedere.collector.errors import ConfigError, Permanent, Retryable
from belvedere.collector.exporters.retry import Clock, Retry
from belvedere.rules.notify.config import EmailConfig
from belvedere.rules.notify.notification import Notification
from belvedere.rules.notify.receivers.words import long_lines

_IMPLICIT_TLS_PORT = 465


class EmailIntegration:
    """See `Integration`. The mail server is talked to in a thread."""

    name = "email"

    def __init__(self, config: EmailConfig) -> None:
        """See `EmailConfig`."""
        self._config = config
        self.send_resolved = config.send_resolved
        self._retry = Retry(config.retry_on_failure, self.name, Clock())
        self._tls: ssl.SSLContext | None = None

    async def start(self) -> None:
        """See `Integration.start`."""
        path = self._config.tls_ca_file
        try:
            self._tls = ssl.create_default_context(cafile=path or None)
        except OSError as error:
            raise ConfigError(
                f"the certificates cannot be read: {error}", key="email_configs::tls_ca_file"
            ) from error

    async def send(self, notification: Notification) -> None:
        """See `Integration.send`."""
        message = self._message(notification)
        await self._retry.call(lambda: asyncio.to_thread(self._deliver, message))

    async def shutdown(self) -> None:
        """See `Integration.shutdown`."""
        self._retry.stop()

    def _message(self, notification: Notification) -> EmailMessage:
        config = self._config
        message = EmailMessage()
        message["Subject"] = " ".join(notification.title.split())
        message["From"], message["To"] = config.from_, config.to
        message["Date"], message["Message-ID"] = formatdate(), make_msgid()
        for name, value in config.headers.items():
            del message[name]
            message[name] = value
        parts = []
        for what, alerts in (("firing", notification.firing), ("resolved", notification.resolved)):
            if alerts:
                plural = "alert" if len(alerts) == 1 else "alerts"
                parts += [f"{len(alerts)} {plural} {what}:", "", *long_lines(alerts)]
        message.set_content("\n".join([*parts, notification.external_url]))
        return message

    def _deliver(self, message: EmailMessage) -> None:
        """Send it once.

        Raises:
            Retryable: the server cannot be reached, or cannot take it now.
            Permanent: the server never takes it.
        """
        where = self._config.smarthost
        try:
            with self._connection() as server:
                if self._config.auth_username:
                    server.login(self._config.auth_username, self._config.auth_password)
                server.send_message(message)
        except smtplib.SMTPResponseException as error:
            text = error.smtp_error
            said = text.decode(errors="replace") if isinstance(text, bytes) else text
            problem = f"mail server {where}: {error.smtp_code} {said}"
            if 400 <= error.smtp_code < 500:
                raise Retryable(problem) from error
            raise Permanent(problem) from error
        except (smtplib.SMTPRecipientsRefused, smtplib.SMTPNotSupportedError) as error:
            raise Permanent(f"mail server {where}: {error}") from error
        except (OSError, smtplib.SMTPException) as error:
            raise Retryable(f"mail server {where}: {error}") from error

    def _connection(self) -> smtplib.SMTP:
        config = self._config
        host, _, port = config.smarthost.rpartition(":")
        timeout_s, hello = config.timeout / 1000, config.hello or None
        if int(port) == _IMPLICIT_TLS_PORT:
            return smtplib.SMTP_SSL(host, int(port), hello, timeout=timeout_s, context=self._tls)
        server = smtplib.SMTP(host, int(port), hello, timeout=timeout_s)
        if config.require_tls:
            try:
                server.starttls(context=self._tls)
            except BaseException:
                server.close()
                raise
        return server
