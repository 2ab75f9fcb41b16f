"""The checksum is the one that Microsoft describes."""

from __future__ import annotations

import base64
from pathlib import Path

from emtp_assets.sources.sharepoint.quickxor import quick_xor_hash


def test_the_hash_is_microsofts(tmp_path: Path) -> None:
    """Each bit of each byte at its place in the ring, as the description says, for lengths around every fold."""
    for length in (0, 1, 19, 20, 159, 160, 161, 4_000):
        content = bytes((n * 37 + length) % 256 for n in range(length))
        ring = [0] * 160
        for place, byte in enumerate(content):
            for bit in range(8):
                ring[(place * 11 + bit) % 160] ^= byte >> bit & 1
        for bit in range(64):
            ring[96 + bit] ^= length >> bit & 1
        expected = sum(value << at for at, value in enumerate(ring)).to_bytes(20, "little")
        (tmp_path / "f").write_bytes(content)
        assert quick_xor_hash(tmp_path / "f") == base64.b64encode(expected).decode()
