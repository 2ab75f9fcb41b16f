"""What IT is asked for: every column the product uses, and of a person no more than one key."""

from __future__ import annotations

import pytest

from emtp_assets.access import asked_columns, column_list, views, withheld_columns
from emtp_assets.contracts import DATASETS, Classification, Contract, Treatment, all_contracts, contract_for
from emtp_assets.settings import HOME, PrivacyMode
from emtp_assets.sources.sqlserver.view import ViewColumn as Offered
from emtp_assets.sources.sqlserver.view import ViewName, match

EVERY = pytest.mark.parametrize("contract", all_contracts(), ids=DATASETS)
EMTP = (410, 460, 461, 463, 470, 510, 560, 561, 563, 610, 660, 661, 663, 710, 760, 761, 763, 810, 860, 861, 863)


def names(contract: Contract, mode: PrivacyMode = PrivacyMode.AGGREGATES) -> set[str]:
    return {column.official for column in asked_columns(contract, mode)}


@EVERY
def test_what_the_product_needs_to_work_is_asked_for(contract: Contract) -> None:
    needed = {contract.year_column, *contract.signature, *(contract.scope.columns if contract.scope else ())}
    needed |= {c.official for c in contract.columns if c.required or c.key}
    assert needed <= names(contract)


@EVERY
def test_each_column_that_goes_beyond_raw_is_asked_for_or_needs_full_access_or_is_history(contract: Contract) -> None:
    left_out = {c.official for c in contract.cleaned_columns} - names(contract)
    full_access = {c.official for c in contract.columns if c.full_access_only}
    assert left_out - full_access <= {"LET_RBD", "NUM_RBD", "ENS_12"}


@EVERY
@pytest.mark.parametrize("mode", [PrivacyMode.AGGREGATES, PrivacyMode.PSEUDONYMS])
def test_of_a_person_only_what_becomes_a_pseudonym_is_asked_for(contract: Contract, mode: PrivacyMode) -> None:
    asked = asked_columns(contract, mode)
    assert all(c.treatment is not Treatment.RAW_ONLY and not c.full_access_only for c in asked)
    identifying = {c.official for c in asked if c.classification is Classification.DIRECT_IDENTIFIER}
    assert identifying <= {"MRUN", "ID_PRACTICA"}


def test_names_and_birth_dates_are_asked_for_in_mode_c_alone() -> None:
    guarded = {"NOMBRES", "APELLIDO_PATERNO", "APELLIDO_MATERNO", "FEC_NAC_ALU"}
    contract = contract_for("matricula")
    assert not guarded & names(contract)
    assert guarded <= names(contract, PrivacyMode.FULL)


def test_what_is_sensitive_and_unused_is_not_asked_for_in_any_mode() -> None:
    for mode in PrivacyMode:
        assert not {"COD_ETNIA_ALU", "INT_ALU", "MRUN_IPE", "PAIS_ORIGEN_ALU"} & names(contract_for("matricula"), mode)
        assert not {"RUT_EMPRESA", "NOMBRE_EMPRESA"} & names(contract_for("titulacion"), mode)
        assert not {"MRUN", "RUT_SOSTENEDOR"} & names(contract_for("establecimientos"), mode)


@EVERY
def test_asked_and_withheld_are_the_whole_dataset(contract: Contract) -> None:
    asked, withheld = asked_columns(contract), withheld_columns(contract)
    assert sorted([*asked, *withheld], key=contract.columns.index) == list(contract.columns)


def test_an_instance_that_begins_earlier_asks_for_the_columns_of_then() -> None:
    contract = contract_for("matricula")
    assert "LET_RBD" not in names(contract)
    assert "LET_RBD" in {c.official for c in asked_columns(contract, first_year=2009)}


def test_a_view_has_the_columns_in_contract_order_with_their_types_and_the_codes_of_emtp() -> None:
    view = views(all_contracts())["vw_sige_matricula_emtp_ano"]
    assert [(c.name, c.type) for c in view.columns][:3] == [
        ("AGNO", "int"),
        ("RBD", "int"),
        ("DGV_RBD", "nvarchar(255)"),
    ]
    assert {c.name: c.type for c in view.columns}["MRUN"] == "varchar(32)"
    assert view.scope == ("COD_ENSE",)
    assert view.codes == EMTP


@EVERY
@pytest.mark.parametrize("mode", list(PrivacyMode))
def test_a_view_made_as_asked_for_is_all_that_the_sql_source_wants(contract: Contract, mode: PrivacyMode) -> None:
    """The request and the query read the same contract each in its own way: they must never part."""
    view = next(iter(views([contract], privacy_mode=mode).values()))
    offered = [Offered(column.name, column.type.partition("(")[0], _length(column.type)) for column in view.columns]
    reading = match(contract, 2025, ViewName("dbo", view.name), offered, mode)
    assert [m.column.official for m in reading.asked] == [column.name for column in view.columns]
    assert (reading.missing, reading.withheld, reading.unknown) == ((), (), ())
    assert tuple(m.column.official for m in reading.scope) == view.scope


def _length(tsql_type: str) -> int | None:
    inside = tsql_type.partition("(")[2].rstrip(")")
    return int(inside) if inside.isdigit() else None


def test_there_are_six_views_under_the_names_that_it_may_change() -> None:
    assert list(views(all_contracts())) == [
        "vw_sige_matricula_emtp_ano",
        "vw_sige_egresados_emtp",
        "vw_sige_titulacion_emtp",
        "vw_sige_establecimientos",
        "vw_sige_docentes_emtp",
        "vw_sige_proyectos_emtp",
    ]
    assert "vw_otro_nombre" in views(all_contracts(), names={"matricula": "vw_otro_nombre"})


def test_the_request_carries_the_list_as_the_contracts_have_it_today() -> None:
    request = (HOME / "docs" / "solicitud_acceso.md").read_text(encoding="utf-8")
    assert column_list(all_contracts()) in request
