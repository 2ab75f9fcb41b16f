"""A release: built from exact counts, let out by a person, and never changed."""

from __future__ import annotations

import csv
import json
import sqlite3
from pathlib import Path

import pyarrow as pa
import pytest

from emtp_assets.doctor import examine
from emtp_assets.releases import candidate as candidates
from emtp_assets.releases.candidate import cut_of, restatement
from emtp_assets.releases.manifest import Release, ReleaseError
from emtp_assets.releases.record import ReleaseRecords
from emtp_assets.releases.shelf import Shelf
from emtp_assets.storage.provenance import Origin
from emtp_assets_tests.conftest import isolated_settings
from emtp_assets_tests.releases.conftest import NOW, YEAR, Office, csv_lines, one_more, rows
from emtp_assets_tests.releases.register import count

TABLES = {
    "especialidad_sexo_region",
    "especialidad_establecimiento",
    "sexo_establecimiento",
    "ciclo_sexo_region",
    "dependencia_region",
}


@pytest.fixture
def released(office: Office, country: pa.Table) -> Release:
    office.counts(country)
    return office.releases()


def test_a_release_is_named_after_its_cut_and_holds_every_table_twice_with_its_papers(released: Release) -> None:
    assert released.folder.name == released.release_id == "2025-12-31.1"
    papers = {"publicacion.json", "diccionario.csv", "LEAME.md", "auditoria.json", "auditoria.md", "auditoria.svg"}
    assert set(released.hashes) == papers | {f"{t}.{kind}" for t in TABLES for kind in ("csv", "parquet")}
    assert "CONTIENE DATOS SIMULADOS" in (released.folder / "LEAME.md").read_text(encoding="utf-8")


def test_a_table_holds_its_totals_and_no_small_count(released: Release, country: pa.Table) -> None:
    table = rows(released.folder, "especialidad_sexo_region")
    total = table[table.cod_region.isna() & table.cod_sector.isna() & table.cod_sexo.isna()]
    assert total.matricula.tolist() == [country.num_rows]
    assert (total.region.iloc[0], total.sector.iloc[0], total.sexo.iloc[0]) == ("Total", "Total", "Total")
    shown = table.matricula.dropna()
    assert (shown >= 10).all()
    assert set(table.matricula_nota) == {"", "s"}
    assert (table.matricula.isna() == (table.matricula_nota == "s")).all()


def test_the_csv_is_for_spreadsheets_in_spanish_and_says_what_the_parquet_says(released: Release) -> None:
    content = (released.folder / "sexo_establecimiento.csv").read_bytes()
    assert content.startswith("\ufeffaño;cod_region;region;".encode())
    read = list(csv.DictReader(content.decode("utf-8-sig").splitlines(), delimiter=";"))
    table = rows(released.folder, "sexo_establecimiento")
    assert [row["matricula"] for row in read] == ["" if n != n else str(int(n)) for n in table.matricula]
    schools = [row for row in read if row["rbd"]]
    assert all(row["cod_dependencia"] and row["dependencia"] for row in schools)


def test_the_dictionary_names_every_column_of_every_table(released: Release) -> None:
    text = (released.folder / "diccionario.csv").read_text(encoding="utf-8-sig")
    said = {(row["tabla"], row["columna"]) for row in csv.DictReader(text.splitlines(), delimiter=";")}
    assert said == {(name, column) for name in TABLES for column in rows(released.folder, name).columns}


def test_the_same_counts_give_the_same_bytes(office: Office, country: pa.Table) -> None:
    office.counts(country)
    first = dict(office.prepares().release.hashes)
    second = dict(office.prepares().release.hashes)
    data = [name for name in first if name.endswith((".csv", ".parquet"))]
    assert {name: first[name] for name in data} == {name: second[name] for name in data}


def test_a_year_that_is_public_is_repeated_byte_by_byte_whatever_became_of_it(
    office: Office, released: Release, country: pa.Table
) -> None:
    office.counts(one_more(country, "true", 500))
    office.counts(one_more(country, "true", 40), YEAR + 1)
    later = office.releases("2026-10-31")
    for table in TABLES:
        assert csv_lines(later.folder, table, YEAR) == csv_lines(released.folder, table, YEAR)
        assert csv_lines(later.folder, table, YEAR + 1)
    assert later.manifest["repetidos"] == {"matricula": {released.release_id: [YEAR]}}


def test_a_school_has_one_dependencia_though_some_of_its_rows_say_none(office: Office, country: pa.Table) -> None:
    """Else the tables would contradict what everybody knows of schools, and no audit could be green."""
    at = country.column_names.index("dependencia")
    said = country.column("dependencia").to_pylist()
    office.counts(country.set_column(at, "dependencia", [["Sin información", *said[1:]]]))
    made = office.prepares()
    assert made.waiting, made.report.summary()
    table = rows(made.release.folder, "dependencia_region")
    assert "Sin información" not in set(table.dependencia)


def test_a_year_is_not_released_before_its_official_cut(office: Office, country: pa.Table) -> None:
    office.counts(country)
    office.counts(country, YEAR + 1)
    assert office.prepares("2026-04-29").release.tables["dependencia_region"].years == (YEAR,)
    assert office.prepares("2026-04-30").release.tables["dependencia_region"].years == (YEAR, YEAR + 1)


def test_nothing_complete_is_no_candidate(office: Office, country: pa.Table) -> None:
    office.counts(country)
    with pytest.raises(ReleaseError, match="No hay ningún año completo"):
        office.prepares("2025-04-01")


def test_a_person_gives_fingerprint_name_and_reason_and_they_are_kept(office: Office, country: pa.Table) -> None:
    office.counts(country)
    made = office.prepares()
    for given in ({"who": " "}, {"why": ""}, {"fingerprint": ""}):
        with pytest.raises(ReleaseError, match=r"falta: (quien|motivo|huella)"):
            office.approves(**{"fingerprint": made.release.fingerprint, **given})
    with pytest.raises(ReleaseError, match="no es la de la candidata"):
        office.approves("0123456789abcdef")
    assert Shelf(office.settings.data_dir).releases() == []
    office.approves(made.release.fingerprint)
    (record,) = ReleaseRecords(office.settings.data_dir).all()
    assert (record.who, record.why, record.release_id) == ("Ana Rojas", "Corte anual.", "2025-12-31.1")
    with pytest.raises(ReleaseError, match="No hay ninguna candidata"):
        office.approves(record.fingerprint)


def test_a_candidate_that_was_touched_is_not_the_one_that_was_seen(office: Office, country: pa.Table) -> None:
    office.counts(country)
    made = office.prepares()
    seen = made.release.fingerprint
    table = made.release.folder / "dependencia_region.csv"
    table.write_bytes(table.read_bytes() + b" ")
    with pytest.raises(ReleaseError, match="no es la de la candidata"):
        office.approves(seen)


def test_a_candidate_audited_against_fewer_releases_is_not_let_out(office: Office, country: pa.Table) -> None:
    office.counts(country)
    made = office.prepares()
    aside = office.settings.data_dir / "aparte"
    made.release.folder.rename(aside)
    office.releases()
    aside.rename(Shelf(office.settings.data_dir).root / ".candidata")
    with pytest.raises(ReleaseError, match="se auditó contra ninguna"):
        office.approves(made.release.fingerprint)


def test_a_red_audit_lets_nothing_wait_and_leaves_what_waited(
    office: Office, country: pa.Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.counts(country)
    green = office.prepares()
    monkeypatch.setattr("emtp_assets.releases.protecting.protect_crossings", small_counts_alone)
    red = office.prepares()
    assert not red.waiting
    assert not red.report.passed
    assert (red.release.folder / "auditoria.md").is_file()
    with pytest.raises(ReleaseError, match="no es la de la candidata"):
        office.approves(red.release.fingerprint)
    assert office.approves(green.release.fingerprint).release_id == "2025-12-31.1"


def small_counts_alone(cells: pa.Table, measure: str, crossings: object, **options: object) -> dict[str, pa.Table]:
    """A suppressor that many use: it hides what is small, and nothing that betrays it."""
    from emtp_assets.privacy.crossings import Crossing, protect_crossings

    answers = {}
    minimum = options["minimum"]
    assert isinstance(minimum, int)
    assert isinstance(crossings, list)
    for crossing in crossings:
        assert isinstance(crossing, Crossing)
        exact = protect_crossings(cells, measure, [crossing], minimum=1, insiders=False)[crossing.name]
        counts = exact.column(measure).to_numpy()
        small, at = counts < minimum, exact.column_names.index
        exact = exact.set_column(at(measure), measure, pa.array(counts, mask=small))
        answers[crossing.name] = exact.set_column(at("suppressed"), "suppressed", pa.array(small))
    return answers


def test_a_mode_of_full_access_releases_nothing(office: Office, country: pa.Table) -> None:
    office.counts(country)
    made = office.prepares()
    full = Office(
        isolated_settings(
            data_dir=office.settings.data_dir,
            privacy_mode="C",
            access_purpose="Revisión de la prueba",
            access_responsible="Ana Rojas",
        )
    )
    with pytest.raises(ReleaseError, match="acceso completo"):
        full.prepares()
    with pytest.raises(ReleaseError, match="acceso completo"):
        full.approves(made.release.fingerprint)


def test_a_production_instance_releases_official_figures_alone(
    office: Office, country: pa.Table, tmp_path: Path
) -> None:
    office.counts(country)
    made = office.prepares()
    key = tmp_path / "clave"
    key.write_text("0123456789abcdef" * 4)
    key.chmod(0o400)
    production = Office(isolated_settings(data_dir=office.settings.data_dir, mode="produccion", pseudonym_key_file=key))
    with pytest.raises(ReleaseError, match="SIMULADO"):
        production.prepares()
    with pytest.raises(ReleaseError, match="SIMULADO"):
        production.approves(made.release.fingerprint)
    count(production.lake, country, YEAR, Origin.OFFICIAL)
    assert production.releases().manifest["origen"] == "OFICIAL"


def wrongs_of(office: Office) -> list[str]:
    return [f.found for f in examine(office.settings) if f.what == "liberaciones" and not f.good]


def test_the_doctor_proves_every_byte(office: Office, released: Release) -> None:
    assert wrongs_of(office) == []
    table = released.folder / "dependencia_region.csv"
    whole = table.read_bytes()
    table.chmod(0o644)
    table.write_bytes(whole[:-3] + bytes([whole[-3] ^ 1]) + whole[-2:])
    table.chmod(0o444)
    assert wrongs_of(office) == ["2025-12-31.1: dependencia_region.csv no es el que se aprobó (cambió su SHA-256)"]
    table.chmod(0o644)
    assert "2025-12-31.1: se puede escribir (dependencia_region.csv)" in wrongs_of(office)
    table.write_bytes(whole)
    table.chmod(0o444)
    assert wrongs_of(office) == []


def test_the_doctor_misses_and_finds_files_and_folders(office: Office, released: Release) -> None:
    released.folder.chmod(0o755)
    (released.folder / "otra.csv").write_text("nadie la aprobó")
    (released.folder / "otra.csv").chmod(0o444)
    (released.folder / "LEAME.md").unlink()
    released.folder.chmod(0o555)
    assert wrongs_of(office) == ["2025-12-31.1: falta LEAME.md", "2025-12-31.1: sobra otra.csv, que nadie aprobó"]
    (Shelf(office.settings.data_dir).root / "2026-01-01.1").mkdir()
    assert "2026-01-01.1 no está en el registro de liberaciones" in wrongs_of(office)
    released.folder.rename(office.settings.data_dir / "perdida")
    assert "falta la carpeta de la liberación 2025-12-31.1" in wrongs_of(office)


def test_nothing_is_released_beside_a_damaged_release(office: Office, released: Release) -> None:
    (released.folder / "LEAME.md").chmod(0o644)
    with pytest.raises(ReleaseError, match="no están como se aprobaron"):
        office.prepares("2026-01-31")


def test_an_approval_cut_short_is_finished_by_the_next_one(
    office: Office, country: pa.Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.counts(country)
    made = office.prepares()
    monkeypatch.setattr(ReleaseRecords, "released", _killed)
    with pytest.raises(KeyboardInterrupt):
        office.approves(made.release.fingerprint)
    monkeypatch.undo()
    assert ReleaseRecords(office.settings.data_dir).all()[0].released_at is None
    candidates.settle(office.settings, Shelf(office.settings.data_dir), NOW)
    assert ReleaseRecords(office.settings.data_dir).all()[0].released_at == NOW
    assert wrongs_of(office) == []


def test_an_approval_that_the_disk_refused_can_be_given_again(
    office: Office, country: pa.Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.counts(country)
    made = office.prepares()
    monkeypatch.setattr(Path, "rename", _full)
    with pytest.raises(ReleaseError, match="El disco no lo permitió"):
        office.approves(made.release.fingerprint)
    monkeypatch.undo()
    assert Shelf(office.settings.data_dir).releases() == []
    office.approves(made.release.fingerprint)
    assert wrongs_of(office) == []


def _killed(*_: object) -> None:
    raise KeyboardInterrupt


def _full(*_: object) -> None:
    raise OSError(28, "No space left on device")


def test_the_record_refuses_an_approval_by_nobody(office: Office, released: Release) -> None:
    (record,) = ReleaseRecords(office.settings.data_dir).all()
    with pytest.raises(sqlite3.IntegrityError):
        ReleaseRecords(office.settings.data_dir).approve(record)
    nobody = {**record.__dict__, "release_id": "2026-01-01.1", "who": "  "}
    with pytest.raises(sqlite3.IntegrityError):
        ReleaseRecords(office.settings.data_dir).approve(type(record)(**nobody))


def test_cuts_and_years_are_written_in_one_way() -> None:
    assert restatement(["2024", "matricula:2023", "matricula:2022"]) == {
        "": frozenset({2024}),
        "matricula": frozenset({2022, 2023}),
    }
    assert cut_of(" ", NOW).isoformat() == "2026-11-01"
    for wrong in ("24", "matricula 2024"):
        with pytest.raises(ReleaseError):
            restatement([wrong])
    with pytest.raises(ReleaseError, match="no es una fecha"):
        cut_of("30-04-2026", NOW)


def test_cuts_go_forward_and_have_come(office: Office, released: Release) -> None:
    with pytest.raises(ReleaseError, match="anterior al de la última"):
        office.prepares("2025-12-30")
    with pytest.raises(ReleaseError, match="todavía no llega"):
        office.prepares("2027-01-01")
    assert office.prepares("2025-12-31").release.release_id == "2025-12-31.2"


def test_only_what_is_public_is_made_again(office: Office, country: pa.Table) -> None:
    office.counts(country)
    with pytest.raises(ReleaseError, match="matricula:2025, que ninguna liberación contiene"):
        office.prepares(rehacer=["matricula:2025"])


def test_the_manifest_says_where_figures_come_from_and_names_nobody(released: Release) -> None:
    text = json.dumps(dict(released.manifest))
    assert "Ana" not in text
    said = released.tables["dependencia_region"].provenance[YEAR]
    assert said["origen"] == "SIMULADO"
    assert said["entregas"]
