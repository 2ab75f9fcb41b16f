"""Whatever happens to the bytes of an archive: its table as it was, or a refusal."""

from __future__ import annotations

import tempfile
from io import BytesIO
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from emtp_assets.intake.containers import unpacked
from emtp_assets.intake.problem import IntakeError
from emtp_assets_tests.intake.containers.packing import TABLE, Known, gzipped, workbook, zipped

_ROWS = [["AGNO", "RBD", "NOM_RBD"], [2024, 410, "LICEO ÑUÑOA"], [2024, 10, "ESCUELA BÍO BÍO"]]


def _book() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return workbook(Path(folder) / "libro.xlsx", {"Datos": _ROWS}).read_bytes()


_WHOLE = {
    "zip": zipped({"tabla.csv": TABLE * 20}),
    "stored": zipped({"tabla.csv": TABLE}, method=0),
    "bzip2": zipped({"tabla.csv": TABLE * 20}, method=12),
    "lzma": zipped({"tabla.csv": TABLE * 20}, method=14),
    "gz": gzipped(TABLE * 20) + gzipped(TABLE),
    "xlsx": _book(),
    "xlsx in zip": zipped({"libro.xlsx": _book()}, method=0),
}
_RIGHT = {TABLE, TABLE * 20, TABLE * 21}


@st.composite
def damaged(draw: st.DrawFn, whole: bytes) -> bytes:
    """Some bytes changed, put in or lost, or the end gone."""
    data = bytearray(whole)
    for _ in range(draw(st.integers(1, 4))):
        if not data:
            break
        at = draw(st.integers(0, len(data) - 1))
        how = draw(st.sampled_from("ccccild"))
        if how == "c":
            data[at] = draw(st.integers(0, 255))
        elif how == "i":
            data[at:at] = draw(st.binary(min_size=1, max_size=4))
        elif how == "l":
            del data[at : at + draw(st.integers(1, 4))]
        else:
            del data[max(at, 1) :]
    return bytes(data)


def right_or_refused(data: bytes, right: set[bytes]) -> str:
    """What came of a damaged archive; fails on anything but the right table or a refusal with nothing left behind."""
    with tempfile.TemporaryDirectory() as folder:
        path, into = Path(folder) / "entrega", Path(folder) / "adentro"
        into.mkdir()
        path.write_bytes(data)
        try:
            content = unpacked(path, into, Known())
        except IntakeError as error:
            assert list(into.iterdir()) == []
            return error.code
        # Bytes that are no container any more are the caller's: it takes text only.
        assert content.path.read_bytes() in right or content.container == ""
        return content.container


@given(st.sampled_from(sorted(_WHOLE)).flatmap(lambda kind: damaged(_WHOLE[kind])))
@settings(max_examples=300, deadline=None)
@example(BytesIO(_WHOLE["zip"]).getvalue())
def test_a_damaged_archive_gives_the_right_table_or_none(data: bytes) -> None:
    right_or_refused(data, _RIGHT)


def test_the_undamaged_ones_are_all_read_right() -> None:
    for kind, whole in _WHOLE.items():
        assert right_or_refused(whole, _RIGHT) == ("zip" if kind not in {"gz", "xlsx"} else kind)
