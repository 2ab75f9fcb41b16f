"""A random secret in a file of its own, made whole or not at all. What it opens is not known here."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def made_once(path: Path, size: int) -> bool:
    """Make sure that a file holds a secret of ``size`` random bytes, in hex; False when it was there already.

    Two processes that ask at once find the same one. Its mode is 0600, its folder's 0700.

    Raises:
        OSError: it cannot be written.
    """
    if path.exists():
        return False
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # Written whole under a name of its own and then linked: nobody sees half a key, the first one stays.
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as handle:
            handle.write(secrets.token_hex(size) + "\n")
            handle.flush()
            os.fsync(handle.fileno())
        os.link(draft, path)
    except FileExistsError:
        return False
    finally:
        draft.unlink()
    return True
