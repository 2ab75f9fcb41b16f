"""What can go wrong at each of the ministry's systems and what must follow, as data. Nothing is run here: how a system
is broken is `breaking`'s, what is asserted `test_source_faults`'.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from emtp_assets.sources import Cause, Nature
from emtp_assets_tests.pipeline.breaking import (
    CONTRACT,
    DATASET,
    YEAR,
    Breaking,
    announcing_one_more,
    changed,
    closed,
    expired,
    impostor,
    missing,
    of_another_authority,
    of_another_dataset,
    of_another_name,
    on_the_shelf,
    rest_rows,
    sftp_cut_once,
    sharepoint_cut_once,
    spoilt,
    tds,
    token_revoked_at_once,
    torn,
    unknown_host,
    without,
    wrong_certificate,
)
from emtp_assets_tests.servers.https import cut, page, shortened, silence, status
from emtp_assets_tests.servers.systems import USER

ATTEMPTS = 3
LONGEST_WAIT = 1.5
VIEW = CONTRACT.sige_view or ""


@dataclass(frozen=True)
class Fails:
    """The run fails. ``says``: what the technician must find in its text; ``tries``: how often the system was asked."""

    cause: Cause
    nature: Nature
    says: str
    tries: int

    @property
    def concerns_developers(self) -> bool:
        """A view or file that changed: who maintains the contracts is told too."""
        return self.cause in (Cause.STRUCTURE, Cause.MISSING_VIEW)


@dataclass(frozen=True)
class Delivers:
    """The run ends well with the system's new figures. ``waits``: seconds that the system asked to wait."""

    tries: int = 1
    waits: float = 0.0


@dataclass(frozen=True)
class Keeps:
    """The run ends well and what was published stays: the system has no file, which is no failure."""


@dataclass(frozen=True)
class Case:
    """A fault. ``impatience``: settings while it lasts, so that limits of minutes are met in a second."""

    system: str
    name: str
    breaking: Breaking
    outcome: Fails | Delivers | Keeps
    impatience: Mapping[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return f"{self.system}: {self.name}"


def passing(cause: Cause, says: str, tries: int = ATTEMPTS) -> Fails:
    """Tried again, in vain."""
    return Fails(cause, Nature.PASSING, says, tries)


def permanent(cause: Cause, says: str) -> Fails:
    """For a person to mend: asked once."""
    return Fails(cause, Nature.PERMANENT, says, 1)


_SQLSERVER = [
    Case("sqlserver", "refused", tds(refuse_connections=True), passing(Cause.REFUSED, "rechaz")),
    Case("sqlserver", "never answers", tds(never_answer=True), passing(Cause.TIMEOUT, "SIGE_DB_CONNECT_TIMEOUT", 2),
         {"retry_attempts": 2, "sqlserver": {"connect_timeout": 1}}),
    Case("sqlserver", "cut in the middle of a row", tds(cut_after_rows=33), passing(Cause.CUT, "se cortó")),
    Case("sqlserver", "cut once", tds(cut_after_rows=33, times=1), Delivers(tries=2)),
    Case("sqlserver", "slower than the limit", tds(slow_after_rows=100, slow_seconds=4.0),
         permanent(Cause.SLOW, "SIGE_DB_QUERY_TIMEOUT"), {"sqlserver": {"query_timeout": 1}}),
    Case("sqlserver", "slow within the limit", tds(slow_after_rows=100, slow_seconds=0.2), Delivers()),
    Case("sqlserver", "certificate of another authority", wrong_certificate("sqlserver", of_another_authority),
         permanent(Cause.CERTIFICATE, "EMTP_CA_FILE")),
    Case("sqlserver", "certificate expired", wrong_certificate("sqlserver", expired),
         permanent(Cause.CERTIFICATE, "vencido")),
    Case("sqlserver", "certificate of another name", wrong_certificate("sqlserver", of_another_name),
         permanent(Cause.CERTIFICATE, "no está a nombre de")),
    Case("sqlserver", "login refused", tds(refuse_login=True), permanent(Cause.CREDENTIAL, "SIGE_DB_PASS")),
    Case("sqlserver", "login that can write", tds(granted={"INSERT"}), permanent(Cause.WRITABLE, "sólo lectura")),
    Case("sqlserver", "primary", tds(primary=True, granted={"VIEW SERVER STATE"}),
         permanent(Cause.NOT_A_REPLICA, "SIGE_DB_HOST")),
    Case("sqlserver", "renamed view", tds(renamed_views={VIEW: "vw_otra"}),
         permanent(Cause.MISSING_VIEW, "SIGE_DB_VIEWS")),
    Case("sqlserver", "missing column", tds(missing_columns={VIEW: {"MONTO_ASIGNADO"}}),
         permanent(Cause.STRUCTURE, "MONTO_ASIGNADO")),
    Case("sqlserver", "zero rows", tds(zero_rows={VIEW}), permanent(Cause.NO_ROWS, "Pregunte a TI si la vista")),
    Case("sqlserver", "deadlock", tds(error=1205, times=1), Delivers(tries=2)),
    Case("sqlserver", "busy without end", tds(error=8645), passing(Cause.THROTTLED, "8645")),
]  # fmt: skip

_SHAREPOINT = [
    Case("sharepoint", "refused", closed("sharepoint.graph"), passing(Cause.REFUSED, "rechazó la conexión")),
    Case("sharepoint", "sign-in refused", closed("sharepoint.login"), passing(Cause.REFUSED, "rechazó la conexión")),
    Case("sharepoint", "downloads refused", closed("sharepoint.content"),
         passing(Cause.REFUSED, "servidor de descargas de SharePoint")),
    Case("sharepoint", "never answers", spoilt("sharepoint.graph", silence()),
         passing(Cause.TIMEOUT, "SHAREPOINT_TIMEOUT"), {"sharepoint": {"timeout": 0.3}}),
    Case("sharepoint", "cut in the middle", sharepoint_cut_once, Delivers(tries=2)),
    Case("sharepoint", "cut always", spoilt("sharepoint.content", cut(0)), passing(Cause.CUT, "se cortó")),
    Case("sharepoint", "truncated", spoilt("sharepoint.content", shortened(1_000)),
         passing(Cause.TRUNCATED, "vuelvan a")),
    Case("sharepoint", "certificate of another authority",
         wrong_certificate("sharepoint.login", of_another_authority), permanent(Cause.CERTIFICATE, "EMTP_CA_FILE")),
    Case("sharepoint", "certificate expired", wrong_certificate("sharepoint.graph", expired),
         permanent(Cause.CERTIFICATE, "está vencido")),
    Case("sharepoint", "certificate of another name", wrong_certificate("sharepoint.content", of_another_name),
         permanent(Cause.CERTIFICATE, "servidor de descargas de SharePoint")),
    Case("sharepoint", "secret no longer good", changed("sharepoint", secrets={"otro"}),
         permanent(Cause.CREDENTIAL, "SHAREPOINT_CLIENT_SECRET")),
    Case("sharepoint", "expired token", token_revoked_at_once, Delivers()),
    Case("sharepoint", "token never good", changed("sharepoint", token_seconds=-1),
         permanent(Cause.CREDENTIAL, "hora de este equipo")),
    Case("sharepoint", "site not granted", changed("sharepoint", granted=False),
         permanent(Cause.PERMISSION, "Sites.Selected")),
    Case("sharepoint", "429 with Retry-After", spoilt("sharepoint.graph", status(429, {"Retry-After": "1"}), times=1),
         Delivers(tries=2, waits=1.0)),
    Case("sharepoint", "429 for longer than we wait", spoilt("sharepoint.graph", status(429, {"Retry-After": "60"})),
         passing(Cause.THROTTLED, "esperar 60 s", 1)),
    Case("sharepoint", "500 twice", spoilt("sharepoint.graph", status(500), times=2), Delivers(tries=3)),
    Case("sharepoint", "500 always", spoilt("sharepoint.graph", status(500)), passing(Cause.SERVER, "HTTP 500")),
    Case("sharepoint", "no file", on_the_shelf("sharepoint", missing), Keeps()),
    Case("sharepoint", "torn file", on_the_shelf("sharepoint", torn),
         permanent(Cause.ANSWER, "pida el archivo de nuevo")),
    Case("sharepoint", "file of another dataset", on_the_shelf("sharepoint", of_another_dataset),
         permanent(Cause.ANSWER, "Revise en la fuente qué archivo está")),
]  # fmt: skip

_SFTP = [
    Case("sftp", "refused", closed("sftp"), passing(Cause.REFUSED, "rechazó la conexión")),
    Case("sftp", "never answers", changed("sftp.faults", silent_login=True), passing(Cause.TIMEOUT, "SFTP_TIMEOUT"),
         {"sftp": {"timeout": 0.5}}),
    Case("sftp", "cut in the middle", sftp_cut_once, Delivers(tries=2)),
    Case("sftp", "cut always", changed("sftp.faults", cut_after=0), passing(Cause.CUT, "cortó la conexión")),
    Case("sftp", "truncated", changed("sftp.faults", promised_more=1_000),
         passing(Cause.TRUNCATED, "vuelvan a copiar")),
    Case("sftp", "unknown host key", unknown_host, permanent(Cause.HOST_KEY, "Compare por teléfono")),
    Case("sftp", "impostor", impostor, permanent(Cause.HOST_KEY, "impostor")),
    Case("sftp", "password refused", changed("sftp", passwords={USER: "otra"}),
         permanent(Cause.CREDENTIAL, "corrija SFTP_PASS")),
    Case("sftp", "folder forbidden", changed("sftp.faults", forbid_listing=True), permanent(Cause.PERMISSION, "leer")),
    Case("sftp", "file forbidden", changed("sftp.faults", forbid_reading=True), permanent(Cause.PERMISSION, "leer")),
    Case("sftp", "no file", on_the_shelf("sftp", missing), Keeps()),
    Case("sftp", "torn file", on_the_shelf("sftp", torn),
         permanent(Cause.ANSWER, "pida el archivo de nuevo")),
    Case("sftp", "file of another dataset", on_the_shelf("sftp", of_another_dataset),
         permanent(Cause.ANSWER, "Revise en la fuente qué archivo está")),
]  # fmt: skip

_REST = [
    Case("rest", "refused", closed("rest.server"), passing(Cause.REFUSED, "rechazó la conexión")),
    Case("rest", "never answers", spoilt("rest.server", silence()), passing(Cause.TIMEOUT, "MINEDUC_API_TIMEOUT"),
         {"rest": {"timeout": 0.3}}),
    Case("rest", "cut in the middle of a page", spoilt("rest.server", cut(5_000), skip=1),
         passing(Cause.CUT, "se cortó")),
    Case("rest", "cut once", spoilt("rest.server", cut(5_000), skip=1, times=1), Delivers(tries=2)),
    Case("rest", "web page", spoilt("rest.server", page()), permanent(Cause.ANSWER, "una página web")),
    Case("rest", "certificate of another authority", wrong_certificate("rest.server", of_another_authority),
         permanent(Cause.CERTIFICATE, "EMTP_CA_FILE")),
    Case("rest", "certificate expired", wrong_certificate("rest.server", expired),
         permanent(Cause.CERTIFICATE, "está vencido")),
    Case("rest", "certificate of another name", wrong_certificate("rest.server", of_another_name),
         permanent(Cause.CERTIFICATE, "es de otro servidor")),
    Case("rest", "key refused", changed("rest", keys={"otra"}), permanent(Cause.CREDENTIAL, "MINEDUC_API_KEY")),
    Case("rest", "403", changed("rest", forbidden={DATASET}), permanent(Cause.PERMISSION, "pueda leer")),
    Case("rest", "429 with Retry-After", spoilt("rest.server", status(429, {"Retry-After": "1"}), skip=1, times=1),
         Delivers(tries=2, waits=1.0)),
    Case("rest", "500 twice", spoilt("rest.server", status(500), times=2), Delivers(tries=3)),
    Case("rest", "500 always", spoilt("rest.server", status(500)), passing(Cause.SERVER, "HTTP 500")),
    Case("rest", "renamed resource", changed("rest", tables={"otro": {YEAR: []}}),
         permanent(Cause.MISSING_VIEW, "nombre del recurso")),
    Case("rest", "missing column", rest_rows(without("MONTO_ASIGNADO")), permanent(Cause.STRUCTURE, "MONTO_ASIGNADO")),
    Case("rest", "zero rows", rest_rows(lambda _: None), permanent(Cause.NO_ROWS, "sin ninguna fila")),
    Case("rest", "fewer rows than announced", spoilt("rest.server", announcing_one_more),
         passing(Cause.TRUNCATED, "anuncia")),
]  # fmt: skip

CASES = [*_SQLSERVER, *_SHAREPOINT, *_SFTP, *_REST]
