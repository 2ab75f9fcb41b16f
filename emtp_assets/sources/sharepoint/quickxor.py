"""QuickXorHash, the one checksum that SharePoint gives of every file. It finds accidents, not tampering.

https://learn.microsoft.com/onedrive/developer/code-snippets/quickxorhash: each byte is XORed into a ring of 160
bits, 11 bits further than the byte before; at the end the length into the last 64 bits.
"""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np

_BITS = 160
_SHIFT = 11
_BLOCK = _BITS * 8_192


def quick_xor_hash(path: Path) -> str:
    """A file's hash in Base64, as Graph writes it; in constant memory.

    Raises:
        OSError: the file cannot be read.
    """
    # 11 and 160 have no common factor, so a byte's place repeats every 160 bytes: those are folded first.
    folded = np.zeros(_BITS, dtype=np.uint8)
    length = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            length += len(block)
            rows = np.frombuffer(block.ljust(-(-len(block) // _BITS) * _BITS, b"\0"), dtype=np.uint8)
            folded ^= np.bitwise_xor.reduce(rows.reshape(-1, _BITS), axis=0)
    ring = 0
    for place, byte in enumerate(folded.tolist()):
        ring ^= byte << (place * _SHIFT % _BITS)
    ring = (ring ^ (ring >> _BITS)) & ((1 << _BITS) - 1)
    ring ^= length << (_BITS - 64)
    return base64.b64encode(ring.to_bytes(_BITS // 8, "little")).decode("ascii")
