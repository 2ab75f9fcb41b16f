"""What can go wrong with an SFTP server, said in words a technician can act on. Noticing it is the other modules'.

No message holds a text of the server or of a library: either may hold a secret or a person's data.
"""

from __future__ import annotations

import errno
import socket

from emtp_assets.sources.failure import Cause, Explanation, Nature, SourceFailure

NAME = "sftp"

# RFC 4252 and 4256, and the one in use of RFC 4462: other words in a server's list are not repeated.
_METHODS = ("publickey", "password", "keyboard-interactive", "hostbased", "gssapi-with-mic")


def failure(cause: Cause, nature: Nature, what: str, expected: str, action: str) -> SourceFailure:
    return SourceFailure(NAME, cause, nature, Explanation(what, expected, action))


def unreachable(address: str, error: OSError | UnicodeError, timeout: float) -> SourceFailure:
    """The connection was not even begun. ``timeout``: seconds that were waited at most."""
    expected = f"Que {address} acepte conexiones SFTP desde este equipo."
    if isinstance(error, TimeoutError):
        return silent(address, "al conectar", timeout)
    # EAI_AGAIN: the name server did not answer; every other reason is about the name itself.
    if isinstance(error, UnicodeError) or (isinstance(error, socket.gaierror) and error.errno != socket.EAI_AGAIN):
        return failure(
            Cause.SETTINGS,
            Nature.PERMANENT,
            f"El nombre del servidor de {address} no existe.",
            "Un nombre que este equipo sepa resolver.",
            "Revise SFTP_HOST en .env con TI (¿falta la VPN?).",
        )
    what = (
        f"{address} rechazó la conexión."
        if error.errno == errno.ECONNREFUSED
        else f"No hay camino hasta {address} ({_reason(error)})."
    )
    return failure(
        Cause.REFUSED,
        Nature.PASSING,
        what,
        expected,
        "Se reintenta solo. Si persiste, pregunte a TI si el servicio está arriba, si el puerto es ése y si el "
        "cortafuegos deja pasar a este equipo.",
    )


def silent(address: str, when: str, timeout: float) -> SourceFailure:
    return failure(
        Cause.TIMEOUT,
        Nature.PASSING,
        f"{address} no respondió en {timeout:g} segundos {when}.",
        "Una respuesta dentro de ese plazo.",
        "Se reintenta solo. Si persiste, pregunte a TI por el servidor y la red, o suba SFTP_TIMEOUT.",
    )


def cut(address: str, when: str) -> SourceFailure:
    return failure(
        Cause.CUT,
        Nature.PASSING,
        f"{address} cortó la conexión {when}.",
        "Una conexión que dure hasta el final.",
        "Se reintenta solo, desde donde quedó. Si persiste, pida a TI que revise el registro del servidor y la red.",
    )


def incompatible(address: str) -> SourceFailure:
    return failure(
        Cause.ANSWER,
        Nature.PERMANENT,
        f"{address} sólo ofrece algoritmos de cifrado que ya no son seguros, o no es un servidor SSH 2.",
        "AES en modo CTR o GCM, HMAC-SHA-2, intercambio de claves con SHA-2 y clave Ed25519, ECDSA o RSA.",
        "Pida a TI que actualice el servidor o habilite esos algoritmos.",
    )


def not_sftp(address: str, when: str) -> SourceFailure:
    return failure(
        Cause.ANSWER,
        Nature.PERMANENT,
        f"{address} respondió {when} algo que no es SFTP.",
        "Un servidor con el subsistema SFTP habilitado para la cuenta.",
        "Pida a TI que habilite SFTP para la cuenta; revise también SFTP_HOST y SFTP_PORT.",
    )


def unknown_key(address: str, fingerprint: str, kind: str, file: object) -> SourceFailure:
    return failure(
        Cause.HOST_KEY,
        Nature.PERMANENT,
        f"La clave de {address} no está en {file}: presentó {kind} {fingerprint}. No se le envió ninguna credencial.",
        "Una clave anotada en ese archivo y comprobada con TI.",
        "Compare por teléfono con TI esa huella. Sólo si es la misma, agregue la clave del servidor al archivo "
        "(ssh-keyscan) y vuelva a probar.",
    )


def changed_key(address: str, fingerprint: str, kind: str, file: object) -> SourceFailure:
    return failure(
        Cause.HOST_KEY,
        Nature.PERMANENT,
        f"¡CUIDADO! {address} presentó una clave distinta de la anotada en {file}: {kind} {fingerprint}. Puede ser "
        "un impostor. No se le envió ninguna credencial.",
        "La misma clave que TI confirmó.",
        "No la acepte ni borre la anterior. Avise a TI y a seguridad; cambie la anotación sólo si TI confirma por "
        "teléfono que cambió la clave y que su huella es ésa.",
    )


def refused_credential(address: str, user: str, tried: str) -> SourceFailure:
    return failure(
        Cause.CREDENTIAL,
        Nature.PERMANENT,
        f"{address} no aceptó a la cuenta «{user}» con {tried}.",
        "Una cuenta vigente, con esa credencial.",
        "Pregunte a TI si la cuenta está bloqueada o vencida y si la credencial cambió; corrija SFTP_PASS o "
        "SFTP_KEY_FILE. No se reintenta, para no bloquear la cuenta.",
    )


def method_not_offered(address: str, user: str, tried: str, offered: list[str]) -> SourceFailure:
    known = ", ".join(method for method in _METHODS if method in offered)
    return failure(
        Cause.CREDENTIAL,
        Nature.PERMANENT,
        f"{address} no permite a «{user}» entrar con {tried}: sólo con {known or 'otro medio'}.",
        "Que la cuenta pueda entrar con clave (publickey) o con contraseña (password), sin una persona delante.",
        "Entregue a TI la clave pública del servicio (ssh-keygen -y -f <clave>), o pida que habilite ese medio.",
    )


def forbidden(address: str, path: str, user: str) -> SourceFailure:
    return failure(
        Cause.PERMISSION,
        Nature.PERMANENT,
        f"{address} no deja a «{user}» leer {path}.",
        "Permiso de lectura sobre la carpeta y sus archivos.",
        "Pida a TI que dé a la cuenta permiso de lectura (sólo lectura).",
    )


def server_error(address: str, when: str, code: int) -> SourceFailure:
    return failure(
        Cause.SERVER,
        Nature.PASSING,
        f"{address} informó un error propio {when} (código SFTP {code}).",
        "Que el servidor atienda la petición.",
        "Se reintenta solo. Si persiste, pida a TI que revise el registro y el disco del servidor.",
    )


def outside(path: str) -> SourceFailure:
    return failure(
        Cause.STRUCTURE,
        Nature.PERMANENT,
        f"{path} no es un archivo o carpeta corriente dentro de la carpeta convenida (enlace o ruta que sale de ella).",
        "Archivos corrientes dentro de SFTP_FOLDER.",
        "Pida que copien el archivo mismo en la carpeta, en vez de un enlace.",
    )


def _reason(error: OSError) -> str:
    return errno.errorcode.get(error.errno or 0, "error de red")
