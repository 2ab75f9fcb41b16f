"""What the code lists promise: whole, unique, nested. Contracts themselves are tested beside this file."""

from __future__ import annotations

import csv

import pytest

from emtp_assets.contracts import CODE_LISTS, all_contracts, code_list_path, read_codes

every_code_list = pytest.mark.parametrize("name", CODE_LISTS)


def test_every_list_a_column_names_exists() -> None:
    named = {c.code_list for contract in all_contracts() for c in contract.columns if c.code_list}
    assert named <= set(CODE_LISTS)


@every_code_list
def test_lists_start_with_unique_codes_and_names(name: str) -> None:
    with code_list_path(name).open(encoding="utf-8", newline="") as handle:
        header, *rows = list(csv.reader(handle))
    assert header[:2] == ["codigo", "nombre"]
    codes = [row[0] for row in rows]
    assert codes
    assert len(set(codes)) == len(codes)
    assert all(len(row) == len(header) and row[0] and row[1] for row in rows)


@every_code_list
def test_every_list_is_used(name: str) -> None:
    used: set[str | None] = {c.code_list for contract in all_contracts() for c in contract.columns}
    assert name in used


def test_emtp_is_410_to_863_and_nothing_else() -> None:
    emtp = {int(code) for code in read_codes("tipo_ensenanza", "es_emtp")}
    assert {410, 510, 610, 710, 810, 463, 563, 663, 763, 863} <= emtp
    assert not emtp & {310, 363, 910, 963, 990}
    assert all(410 <= code <= 863 for code in emtp)


def test_territory_is_whole_and_nested() -> None:
    assert len(read_codes("region")) == 16
    assert len(read_codes("comuna")) == 346
    with code_list_path("comuna").open(encoding="utf-8", newline="") as handle:
        for row in csv.DictReader(handle):
            assert row["cod_region"] in read_codes("region")
            assert row["cod_provincia"] in read_codes("provincia")
            assert int(row["codigo"]) // 1000 == int(row["cod_region"])


def test_names_are_written_as_names() -> None:
    comunas = read_codes("comuna")
    assert comunas["5201"] == "Isla de Pascua"
    assert comunas["13101"] == "Santiago"
    assert {"Ñuñoa", "O'Higgins", "Viña del Mar", "San Pedro de la Paz", "Los Ángeles"} <= set(comunas.values())
    assert read_codes("region")["13"] == "Metropolitana de Santiago"


@pytest.mark.parametrize("name", ["mencion", "especialidad", "subsector"])
def test_children_have_their_parents(name: str) -> None:
    column, parent = {
        "mencion": ("cod_especialidad", "especialidad"),
        "especialidad": ("cod_sector", "sector"),
        "subsector": ("cod_sector", "sector_docente"),
    }[name]
    with code_list_path(name).open(encoding="utf-8", newline="") as handle:
        assert all(row[column] in read_codes(parent) for row in csv.DictReader(handle))


def test_every_especialidad_can_be_taught() -> None:
    assert set(read_codes("especialidad", "es_emtp")) <= set(read_codes("subsector", "es_emtp"))
