"""Sealed files: any bytes, encrypted so that no change of them goes unseen. Which files are sealed is for others.

STREAM of Hoang, Reyhanitabar, Rogaway and Vizár (*Online Authenticated-Encryption and its Nonce-Reuse
Misuse-Resistance*, 2015) over AES-256-GCM: the text is cut into chunks of 64 KiB, each with its own tag, and a chunk's
nonce holds its number and whether it is the last. So bytes changed, chunks moved, a file cut or lengthened, and two
files mixed are all told from the real one, in constant memory. Layout::

    magic 8 | version 1 | key id 8 | salt 32 | chunk, tag 16 | … | last chunk (may be empty), tag 16

The key of a file is HKDF-SHA256(key, salt): with a salt of 32 random bytes no two files share one, hence nonces may
count from zero. The 49 bytes of the header are authenticated with every chunk.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO

from emtp_assets.storage.storage_key import derived, key_id

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

SEALED = ".sellado"
"""The ending of a sealed file's name."""
CHUNK = 1 << 16
_MAGIC, _VERSION = b"EMTPSELL", 1
_KEY_ID, _SALT, _TAG = 8, 32, 16
HEADER = len(_MAGIC) + 1 + _KEY_ID + _SALT
_INFO = "v1|sellado"
_AGAIN = "Restáurelo desde el último respaldo; si es una entrega, vuelva a dejar el archivo original en la carpeta."


class SealError(ValueError):
    """A sealed file that cannot be opened; in Spanish, naming the file and never its content."""


class WrongKeyError(SealError):
    """It was sealed with another key than the one that is to open it."""


def is_sealed(path: Path) -> bool:
    """Whether a file begins as a sealed one does.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb", buffering=0) as file:
        return file.read(len(_MAGIC)) == _MAGIC


def sealed_with(path: Path) -> bytes | None:
    """Which key closed a sealed file, as `storage_key.key_id` names it; None of a file that says none.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb", buffering=0) as file:
        header = _read(file, HEADER)
    whole = len(header) == HEADER and header.startswith(_MAGIC)
    return header[len(_MAGIC) + 1 : -_SALT] if whole else None


def sealed_size(size: int) -> int:
    """The bytes of a sealed file that holds ``size`` bytes."""
    return HEADER + size + (_chunks(size) * _TAG)


def plain_size(path: Path) -> int:
    """The bytes that a sealed file holds, by its size alone; -1 when no sealed file has that size.

    Raises:
        OSError: it cannot be looked at.
    """
    body = path.stat().st_size - HEADER
    chunks = -(-body // (CHUNK + _TAG))
    size = body - chunks * _TAG
    return size if body >= _TAG and size >= 0 and sealed_size(size) == body + HEADER else -1


def _chunks(size: int) -> int:
    return max(1, -(-size // CHUNK))


class Sealer:
    """Seals into an open file what is written to it; to be used in a ``with``, which ends it with the last chunk.

    Without a regular end no last chunk is written, and the file does not open.
    """

    def __init__(self, target: BinaryIO, key: bytes) -> None:
        salt = os.urandom(_SALT)
        self._header = _MAGIC + bytes([_VERSION]) + key_id(key) + salt
        self._cipher = _cipher(key, salt)
        self._target = target
        self._waiting = bytearray()
        self._number = 0
        _write_all(target, self._header)

    def __enter__(self) -> Sealer:
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        if kind is None:
            self._seal(self._waiting, last=True)

    def write(self, block: bytes | bytearray | memoryview) -> int:
        """Take on the next bytes; all of them.

        Raises:
            OSError: the disk refused.
        """
        octets = memoryview(block).cast("B")
        self._waiting += octets
        at, whole = 0, memoryview(self._waiting)
        # The last whole chunk waits too: it may be the last one of all.
        while len(whole) - at > CHUNK:
            self._seal(whole[at : at + CHUNK], last=False)
            at += CHUNK
        whole.release()
        del self._waiting[:at]
        return len(octets)

    def _seal(self, chunk: bytes | bytearray | memoryview, *, last: bool) -> None:
        _write_all(self._target, self._cipher.encrypt(_nonce(self._number, last=last), chunk, self._header))
        self._number += 1


def unsealed(path: Path, key: bytes) -> Iterator[bytes]:
    """What a sealed file holds, in blocks; whoever uses one before the end has not yet seen that the file is whole.

    Raises:
        SealError: it is not sealed, was sealed with another key, or is not as it was sealed.
        OSError: it cannot be read.
    """
    with path.open("rb", buffering=0) as file:
        cipher, header = _opened(file, path, key)
        block, number = _read(file, CHUNK + _TAG), 0
        while True:
            following = _read(file, CHUNK + _TAG) if len(block) == CHUNK + _TAG else b""
            yield _unsealed(cipher, _nonce(number, last=not following), block, header, path)
            if not following:
                return
            block, number = following, number + 1


def unseal(path: Path, key: bytes, target: BinaryIO) -> int:
    """Write what a sealed file holds to an open file; how many bytes they were.

    Raises:
        SealError: as `unsealed`; what was written until then is not to be used.
        OSError: a disk refused.
    """
    size = 0
    for block in unsealed(path, key):
        _write_all(target, block)
        size += len(block)
    return size


def unseal_parts(path: Path, key: bytes, chunks: Iterable[int], target: BinaryIO) -> int:
    """Write some chunks of what a sealed file holds, and its last one, each at its place; the size of all of it.

    The last one shows that the file was not cut. What is between is nothing (a hole).

    Raises:
        SealError: as `unsealed`, of what was read.
        OSError: a disk refused.
    """
    size = plain_size(path)
    if size < 0:
        raise SealError(f"{path.name} está cortado: no se puede abrir. {_AGAIN}")
    last = _chunks(size) - 1
    with path.open("rb", buffering=0) as file:
        cipher, header = _opened(file, path, key)
        target.truncate(size)
        for number in sorted({*chunks, last}):
            file.seek(HEADER + number * (CHUNK + _TAG))
            block = _read(file, CHUNK + _TAG)
            target.seek(number * CHUNK)
            _write_all(target, _unsealed(cipher, _nonce(number, last=number == last), block, header, path))
    return size


def _opened(file: BinaryIO, path: Path, key: bytes) -> tuple[AESGCM, bytes]:
    header = _read(file, HEADER)
    if not header.startswith(_MAGIC):
        raise SealError(f"{path.name} no está cifrado como se esperaba: no es un archivo sellado. {_AGAIN}")
    if len(header) < HEADER or header[len(_MAGIC)] != _VERSION:
        raise SealError(f"{path.name} está dañado o cortado en su comienzo: no se puede abrir. {_AGAIN}")
    made_with, salt = header[len(_MAGIC) + 1 : -_SALT], header[-_SALT:]
    if made_with != key_id(key):
        raise WrongKeyError(
            f"{path.name} se cifró con otra clave (huella {made_with.hex()}; la vigente es {key_id(key).hex()}), o "
            "está dañado. Devuelva a EMTP_STORAGE_KEY_FILE la clave con que se guardó."
        )
    return _cipher(key, salt), header


def _unsealed(cipher: AESGCM, nonce: bytes, block: bytes, header: bytes, path: Path) -> bytes:
    from cryptography.exceptions import InvalidTag

    try:
        return cipher.decrypt(nonce, block, header)
    except (InvalidTag, ValueError):
        raise SealError(
            f"{path.name} no es el que se guardó: le cambió algún byte, o está cortado. Nada de él se usó. {_AGAIN}"
        ) from None


def _cipher(key: bytes, salt: bytes) -> AESGCM:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(derived(key, _INFO, salt))


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])


def _read(file: BinaryIO, size: int) -> bytes:
    """As many bytes as there are, up to ``size``: one read may give fewer."""
    block = file.read(size)
    while block and len(block) < size and (more := file.read(size - len(block))):
        block += more
    return block


def _write_all(file: BinaryIO, block: bytes | bytearray | memoryview) -> None:
    view = memoryview(block).cast("B")
    while view:
        view = view[file.write(view) or 0 :]
