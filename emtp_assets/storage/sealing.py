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

import io
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO, cast

from emtp_assets.storage.storage_key import derived, key_id

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer as Buffer
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
        at = 0
        # A whole chunk waits too: it may be the last one of all.
        if self._waiting:
            at = min(CHUNK - len(self._waiting), len(octets))
            self._waiting += octets[:at]
            if at < len(octets):
                self._seal(self._waiting, last=False)
                self._waiting.clear()
        while len(octets) - at > CHUNK:
            self._seal(octets[at : at + CHUNK], last=False)
            at += CHUNK
        self._waiting += octets[at:]
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


class Unsealed(type(Path())):
    """The path of a sealed file that, opened to be read, gives what the file holds, and says the size of that.

    Chunk by chunk, in constant memory; nothing of it reaches a disk. For readers that call ``open`` and ``stat`` of a
    path: a library that opens it by its name finds the sealed bytes.
    """

    _key: bytes

    @classmethod
    def of(cls, path: Path, key: bytes) -> Unsealed:
        """What a sealed file holds, as a path."""
        made = cls(path)
        made._key = key
        return made

    def open(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, mode: str = "rb", buffering: int = -1
    ) -> BinaryIO:
        """Raises:
        SealError: as `unsealed`; while reading too, of a chunk that is not the one that was sealed.
        OSError: it cannot be read.
        """
        if mode != "rb":
            raise ValueError("a sealed file is opened to be read, as bytes")
        reader = _Reader(Path(self), self._key)
        return cast("BinaryIO", reader if buffering == 0 else io.BufferedReader(reader))

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        """As of any file, with the size of what it holds."""
        found = super().stat(follow_symlinks=follow_symlinks)
        return os.stat_result((*found[:6], plain_size(Path(self)), *found[7:10]))


class _Reader(io.RawIOBase):
    """What a sealed file holds, as a raw file of Python's."""

    def __init__(self, path: Path, key: bytes) -> None:
        from cryptography.exceptions import InvalidTag

        self._size, self._invalid = plain_size(path), InvalidTag
        if self._size < 0:
            raise SealError(f"{path.name} está cortado: no se puede abrir. {_AGAIN}")
        self._path, self._at, self._last = path, 0, _chunks(self._size) - 1
        self._sealed, self._chunk, self._held = bytearray(CHUNK + _TAG), bytearray(CHUNK), -1
        self._file = path.open("rb", buffering=0)
        try:
            self._cipher, self._header = _opened(self._file, path, key)
            self._open(self._last)  # it shows that the file was not cut
        except BaseException:
            self._file.close()
            raise

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def readinto(self, buffer: Buffer) -> int:  # pyright: ignore[reportIncompatibleMethodOverride]
        view = memoryview(buffer).cast("B")
        size, done = max(0, min(len(view), self._size - self._at)), 0
        while done < size:
            number, skipped = divmod(self._at, CHUNK)
            wanted = min(self._length(number) - skipped, size - done)
            if wanted == CHUNK:
                self._decrypt(number, view[done : done + CHUNK])
            else:
                self._open(number)
                view[done : done + wanted] = memoryview(self._chunk)[skipped : skipped + wanted]
            done, self._at = done + wanted, self._at + wanted
        return size

    def close(self) -> None:
        self._file.close()
        super().close()

    def _length(self, number: int) -> int:
        return self._size - number * CHUNK if number == self._last else CHUNK

    def _open(self, number: int) -> None:
        """Decrypt a chunk that is looked at in parts, once for those that follow each other."""
        if number != self._held:
            self._held = -1
            self._decrypt(number, memoryview(self._chunk)[: self._length(number)])
            self._held = number

    def _decrypt(self, number: int, target: memoryview) -> None:
        place = HEADER + number * (CHUNK + _TAG)
        if self._file.tell() != place:
            self._file.seek(place)
        sealed = memoryview(self._sealed)[: self._length(number) + _TAG]
        read = self._file.readinto(sealed) or 0
        while read < len(sealed) and (more := self._file.readinto(sealed[read:])):
            read += more
        try:
            self._cipher.decrypt_into(_nonce(number, last=number == self._last), sealed[:read], self._header, target)
        except (self._invalid, ValueError):
            raise _changed(self._path) from None


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
        raise _changed(path) from None


def _changed(path: Path) -> SealError:
    return SealError(
        f"{path.name} no es el que se guardó: le cambió algún byte, o está cortado. Nada de él se usó. {_AGAIN}"
    )


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
