"""Who had a provisional identifier and got another keeps one trajectory, and only the key tells who that is."""

from __future__ import annotations

import threading
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import SecretStr

from emtp_assets.contracts import contract_for
from emtp_assets.privacy.crosswalk import PAIRS, Crosswalk, CrosswalkError, split_trajectories, told_by
from emtp_assets.privacy.pseudonyms import install_pseudonym

KEY = SecretStr("a-test-key-0123456789-abcdefghijklmnop")
OTHER = SecretStr("another-test-key-0123456789-abcdefgh")


def pairs(*which: tuple[str, str]) -> pa.Table:
    return pa.table({"provisional": [p for p, _ in which], "definitive": [d for _, d in which]}, schema=PAIRS)


def as_set(table: pa.Table | None) -> set[tuple[str, str]]:
    return {(row["provisional"], row["definitive"]) for row in table.to_pylist()} if table is not None else set()


def pseudonym(kind: str, value: str) -> str:
    with duckdb.connect() as connection:
        install_pseudonym(connection, KEY)
        return connection.execute("select pseudonym($1, $2)", [kind, value]).fetchall()[0][0]


def raw(folder: Path, *rows: tuple[str, str]) -> Path:
    """A year of raw egresados with these MRUN and MRUN_IPE."""
    path = folder / "academic_year=2025" / "part.parquet"
    path.parent.mkdir(parents=True)
    names = [column.official for column in contract_for("egresados").columns]
    columns = {name: pa.array([None] * len(rows), pa.string()) for name in names}
    columns |= {"MRUN": pa.array([m for m, _ in rows]), "MRUN_IPE": pa.array([i for _, i in rows])}
    pq.write_table(pa.table(columns), path)
    return path


class TestTold:
    def test_a_row_with_both_identifiers_tells_a_pair(self, tmp_path: Path) -> None:
        path = raw(
            tmp_path,
            ("60000001", "900000007"), ("60000001 ", " 0900000007"), ("60000002", " "), (" ", "900000009"),
            ("12.345.678-5", "100.123.456-7"), ("60000003", "S/I"), ("0", "900000001"), ("2.1E+07", "900000002"),
            ("100.123.456-7", "900000003"),
        )  # fmt: skip
        with duckdb.connect() as connection:
            told = told_by(connection, KEY, contract_for("egresados"), path)
        assert as_set(told) == {
            (pseudonym("IPE", "900000007"), pseudonym("MRUN", "60000001")),
            (pseudonym("IPE", "100123456-7"), pseudonym("RUN", "12345678-5")),
        }

    def test_a_dataset_without_provisional_identifiers_tells_none(self, tmp_path: Path) -> None:
        with duckdb.connect() as connection:
            assert told_by(connection, KEY, contract_for("docentes"), raw(tmp_path)).num_rows == 0


class TestKept:
    def test_pairs_are_added_and_read_again(self, tmp_path: Path) -> None:
        crosswalk = Crosswalk(tmp_path, KEY)
        assert crosswalk.usable() is None
        crosswalk.add(pairs(("p1", "d1")))
        crosswalk.add(pairs(("p2", "d2"), ("p1", "d1")))
        assert as_set(Crosswalk(tmp_path, KEY).usable()) == {("p1", "d1"), ("p2", "d2")}
        assert as_set(crosswalk.unknown([pairs(("p2", "d2"), ("p3", "d3"))])) == {("p3", "d3")}

    def test_of_whom_two_things_are_said_none_is_believed(self, tmp_path: Path) -> None:
        crosswalk = Crosswalk(tmp_path, KEY)
        crosswalk.add(pairs(("p1", "d1"), ("p2", "d2")))
        assert as_set(crosswalk.usable([pairs(("p1", "d9"))])) == {("p2", "d2")}

    def test_many_who_add_at_once_lose_nothing(self, tmp_path: Path) -> None:
        def add(at: int) -> None:
            Crosswalk(tmp_path, KEY).add(pairs((f"p{at}", f"d{at}")))

        threads = [threading.Thread(target=add, args=(at,)) for at in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(as_set(Crosswalk(tmp_path, KEY).usable())) == 8


class TestNothingReadableWithoutTheKey:
    def test_no_pseudonym_stands_on_the_disk_and_nobody_else_may_read_the_file(self, tmp_path: Path) -> None:
        many = [(f"{at:032x}", f"{at + 5000:032x}") for at in range(500)]
        crosswalk = Crosswalk(tmp_path, KEY)
        crosswalk.add(pairs(*many))
        written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
        assert len(written) > 500 * 32
        assert not [
            each for pair in many for each in pair if each.encode() in written or bytes.fromhex(each) in written
        ]
        assert KEY.get_secret_value().encode() not in written
        assert crosswalk.path.stat().st_mode & 0o077 == crosswalk.path.parent.stat().st_mode & 0o077 == 0

    def test_the_same_pairs_are_never_the_same_bytes(self, tmp_path: Path) -> None:
        for name in ("one", "two"):
            Crosswalk(tmp_path / name, KEY).add(pairs(("p1", "d1")))
        one, two = ((tmp_path / name / "crosswalk" / "ipe_run.sealed").read_bytes() for name in ("one", "two"))
        assert one != two

    def test_another_key_is_refused_by_its_id_and_nothing_is_overwritten(self, tmp_path: Path) -> None:
        Crosswalk(tmp_path, KEY).add(pairs(("p1", "d1")))
        for attempt in (Crosswalk(tmp_path, OTHER).pairs, lambda: Crosswalk(tmp_path, OTHER).add(pairs(("p2", "d2")))):
            with pytest.raises(CrosswalkError, match="huella v1-"):
                attempt()
        assert as_set(Crosswalk(tmp_path, KEY).usable()) == {("p1", "d1")}

    @pytest.mark.parametrize("at", [0, 25, 40, 60, -1])
    def test_one_flipped_bit_is_refused_wherever_it_is(self, tmp_path: Path, at: int) -> None:
        crosswalk = Crosswalk(tmp_path, KEY)
        crosswalk.add(pairs(("p1", "d1")))
        sealed = bytearray(crosswalk.path.read_bytes())
        sealed[at] ^= 1
        crosswalk.path.write_bytes(sealed)
        with pytest.raises(CrosswalkError):
            crosswalk.pairs()

    def test_half_a_file_is_refused(self, tmp_path: Path) -> None:
        crosswalk = Crosswalk(tmp_path, KEY)
        crosswalk.add(pairs(("p1", "d1")))
        crosswalk.path.write_bytes(crosswalk.path.read_bytes()[:45])
        with pytest.raises(CrosswalkError, match="dañada"):
            crosswalk.pairs()


def test_years_made_before_a_pair_was_known_are_named(tmp_path: Path) -> None:
    files = {}
    for year, ids in {2023: ["p1", "p1", "x"], 2024: ["d1"]}.items():
        files[year] = tmp_path / f"academic_year={year}" / "part.parquet"
        files[year].parent.mkdir()
        pq.write_table(pa.table({"id_estudiante": ids}), files[year])
    with duckdb.connect() as connection:
        found = split_trajectories(connection, contract_for("matricula"), files, pairs(("p1", "d1")))
    assert [(split.dataset, split.year, split.persons) for split in found] == [("matricula", 2023, 1)]
