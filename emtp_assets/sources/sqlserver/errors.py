"""What the drivers' errors mean: SQLSTATE and native number to a failure in words. Nothing is asked of a server here.

The drivers' own text is looked at but never repeated: a server quotes values in it ("Conversion failed when
converting the varchar value '…'"). Numbers: Microsoft, "Database engine events and errors"; states: ODBC, appendix A.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from emtp_assets.sources.failure import Cause, Explanation, Nature, SourceFailure

SOURCE = "sqlserver"

_PASSING, _PERMANENT = Nature.PASSING, Nature.PERMANENT
_DIAGNOSTIC = re.compile(r"State: (\w{5}), Native error: (-?\d+), Message: (.*)", re.DOTALL)


@dataclass(frozen=True)
class Place:
    """Whom and what was asked, for messages. ``view`` is empty while connecting."""

    server: str
    database: str
    login: str
    view: str = ""


@dataclass(frozen=True)
class Diagnostic:
    """A diagnostic record of ODBC. ``text`` is for `sort` alone: it may quote values, so its repr hides it."""

    state: str
    native: int
    text: str

    def __repr__(self) -> str:
        return f"Diagnostic({self.state}, {self.native})"

    @property
    def code(self) -> str:
        return f"SQLSTATE {self.state}, error {self.native}"


def read_diagnostic(message: str) -> Diagnostic | None:
    """The record that arrow-odbc quotes in its error; None for an error of its own."""
    found = _DIAGNOSTIC.search(message)
    return Diagnostic(found[1], int(found[2]), found[3]) if found else None


@dataclass(frozen=True)
class _Case:
    cause: Cause
    nature: Nature
    what: str
    expected: str
    action: str


_AGAIN = "Se reintenta solo. Si se repite, avise al administrador de la base."
_CREDENTIAL = _Case(
    Cause.CREDENTIAL,
    _PERMANENT,
    "El servidor {server} rechazó al usuario «{login}».",
    "Un login de SQL Server vigente, con su contraseña actual y acceso a la base «{database}».",
    "Pida a TI confirmar o renovar la credencial y actualice SIGE_DB_USER y SIGE_DB_PASS (o SIGE_DB_PASS_FILE). "
    "No se reintenta, para no bloquear la cuenta.",
)
_DATABASE = _Case(
    Cause.PERMISSION,
    _PERMANENT,
    "El usuario «{login}» entró a {server}, pero no puede abrir la base «{database}».",
    "Una base de ese nombre, con un usuario para ese login.",
    "Revise SIGE_DB_NAME; si el nombre es correcto, pida a TI crear en esa base el usuario del login.",
)
_VIEW = _Case(
    Cause.MISSING_VIEW,
    _PERMANENT,
    "En la base «{database}» no existe la vista {view}, o «{login}» no la ve.",
    "Esa vista, con permiso SELECT para el login.",
    "Pida a TI crear la vista o dar el permiso (docs/solicitud_acceso.md); si tiene otro nombre, indíquelo en "
    "SIGE_DB_VIEWS.",
)
_COLUMN = _Case(
    Cause.STRUCTURE,
    _PERMANENT,
    "Una columna de la vista {view} dejó de existir mientras se consultaba.",
    "Las columnas que la vista decía tener al empezar.",
    "Pregunte a TI si cambió la vista y vuelva a ejecutar.",
)
_DENIED = _Case(
    Cause.PERMISSION,
    _PERMANENT,
    "El usuario «{login}» no tiene permiso para leer {view} en «{database}».",
    "Permiso SELECT sobre la vista y todas sus columnas.",
    "Pida a TI: GRANT SELECT sobre esa vista para ese usuario (docs/solicitud_acceso.md).",
)
_VALUES = _Case(
    Cause.STRUCTURE,
    _PERMANENT,
    "El servidor no pudo convertir un valor de {view} al tipo de su columna.",
    "Vistas cuyos valores caben en el tipo declarado de cada columna.",
    "Pida a TI revisar las conversiones dentro de la vista (CAST, CONVERT) con los datos de ese año.",
)
_BUSY = _Case(
    Cause.THROTTLED,
    _PASSING,
    "El servidor {server} está sin recursos o limita las consultas.",
    "Memoria y conexiones libres para una consulta de lectura.",
    "Se reintenta solo, con esperas crecientes. Si se repite, acuerde con TI otro horario (SIGE_DB_HOURS).",
)
_UNAVAILABLE = _Case(
    Cause.SERVER,
    _PASSING,
    "La base «{database}» de {server} no está disponible para lectura en este momento.",
    "Una réplica en línea que acepte consultas.",
    _AGAIN,
)
_CLASH = _Case(
    Cause.SERVER,
    _PASSING,
    "El servidor {server} abandonó la consulta por un bloqueo con otro proceso.",
    "Que la consulta termine.",
    _AGAIN,
)
_TIMEOUT = _Case(
    Cause.TIMEOUT,
    _PASSING,
    "El servidor {server} no respondió a tiempo.",
    "Respuesta dentro de SIGE_DB_CONNECT_TIMEOUT.",
    "Se reintenta solo. Si se repite, pregunte a TI por la carga del servidor, o aumente ese límite.",
)
_SLOW = _Case(
    Cause.SLOW,
    _PERMANENT,
    "La consulta de {view} en {server} no terminó a tiempo. No se repite ahora, para no cargar la réplica.",
    "Todas las filas dentro de SIGE_DB_QUERY_TIMEOUT.",
    "Pregunte a TI por la carga a esa hora o por un índice de la vista; si ese tiempo es normal, aumente el límite.",
)
_CUT = _Case(
    Cause.CUT,
    _PASSING,
    "La conexión con {server} se cortó.",
    "Una conexión estable hasta la última fila; lo recibido a medias se descartó.",
    "Se reintenta solo. Si se repite, pida a TI revisar la red, la VPN o el cortafuegos.",
)
_REFUSED = _Case(
    Cause.REFUSED,
    _PASSING,
    "El servidor {server} no acepta la conexión.",
    "SQL Server escuchando en ese nombre y puerto, alcanzable desde este equipo.",
    "Revise SIGE_DB_HOST y SIGE_DB_PORT, y que la VPN y el cortafuegos dejen pasar. Se reintenta solo.",
)
_CERTIFICATE = _Case(
    Cause.CERTIFICATE,
    _PERMANENT,
    "El certificado de {server} no se pudo verificar.",
    "Un certificado vigente, a nombre del servidor, de una autoridad conocida (TLS 1.2 o superior).",
    "Pida a TI el certificado de su autoridad y póngalo en SIGE_DB_CA_FILE (o EMTP_CA_FILE); si el nombre es otro, "
    "indíquelo en SIGE_DB_CERTIFICATE_HOST. No desactive la verificación.",
)
_SQL = _Case(
    Cause.ANSWER,
    _PERMANENT,
    "El servidor {server} no entendió la consulta sobre {view}.",
    "SQL Server 2012 o superior.",
    "Avise a quien mantiene la plataforma, con el código de error.",
)
_UNKNOWN = _Case(
    Cause.SERVER,
    _PASSING,
    "El servidor {server} devolvió un error que esta plataforma no conoce.",
    "Una respuesta.",
    _AGAIN,
)

_BY_NATIVE: dict[int, _Case] = {
    number: case
    for case, numbers in (
        # 18470 disabled, 18486 locked out, 18487 expired, 18488 must be changed, 18452 not a SQL Server login.
        (_CREDENTIAL, (18456, 18452, 18470, 18486, 18487, 18488)),
        (_DATABASE, (4060, 4064, 911, 916)),
        (_VIEW, (208,)),
        (_COLUMN, (207, 4502, 4413)),
        (_DENIED, (229, 230, 297, 300, 371)),
        (_VALUES, (220, 232, 241, 242, 244, 245, 248, 8114, 8115, 8152, 2628, 9420)),
        # Memory grants (701, 802, 8645, 8651), connections (17809), Azure's governor (10928 and the like).
        (_BUSY, (701, 802, 8645, 8651, 10928, 10929, 17809, 40501, 49918, 49919, 49920)),
        # Restoring, recovering or offline (921-945); secondaries that take no readers (976-983); paused or stopping.
        (_UNAVAILABLE, (921, 922, 923, 924, 926, 927, 942, 945, 952, 976, 978, 979, 982, 983, 988)),
        (_UNAVAILABLE, (6005, 9001, 17142, 40143, 40197, 40613)),
        (_CLASH, (601, 1205, 1222, 3960, 3961)),
        (_SQL, (102, 156, 170, 195, 319, 4104, 4145, 8180)),
        # From 20000 on they are FreeTDS's own (sybdb.h): read or write failed, unexpected end, dead process…
        (_CUT, (64, 121, 232, 233, 10053, 10054, 10060, 20004, 20006, 20017, 20020, 20047)),
        (_REFUSED, (20008, 20009, 20013)),
        (_TIMEOUT, (258, 20003)),
    )
    for number in numbers
}
_BY_STATE: tuple[tuple[str, _Case], ...] = (
    ("28", _CREDENTIAL),
    ("HYT", _TIMEOUT),
    ("08S01", _CUT),
    ("08", _REFUSED),
    ("42S02", _VIEW),
    ("42S22", _COLUMN),
    ("40", _CLASH),
    ("22", _VALUES),
    ("42", _SQL),
)
_ABOUT_TLS = ("ssl provider", "certificate", "tls", "ssl routines", "encryption")
_TRANSPORT_ERRORS = frozenset({64, 121, 232, 233, 258, 10053, 10054, 10060})


def sort(diagnostic: Diagnostic, place: Place) -> SourceFailure:
    """The failure that a diagnostic record means: by the server's number, else by the driver's words, else by state."""
    return _failure(_case(diagnostic), place, diagnostic.code)


def unclear_connection(failure: SourceFailure) -> bool:
    """Whether the driver's record leaves open why there is no connection, so that it is worth a look of our own.

    FreeTDS says "server is unavailable" of a wrong certificate; Microsoft's driver "login timeout expired" of a
    closed port.
    """
    return failure.cause in {Cause.REFUSED, Cause.TIMEOUT, Cause.CUT, Cause.CERTIFICATE, Cause.SERVER}


def refused(place: Place) -> SourceFailure:
    return _failure(_REFUSED, place)


def timed_out(place: Place) -> SourceFailure:
    return _failure(_TIMEOUT, place)


def slow(place: Place) -> SourceFailure:
    """A query that did not end in time; a login that does not is `timed_out`."""
    return _failure(_SLOW, place)


def cut(place: Place) -> SourceFailure:
    return _failure(_CUT, place)


def wrong_certificate(place: Place, reason: str) -> SourceFailure:
    """``reason`` in Spanish, as a part of a sentence."""
    return _failure(_CERTIFICATE, place, reason)


def missing_view(place: Place) -> SourceFailure:
    return _failure(_VIEW, place)


def unreadable_answer(place: Place) -> SourceFailure:
    """The driver and the ODBC library do not agree: a text longer than its column may be, an unreadable type."""
    return SourceFailure(
        SOURCE,
        Cause.ANSWER,
        Nature.PERMANENT,
        Explanation(
            f"La respuesta de {place.server} a la consulta sobre {place.view} no se puede leer.",
            "Valores del tipo y largo que declara la vista; textos de hasta 4.000 caracteres.",
            "Pida a TI que la vista limite el largo de sus columnas de texto (sin varchar(max)).",
        ),
    )


def _case(diagnostic: Diagnostic) -> _Case:
    native, state, text = diagnostic.native, diagnostic.state, diagnostic.text.lower()
    from_server = not state.startswith("08")
    if native in _BY_NATIVE and (from_server or native not in _TRANSPORT_ERRORS):
        return _BY_NATIVE[native]
    if not from_server and _mentions(text, _ABOUT_TLS):
        return _CERTIFICATE
    if native in _TRANSPORT_ERRORS:
        return _BY_NATIVE[native]
    if (state, native) == ("HY000", 0):
        # A server's error has a number. FreeTDS calls so a connection that ended while rows were coming.
        return _CUT
    return next((case for start, case in _BY_STATE if state.startswith(start)), _UNKNOWN)


def _mentions(text: str, words: Iterable[str]) -> bool:
    return any(word in text for word in words)


def _failure(case: _Case, place: Place, more: str = "") -> SourceFailure:
    told = {
        "server": place.server,
        "database": place.database,
        "login": place.login,
        "view": place.view or "la vista",
    }
    what = case.what.format(**told)
    if more:
        what = f"{what.removesuffix('.')} ({more})."
    return SourceFailure(
        SOURCE, case.cause, case.nature, Explanation(what, case.expected.format(**told), case.action.format(**told))
    )
