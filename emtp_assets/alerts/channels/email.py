"""E-mail by SMTP: STARTTLS, TLS or neither, with or without login. What a mail says is `wording`'s."""

from __future__ import annotations

import smtplib
import socket
import ssl
import threading
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from email.utils import formatdate
from typing import Any

from emtp_assets.alerts.channels.protocol import ChannelFailure, trusted
from emtp_assets.alerts.message import Message
from emtp_assets.alerts.wording import Wording
from emtp_assets.settings import Settings
from emtp_assets.settings.secrets import SecretError
from emtp_assets.sources import Probe

_LEAST_SECONDS = 0.5


class EmailChannel:
    """Mail to the operators, and to the developers what concerns them. Each message goes out once to each of them."""

    name = "correo"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._alerts = settings.alerts
        self._wording = Wording(settings)

    def send(self, message: Message, *, seconds: float, done: frozenset[str] = frozenset()) -> str:
        """See `Channel.send`. A server that refuses one recipient still gets the others."""
        everybody = dict.fromkeys(
            (*self._alerts.email_to, *(self._alerts.developer_email if message.developers else ()))
        )
        recipients = [address for address in everybody if address not in done]
        if recipients:
            self._deliver(self._mail(message, list(everybody)), recipients, seconds)
        return ", ".join(everybody)

    def examine(self) -> Iterator[Probe]:
        """Connect, encrypt and sign in, as for a mail, and leave again."""
        what, where = "aviso por correo", f"{self._alerts.smtp_host}:{self._alerts.smtp_port}"
        try:
            with self._session(self._alerts.timeout):
                pass
        except ChannelFailure as failure:
            yield Probe(what, False, failure.what, failure.action)
            return
        login = f", sesión de {self._alerts.smtp_user}" if self._alerts.smtp_user else ", sin sesión"
        encryption = {"starttls": "STARTTLS", "tls": "TLS", "none": "sin cifrar"}[self._alerts.smtp_security]
        yield Probe(what, True, f"{where}, {encryption}{login}; para {', '.join(self._alerts.email_to)}")

    def _mail(self, message: Message, recipients: Sequence[str]) -> EmailMessage:
        mail = EmailMessage()
        mail["Subject"] = self._wording.subject(message)
        mail["From"] = self._alerts.email_from
        mail["To"] = ", ".join(recipients)
        mail["Date"] = formatdate(message.created_at.timestamp())
        # The same at each try: where one was taken and its answer lost, readers see a single mail.
        mail["Message-ID"] = f"<{message.id}@{self._alerts.email_from.rpartition('@')[2] or 'localhost'}>"
        mail["Auto-Submitted"] = "auto-generated"
        mail["X-Auto-Response-Suppress"] = "All"
        mail["X-EMTP-Causa"] = self._wording.keys(message)
        mail.set_content(self._wording.text(message))
        mail.add_alternative(self._wording.html(message), subtype="html")
        return mail

    def _deliver(self, mail: EmailMessage, recipients: Sequence[str], seconds: float) -> None:
        with self._session(seconds) as session:
            try:
                refused = session.send_message(mail, to_addrs=recipients)
            except smtplib.SMTPRecipientsRefused as error:
                refused = error.recipients
            except smtplib.SMTPSenderRefused as error:
                raise ChannelFailure(
                    f"El servidor de correo no acepta el remitente {self._alerts.email_from} "
                    f"(código {error.smtp_code}).",
                    "Ponga en EMTP_ALERT_EMAIL_FROM una dirección que ese servidor deje usar a la plataforma.",
                ) from None
            except smtplib.SMTPDataError as error:
                raise ChannelFailure(
                    f"El servidor de correo no aceptó el mensaje (código {error.smtp_code}).",
                    "Se intenta de nuevo solo. Si se repite, pregunte a quien administra el correo por qué lo rechaza.",
                    whole=error.smtp_code < 500,
                ) from None
        if refused:
            codes = ", ".join(f"{address} (código {code})" for address, (code, _) in refused.items())
            raise ChannelFailure(
                f"El servidor de correo no acepta a {codes}.",
                "Corrija EMTP_ALERT_EMAIL_TO o EMTP_ALERT_DEVELOPER_EMAIL, o pida que el servidor deje escribirles.",
                whole=False,
                accepted_for=set(recipients) - set(refused),
            )

    @contextmanager
    def _session(self, seconds: float) -> Iterator[smtplib.SMTP]:
        """A session ready to send; over when the time is, whatever the server does.

        Raises:
            ChannelFailure: in place of anything that a server or the network can do.
        """
        where = f"{self._alerts.smtp_host}:{self._alerts.smtp_port}"
        try:
            password = self._alerts.smtp_secret()
        except SecretError as error:
            raise ChannelFailure(str(error), "Corrija EMTP_ALERT_SMTP_PASSWORD_FILE.") from None
        if self._alerts.smtp_user and self._alerts.smtp_security == "none":
            raise ChannelFailure(
                "Con EMTP_ALERT_SMTP_SECURITY=none la contraseña del correo viajaría sin cifrar: no se envía.",
                "Use starttls o tls, o quite EMTP_ALERT_SMTP_USER si el servidor no pide sesión.",
            )
        session = None
        try:
            session = self._connected(max(seconds, _LEAST_SECONDS), trusted(self._settings))
            if self._alerts.smtp_user:
                _sign_in(session, self._alerts.smtp_user, password or "")
            yield session
            with suppress(smtplib.SMTPException, OSError):
                session.quit()
        except ssl.SSLCertVerificationError as error:
            raise ChannelFailure(
                f"El certificado del servidor de correo {where} no es de confianza: {error.verify_message}.",
                "Ponga en EMTP_CA_FILE la autoridad del ministerio, y en EMTP_ALERT_SMTP_HOST el nombre que dice el "
                "certificado. No se envía nada a un servidor que no se reconoce.",
            ) from None
        except smtplib.SMTPAuthenticationError as error:
            raise ChannelFailure(
                f"El servidor de correo no aceptó el usuario o la contraseña (código {error.smtp_code}).",
                "Revise EMTP_ALERT_SMTP_USER y EMTP_ALERT_SMTP_PASSWORD con quien administra el correo.",
            ) from None
        except smtplib.SMTPNotSupportedError:
            raise ChannelFailure(
                f"El servidor de correo {where} no ofrece el cifrado o el inicio de sesión que se le pide.",
                "Revise EMTP_ALERT_SMTP_SECURITY y EMTP_ALERT_SMTP_PORT: 587 suele ser starttls, 465 tls, 25 none.",
            ) from None
        except (smtplib.SMTPException, OSError) as error:
            raise ChannelFailure(
                f"No se pudo hablar con el servidor de correo {where}: {_in_words(error)}.",
                "Se intenta de nuevo solo. Si se repite, compruebe la red con `emtp doctor` y avise a quien administra "
                "el correo.",
            ) from None
        finally:
            if session is not None:
                session.close()

    def _connected(self, seconds: float, context: ssl.SSLContext) -> smtplib.SMTP:
        host, port = self._alerts.smtp_host or "", self._alerts.smtp_port
        # Without a name given, smtplib asks the DNS for this machine's, which may take longer than all the rest.
        common: dict[str, Any] = {"timeout": seconds, "local_hostname": socket.gethostname() or "localhost"}
        if self._alerts.smtp_security == "tls":
            return _BoundedSsl(host, port, context=context, **common)
        session = _Bounded(host, port, **common)
        if self._alerts.smtp_security == "starttls":
            try:
                session.starttls(context=context)
            except BaseException:
                session.close()
                raise
        return session


def _sign_in(session: smtplib.SMTP, user: str, password: str) -> None:
    """smtplib cannot send a password with an ñ; RFC 4616 (PLAIN) says that it is UTF-8."""
    if (user + password).isascii():
        session.login(user, password)
        return
    session.ehlo_or_helo_if_needed()
    code, _ = session.docmd("AUTH", "PLAIN " + b64encode(f"\0{user}\0{password}".encode()).decode())
    if code != 235:
        raise smtplib.SMTPAuthenticationError(code, b"")


class _Cut(smtplib.SMTP):
    """Ends the whole session after ``timeout`` seconds; the library's own limit is for each single wait."""

    def __init__(self, host: str, port: int, *, timeout: float, **more: Any) -> None:
        self._watch = threading.Timer(timeout, self._cut)
        self._watch.daemon = True
        self._watch.start()
        try:
            super().__init__(host, port, timeout=timeout, **more)
        except BaseException:
            self._watch.cancel()
            raise

    def close(self) -> None:
        self._watch.cancel()
        super().close()

    def _cut(self) -> None:
        if self.sock is not None:
            with suppress(OSError):
                self.sock.shutdown(socket.SHUT_RDWR)


class _Bounded(_Cut):
    pass


class _BoundedSsl(_Cut, smtplib.SMTP_SSL):
    pass


def _in_words(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        return f"respondió con el código {error.smtp_code}"
    return next((words for kind, words in _WORDS if isinstance(error, kind)), "hubo un error de red")


# The narrower kinds first: most of them are kinds of OSError.
_WORDS: tuple[tuple[type[Exception], str], ...] = (
    (TimeoutError, "no respondió a tiempo"),
    (ConnectionRefusedError, "rechazó la conexión"),
    (socket.gaierror, "su nombre no existe en la red"),
    (ssl.SSLError, "no se pudo cifrar la conexión; revise EMTP_ALERT_SMTP_SECURITY y el puerto"),
    (smtplib.SMTPServerDisconnected, "cortó la conexión, o no respondió a tiempo"),
    (ConnectionError, "cortó la conexión"),
)
