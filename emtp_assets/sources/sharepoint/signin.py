"""Signs in to Microsoft Entra as the application, by msal: a certificate or a secret for a token. Graph is not here.

https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from emtp_assets.settings import Settings
from emtp_assets.settings.secrets import SecretError
from emtp_assets.sources.failure import Cause, SourceFailure
from emtp_assets.sources.http import Service, client, host_of

_RENEW = "pida un secreto nuevo a quien administra Microsoft Entra y escriba su valor en SHAREPOINT_CLIENT_SECRET."
_COPY = f"Copie en SHAREPOINT_CLIENT_SECRET el valor del secreto, no su identificador; si no lo tiene, {_RENEW}"

# https://learn.microsoft.com/entra/identity-platform/reference-error-codes: meant for people, and may change. What is
# not listed falls back on the OAuth error.
_KNOWN: dict[int, tuple[Cause, str, str]] = {
    7000215: (Cause.CREDENTIAL, "el secreto de la aplicación no es el correcto", _COPY),
    7000222: (Cause.CREDENTIAL, "el secreto de la aplicación está vencido", f"P{_RENEW[1:]}"),
    700027: (
        Cause.CREDENTIAL,
        "el certificado no es uno de los registrados en la aplicación, o está vencido",
        "Pida que registren en la aplicación el certificado de SHAREPOINT_CERTIFICATE_FILE, o indique el registrado.",
    ),
    700024: (
        Cause.CREDENTIAL,
        "la firma tiene una hora que no es la actual",
        "Ponga en hora este equipo (NTP).",
    ),
    7000218: (Cause.CREDENTIAL, "falta el secreto o el certificado", "Escriba SHAREPOINT_CLIENT_SECRET."),
    7000112: (Cause.CREDENTIAL, "la aplicación está deshabilitada", "Pida que la habiliten en Microsoft Entra."),
    53003: (
        Cause.PERMISSION,
        "una directiva de acceso condicional lo impide",
        "Pida que la directiva admita a la aplicación desde la dirección IP de este equipo.",
    ),
    700016: (
        Cause.SETTINGS,
        "la aplicación no existe en ese directorio",
        "Revise SHAREPOINT_CLIENT_ID y SHAREPOINT_TENANT_ID con quien registró la aplicación.",
    ),
    90002: (Cause.SETTINGS, "el directorio (tenant) no existe", "Revise SHAREPOINT_TENANT_ID."),
    900023: (Cause.SETTINGS, "el identificador del directorio (tenant) no es válido", "Revise SHAREPOINT_TENANT_ID."),
    500011: (Cause.SETTINGS, "no conoce el servicio que se le pide", "Revise SHAREPOINT_GRAPH_URL."),
}
_BUSY = frozenset({90033, 90006, 90024, 50196})


class SignIn:
    """Tokens for Graph, kept in memory until shortly before they expire. Never written anywhere."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._sharepoint = settings.sharepoint
        self._app: Any = None
        self._service = Service(
            source="sharepoint",
            called="el inicio de sesión de Microsoft",
            host=host_of(settings.sharepoint.authority_url),
            setting="SHAREPOINT_AUTHORITY_URL",
            timeout=settings.sharepoint.timeout,
            timeout_setting="SHAREPOINT_TIMEOUT",
            credential=_COPY,
            permission="Pregunte a quien administra Microsoft Entra por qué rechaza a la aplicación.",
            missing="Revise SHAREPOINT_AUTHORITY_URL y SHAREPOINT_TENANT_ID.",
        )
        self._exchange = _Exchange(self._service, settings.ca_file)

    def token(self) -> str:
        """A token that Graph takes for this application.

        Raises:
            SourceFailure: settings are missing, or Microsoft gives none.
        """
        from msal.exceptions import MsalError

        exchange = self._exchange
        try:
            if self._app is None:
                self._app = self._application()
            graph = host_of(self._sharepoint.graph_url)
            answer = self._app.acquire_token_for_client([f"https://{graph}/.default"])
        except SourceFailure:
            self._app = None
            raise
        except (ValueError, TypeError, RuntimeError, KeyError, MsalError):
            # msal says everything by ValueError, with the answer's text in it.
            answer = exchange.last
        if not isinstance(answer, dict) or not answer.get("access_token"):
            self._app = None
            raise self._refused(answer if isinstance(answer, dict) else {})
        return str(answer["access_token"])

    def roles(self) -> tuple[str, ...]:
        """The permissions that the token says the application has in Graph; none if that cannot be read.

        For a look by `emtp doctor` only: the token is Graph's business, and Graph judges it.

        Raises:
            SourceFailure: as `token`.
        """
        import jwt

        try:
            claims = jwt.decode(self.token(), options={"verify_signature": False})
        except jwt.PyJWTError:
            return ()
        roles = claims.get("roles")
        return tuple(str(role) for role in roles) if isinstance(roles, list) else ()

    def forget(self) -> None:
        """Drop the token: the next one is asked for anew."""
        self._app = None

    def complete(self) -> str:
        """With what the application proves itself, for people.

        Raises:
            SourceFailure: a setting is missing or a file cannot be used.
        """
        return "con certificado" if isinstance(self._credential(), dict) else "con secreto"

    def _application(self) -> Any:
        import msal

        self._exchange.last = None
        return msal.ConfidentialClientApplication(
            self._sharepoint.client_id,
            client_credential=self._credential(),
            authority=f"{self._sharepoint.authority_url.rstrip('/')}/{self._sharepoint.tenant_id}",
            # The authority is the one that was configured; no other host is asked whether it is known.
            instance_discovery=False,
            http_client=self._exchange,
        )

    def _credential(self) -> dict[str, str] | str:
        given = self._sharepoint
        for variable, value in (
            ("SHAREPOINT_TENANT_ID", given.tenant_id),
            ("SHAREPOINT_CLIENT_ID", given.client_id),
        ):
            if not value:
                raise self._unset(f"Falta {variable}.", f"Pida {variable} a quien registró la aplicación.")
        for variable, url in (
            ("SHAREPOINT_AUTHORITY_URL", given.authority_url),
            ("SHAREPOINT_GRAPH_URL", given.graph_url),
        ):
            if not host_of(url):
                raise self._unset(f"{variable} no es una dirección https://.", f"Corrija {variable}.")
        if given.certificate_file is not None and given.private_key_file is not None:
            return self._certificate(given.certificate_file, given.private_key_file)
        try:
            secret = given.secret()
        except SecretError as error:
            raise self._unset(str(error), "Corrija SHAREPOINT_CLIENT_SECRET_FILE.") from None
        if secret is None:
            raise self._unset(
                "La aplicación no tiene con qué identificarse.",
                "Indique SHAREPOINT_CERTIFICATE_FILE (preferible) o SHAREPOINT_CLIENT_SECRET.",
            )
        return secret

    def _certificate(self, certificate: Path, key: Path) -> dict[str, str]:
        from cryptography import x509
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        try:
            public, private = certificate.read_bytes(), key.read_bytes()
            described = x509.load_pem_x509_certificate(public)
            fits = load_pem_private_key(private, password=None).public_key() == described.public_key()
        except OSError as error:
            raise self._unset(
                f"No se puede leer {error.filename} ({error.strerror}).",
                "Corrija la ruta o dé permiso de lectura a la cuenta del servicio.",
            ) from None
        except (ValueError, TypeError):
            raise self._unset(
                f"{certificate} o {key} no es un certificado o una clave privada PEM sin contraseña.",
                "Conviértalos a PEM; la clave privada, sin contraseña y legible sólo para la cuenta del servicio.",
            ) from None
        if not fits:
            raise self._unset(
                f"La clave privada de {key} no es la del certificado {certificate}.",
                "Revise SHAREPOINT_CERTIFICATE_FILE y SHAREPOINT_PRIVATE_KEY_FILE.",
            )
        # Given the certificate and no thumbprint, msal computes the SHA-256 one.
        # PEM itself is ASCII; what openssl writes around it ("Bag Attributes") may be anything.
        return {
            "private_key": private.decode("ascii", errors="ignore"),
            "public_certificate": public.decode("ascii", errors="ignore"),
        }

    def _refused(self, answer: dict[str, Any]) -> SourceFailure:
        codes = [code for code in answer.get("error_codes") or () if isinstance(code, int)]
        error = str(answer.get("error", ""))
        if error in ("temporarily_unavailable", "server_error") or _BUSY.intersection(codes):
            return self._service.failure(
                Cause.SERVER,
                "El inicio de sesión de Microsoft no está disponible por el momento.",
                "Un token.",
                "No hace falta hacer nada: se reintenta solo.",
                passing=True,
            )
        for code in codes:
            if code in _KNOWN:
                cause, what, action = _KNOWN[code]
                return self._service.failure(
                    cause, f"Microsoft no da un token: {what} (AADSTS{code}).", "Un token.", action
                )
        if codes or error:
            shown = f"AADSTS{codes[0]}" if codes else "sin código AADSTS"
            return self._service.failure(
                Cause.CREDENTIAL,
                f"Microsoft no da un token a la aplicación ({shown}).",
                "Un token.",
                "Busque el código en https://login.microsoftonline.com/error con quien administra Microsoft Entra.",
            )
        return self._service.unexpected("respondió algo que no es lo que Microsoft documenta", "Un token en JSON.")

    def _unset(self, what: str, action: str) -> SourceFailure:
        return self._service.failure(
            Cause.SETTINGS,
            what,
            "SHAREPOINT_TENANT_ID, SHAREPOINT_CLIENT_ID y un certificado o un secreto de la aplicación.",
            action,
        )


class _Exchange:
    """The HTTP client that msal is given, so that one trust and one sorting of failures hold for both.

    ``last``: the last answer, if it was one that msal reads.
    """

    def __init__(self, service: Service, ca_file: Path | None) -> None:
        self._service = service
        self._ca_file = ca_file
        self.last: dict[str, Any] | None = None

    def get(self, url: str, **parts: Any) -> _Reply:
        return self._send("GET", url, parts)

    def post(self, url: str, data: Mapping[str, str | bytes] | None = None, **parts: Any) -> _Reply:
        # msal signs its assertion as bytes, which httpx would send as Python spells them.
        form = {name: value.decode() if isinstance(value, bytes) else value for name, value in (data or {}).items()}
        return self._send("POST", url, {**parts, "data": form})

    def close(self) -> None:
        """There is nothing to close: each exchange has a connection of its own, twice an hour at most."""

    def _send(self, method: str, url: str, parts: dict[str, Any]) -> _Reply:
        self.last = None
        known = {name: parts[name] for name in ("params", "headers", "data") if parts.get(name)}
        with (
            client(self._service, self._ca_file) as http,
            self._service.asked(http, url, method=method, **known) as response,
        ):
            # 400 and 401 carry an OAuth error in JSON, which msal reads; the rest is nothing for it.
            if response.status_code not in (200, 400, 401):
                raise self._service.refused(response)
            self.last = self._service.document(response)
            return _Reply(response.status_code, json.dumps(self.last), dict(response.headers))


@dataclass(frozen=True)
class _Reply:
    """What msal wants to know of an answer."""

    status_code: int
    text: str = field(repr=False)
    headers: dict[str, str] = field(repr=False)

    def raise_for_status(self) -> None:
        """Errors were sorted before msal sees the answer."""
