"""A sealed file gives back its very bytes, or says that it cannot: whatever one does to it."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emtp_assets.storage.sealing import (
    CHUNK,
    HEADER,
    Sealer,
    SealError,
    Unsealed,
    is_sealed,
    plain_size,
    sealed_size,
    unseal,
    unsealed,
)

KEY, OTHER = bytes(range(32)), bytes(range(1, 33))
TAG = 16
# Around the places where a chunk ends, and far from them.
SIZES = st.one_of(
    st.integers(0, 300),
    st.sampled_from([CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK - 1, 2 * CHUNK, 2 * CHUNK + 1, 3 * CHUNK]),
    st.integers(0, 4 * CHUNK),
)
quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def text_of(size: int, seed: int = 0) -> bytes:
    import random

    return random.Random(seed).randbytes(size)


def sealed(content: bytes, *, key: bytes = KEY, cuts: int = 1 << 18) -> bytes:
    target = io.BytesIO()
    with Sealer(target, key) as sealer:
        for at in range(0, len(content), cuts):
            sealer.write(content[at : at + cuts])
    return target.getvalue()


def opened(octets: bytes, key: bytes = KEY) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "entrega.csv.sellado"
        path.write_bytes(octets)
        return b"".join(unsealed(path, key))


@quick
@given(size=SIZES, cuts=st.sampled_from([1, 17, CHUNK - 1, CHUNK, CHUNK + 1, 1 << 18]), seed=st.integers(0, 9))
def test_the_same_bytes_come_back_whatever_the_blocks_they_were_written_in(size: int, cuts: int, seed: int) -> None:
    content = text_of(min(size, 3000) if cuts < 100 else size, seed)
    assert opened(sealed(content, cuts=cuts)) == content


@quick
@given(size=SIZES)
def test_the_size_of_a_sealed_file_tells_that_of_its_content(size: int, tmp_path: Path) -> None:
    path = tmp_path / "entrega"
    path.write_bytes(sealed(bytes(size)))
    assert path.stat().st_size == sealed_size(size)
    assert plain_size(path) == size


@quick
@given(data=st.data(), size=SIZES)
def test_no_bit_can_be_changed_unseen(data: st.DataObject, size: int) -> None:
    octets = bytearray(sealed(text_of(size)))
    at = data.draw(st.one_of(st.integers(0, len(octets) - 1), st.integers(0, HEADER)))
    octets[at] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(SealError, match=r"entrega\.csv\.sellado"):
        opened(bytes(octets))


def test_every_single_byte_of_a_small_file_counts() -> None:
    octets = sealed(b"12345678-5;JUAN")
    for at in range(len(octets)):
        wrong = bytearray(octets)
        wrong[at] ^= 0x01
        with pytest.raises(SealError):
            opened(bytes(wrong))


@quick
@given(data=st.data(), size=SIZES)
def test_a_file_that_was_cut_anywhere_is_refused(data: st.DataObject, size: int) -> None:
    octets = sealed(text_of(size))
    ends = [HEADER + chunk * (CHUNK + TAG) for chunk in range(len(octets) // (CHUNK + TAG) + 1)]
    end = data.draw(st.one_of(st.sampled_from(ends), st.integers(0, len(octets) - 1)))
    if end < len(octets):
        with pytest.raises(SealError):
            opened(octets[:end])


@quick
@given(more=st.binary(min_size=1, max_size=40), size=SIZES)
def test_a_file_that_grew_is_refused(more: bytes, size: int) -> None:
    with pytest.raises(SealError):
        opened(sealed(text_of(size)) + more)


@quick
@given(data=st.data(), size=SIZES)
def test_read_as_a_file_from_any_place_it_is_the_content(data: st.DataObject, size: int, tmp_path: Path) -> None:
    content, path = text_of(size), tmp_path / "entrega.csv.sellado"
    path.write_bytes(sealed(content))
    shown = Unsealed.of(path, KEY)
    assert shown.stat().st_size == size
    with shown.open(buffering=0) as raw, shown.open() as buffered:
        for _ in range(6):
            begin, length = data.draw(st.integers(0, size + 3)), data.draw(st.integers(0, 3 * CHUNK))
            raw.seek(begin)
            assert raw.read(length) == content[begin : begin + length]
            assert raw.tell() == max(begin, min(begin + length, size))
            buffered.seek(begin)
            assert buffered.read(length) == content[begin : begin + length]
        raw.seek(0)
        assert raw.read() == content


@quick
@given(data=st.data(), size=SIZES)
def test_read_as_a_file_a_change_is_refused_where_it_is_and_a_cut_at_once(
    data: st.DataObject, size: int, tmp_path: Path
) -> None:
    path = tmp_path / "entrega.csv.sellado"
    whole = sealed(text_of(size))
    wrong = bytearray(whole)
    wrong[data.draw(st.integers(0, len(whole) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(wrong)
    with pytest.raises(SealError), Unsealed.of(path, KEY).open() as file:
        file.read()
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    with pytest.raises(SealError):
        Unsealed.of(path, KEY).open()
    path.write_bytes(whole)
    with pytest.raises(SealError, match="otra clave"):
        Unsealed.of(path, OTHER).open()
    with pytest.raises(ValueError, match="to be read"):
        Unsealed.of(path, KEY).open("wb")


def test_chunks_that_change_places_are_refused() -> None:
    octets = sealed(text_of(3 * CHUNK))
    chunks = [octets[HEADER + at * (CHUNK + TAG) : HEADER + (at + 1) * (CHUNK + TAG)] for at in range(3)]
    for order in ((1, 0, 2), (0, 2, 1), (2, 1, 0), (0, 0, 2), (0, 2)):
        with pytest.raises(SealError):
            opened(octets[:HEADER] + b"".join(chunks[at] for at in order))


def test_chunks_of_another_file_under_the_same_key_are_refused() -> None:
    one, other = sealed(text_of(2 * CHUNK, 1)), sealed(text_of(2 * CHUNK, 2))
    with pytest.raises(SealError):
        opened(one[: HEADER + CHUNK + TAG] + other[HEADER + CHUNK + TAG :])
    with pytest.raises(SealError):
        opened(one[:HEADER] + other[HEADER:])


def test_another_key_is_told_from_damage_and_never_shown() -> None:
    with pytest.raises(SealError, match="otra clave") as refused:
        opened(sealed(b"12345678-5;JUAN", key=OTHER))
    assert OTHER.hex() not in str(refused.value)
    assert KEY.hex() not in str(refused.value)


@pytest.mark.parametrize("octets", [b"", b"EMTP", b"AGNO;RBD\n2025;1\n", b"EMTPSELL", b"EMTPSELL\x02" + bytes(80)])
def test_what_is_no_sealed_file_is_refused(octets: bytes) -> None:
    with pytest.raises(SealError):
        opened(octets)


def test_a_process_killed_while_it_seals_leaves_nothing_that_opens() -> None:
    for written in (b"", text_of(10), text_of(3 * CHUNK)):
        target = io.BytesIO()
        sealer = Sealer(target, KEY)
        sealer.write(written)
        with pytest.raises(SealError):
            opened(target.getvalue())


def test_the_same_content_sealed_twice_is_not_the_same_bytes() -> None:
    assert sealed(b"igual") != sealed(b"igual")


def test_nothing_of_the_content_shows(tmp_path: Path) -> None:
    content = b"12.345.678-5;JUANA PEREZ SOTO\n" * 20_000
    path = tmp_path / "entrega"
    path.write_bytes(sealed(content))
    assert is_sealed(path)
    assert b"JUANA" not in path.read_bytes()
    assert b"12.345" not in path.read_bytes()
    with (tmp_path / "abierto").open("wb") as target:
        assert unseal(path, KEY, target) == len(content)
    assert (tmp_path / "abierto").read_bytes() == content
    assert not is_sealed(tmp_path / "abierto")
