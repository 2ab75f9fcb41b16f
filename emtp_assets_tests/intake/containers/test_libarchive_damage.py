"""Whatever happens to the bytes of a 7z or a RAR: its table as it was, or a refusal. libarchive alone is not enough."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from emtp_assets_tests.intake.containers import samples
from emtp_assets_tests.intake.containers.packing import TABLE, rar4, rar5, seven_zip
from emtp_assets_tests.intake.containers.test_damage import damaged, right_or_refused

_RIGHT = {TABLE, samples.NUMBERS}


@cache
def _whole() -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        seven = seven_zip(Path(folder) / "a.7z", {"tabla.csv": TABLE}).read_bytes()
    return {
        "7z": seven,
        "rar4": samples.RAR4_COMPRESSED,
        "rar4 stored": rar4({"tabla.csv": TABLE}),
        "rar5": samples.RAR5_COMPRESSED,
        "rar5 blake2": samples.RAR5_BLAKE,
        "rar5 stored": rar5({"tabla.csv": TABLE}),
    }


@given(st.data())
@settings(max_examples=80, deadline=None)
def test_a_damaged_archive_gives_the_right_table_or_none(data: st.DataObject) -> None:
    whole = _whole()[data.draw(st.sampled_from(sorted(_whole())))]
    right_or_refused(data.draw(damaged(whole)), _RIGHT)


def test_no_wrong_byte_in_the_headers_of_a_rar_goes_unnoticed() -> None:
    for whole in (rar5({"tabla.csv": b"x"}), rar4({"tabla.csv": b"x"})):
        for at in range(8, len(whole)):
            changed = whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :]
            assert right_or_refused(changed, {b"x"}) == "archivo_comprimido_dañado", at
