"""Cleaning reads each type one way, loses no row, and says of each refused one why. Through dbt, on real Parquet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from emtp_assets.contracts import Contract, contract_for
from emtp_assets.privacy.keys import pseudonym_key
from emtp_assets.privacy.pseudonyms import install_pseudonym
from emtp_assets.settings import Settings
from emtp_assets.storage.restricted import read
from emtp_assets.transformation import Input, TransformationError, run_models
from emtp_assets_tests.conftest import isolated_settings

Rows = list[dict[str, Any]]


def clean(
    settings: Settings,
    dataset: str,
    rows: Sequence[Mapping[str, str | None]],
    year: int = 2025,
    crosswalk: pa.Table | None = None,
) -> tuple[Rows, Rows]:
    """Cleaned and rejected rows of a raw table whose other columns were not sent."""
    contract = contract_for(dataset)
    raw = settings.data_dir / "raw" / f"academic_year={year}" / "part.parquet"
    raw.parent.mkdir(parents=True)
    fields = [pa.field(c.official, pa.string()) for c in contract.columns]
    table = pa.table(
        [[row.get(f.name) for row in rows] for f in fields]
        + [pa.array(["sha"] * len(rows)), pa.array(range(1, len(rows) + 1), pa.int64())],
        schema=pa.schema([*fields, pa.field("_delivery", pa.string()), pa.field("_row", pa.int64())]),
    )
    pq.write_table(table, raw)
    models = [f"cleaned_{dataset}", f"rejected_{dataset}"]
    run_models(
        settings,
        models,
        years=[year],
        inputs={f"raw_{dataset}": Input([raw])},
        output=settings.data_dir,
        footers={},
        contracts=[contract],
        crosswalk=crosswalk,
    )
    made = [
        read(settings.data_dir / m / f"academic_year={year}" / "part.parquet", settings).to_pylist() for m in models
    ]
    assert len(made[0]) + len(made[1]) == len(rows), "no row is lost"
    return made[0], made[1]


PROJECT = {
    "AGNO": "2025",
    "REGION": "Biobío",
    "TIPO_PROYECTO": "Equipamiento",
    "ESTADO": "Vigente",
    "MONTO_ASIGNADO": "1000",
}


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("6,1", 6.1),
        ("6", 6.0),
        ("6.1", 6.1),
        ("-18,4872", -18.4872),
        (" ", None),
        (None, None),
    ],
)
def test_a_number_has_a_decimal_comma_and_a_blank_is_one_space(
    settings: Settings, sent: str | None, read: float | None
) -> None:
    (row,), _ = clean(settings, "proyectos", [PROJECT | {"PCT_EJECUCION": sent}])
    assert row["pct_ejecucion"] == read
    assert row["_ilegibles"] == []


@pytest.mark.parametrize("sent", ["1.000", "12.345.678", "2.1e+07", "--"])
def test_what_could_mean_two_things_or_nothing_is_null_and_counted(settings: Settings, sent: str) -> None:
    (row,), _ = clean(settings, "proyectos", [PROJECT | {"PCT_EJECUCION": sent}])
    assert row["pct_ejecucion"] is None
    assert row["_ilegibles"] == ["pct_ejecucion"]


def test_a_row_without_what_it_cannot_do_without_is_rejected_with_the_reason(settings: Settings) -> None:
    stands, refused = clean(
        settings, "proyectos", [PROJECT, PROJECT | {"REGION": " "}, PROJECT | {"MONTO_ASIGNADO": "mucho"}]
    )
    assert [row["_row"] for row in stands] == [1]
    assert [(r["_row"], r["regla"], r["columna"], r["valor"]) for r in refused] == [
        (2, "requerido", "REGION", None),
        (3, "ilegible", "MONTO_ASIGNADO", "mucho"),
    ]


def test_the_first_of_two_with_the_same_key_stands(settings: Settings) -> None:
    stands, refused = clean(settings, "proyectos", [PROJECT, PROJECT, PROJECT | {"MONTO_ASIGNADO": "2000"}])
    assert [row["_row"] for row in stands] == [1, 3]
    assert [(r["_row"], r["regla"]) for r in refused] == [(2, "duplicado")]


STUDENT = {
    "AGNO": "2025", "RBD": "00123", "COD_ENSE": "0410", "COD_GRADO": "3", "MRUN": "60000001", "GEN_ALU": "2",
    "FEC_NAC_ALU": "200801", "EDAD_ALU": "17", "COD_ESPE": "41005",
}  # fmt: skip


def test_people_become_pseudonyms_that_are_the_same_in_every_dataset(settings: Settings) -> None:
    (student,), _ = clean(settings, "matricula", [STUDENT])
    graduate = {"AGNO": "2025", "RBD": "123", "COD_ENSE": "410", "COD_GRADO": "4", "MRUN": " 60000001 "}
    (graduated,), _ = clean(with_the_same_key(settings), "egresados", [graduate])
    assert student["id_estudiante"] == graduated["id_estudiante"]
    assert "60000001" not in str(student)
    assert len(student["id_estudiante"]) == 32
    assert "mrun" not in {name.lower() for name in student}


def test_a_mask_and_a_run_are_two_persons_whatever_their_digits(settings: Settings) -> None:
    mask, run, other_form = clean(
        settings,
        "matricula",
        [STUDENT | {"MRUN": mrun, "RBD": rbd} for mrun, rbd in [("12345678", "1"), ("12345678-5", "2")]]
        + [STUDENT | {"MRUN": "12.345.679-3", "RBD": "3"}],
    )[0]
    assert len({mask["id_estudiante"], run["id_estudiante"], other_form["id_estudiante"]}) == 3


def test_who_has_only_a_provisional_identifier_stands_under_it(settings: Settings) -> None:
    rows = [STUDENT | {"MRUN": mrun, "MRUN_IPE": "900000007"} for mrun in (" ", "60000001")]
    (provisional, definitive), refused = clean(
        settings, "matricula", [*rows, STUDENT | {"MRUN": "", "MRUN_IPE": "S/I"}]
    )
    assert [(r["_row"], r["regla"]) for r in refused] == [(3, "requerido")]
    assert provisional["id_estudiante"] == pseudonym(settings, "IPE", "900000007")
    assert definitive["id_estudiante"] == pseudonym(settings, "MRUN", "60000001")


def test_a_known_pair_joins_the_two_and_a_person_enrolled_twice_is_seen(settings: Settings) -> None:
    """Under the provisional identifier in one row, under the definitive one in another, of one year."""
    pairs = pa.table(
        {
            "provisional": [pseudonym(settings, "IPE", "900000007")],
            "definitive": [pseudonym(settings, "MRUN", "60000001")],
        }
    )
    rows = [STUDENT | {"MRUN": " ", "MRUN_IPE": "900000007"}, STUDENT, STUDENT | {"MRUN": "60000002"}]
    stands, refused = clean(settings, "matricula", rows, crosswalk=pairs)
    assert [row["id_estudiante"] for row in stands] == [
        pseudonym(settings, "MRUN", "60000001"), pseudonym(settings, "MRUN", "60000002"),
    ]  # fmt: skip
    assert [(r["_row"], r["regla"]) for r in refused] == [(2, "duplicado")]


def pseudonym(settings: Settings, kind: str, value: str) -> str:
    with duckdb.connect() as connection:
        install_pseudonym(connection, pseudonym_key(settings))
        return connection.execute("select pseudonym($1, $2)", [kind, value]).fetchall()[0][0]


def with_the_same_key(settings: Settings) -> Settings:
    """Another instance's folder, so that the two datasets share nothing but the key."""
    return isolated_settings(
        data_dir=settings.data_dir / "other", pseudonym_key_file=settings.data_dir / ".secrets" / "clave_demo"
    )


def test_codes_lose_their_padding_and_months_their_day(settings: Settings) -> None:
    first, second = clean(settings, "matricula", [STUDENT, STUDENT | {"MRUN": "60000002", "FEC_NAC_ALU": "20080131"}])[
        0
    ]
    assert (first["rbd"], first["cod_ensenanza"], first["mes_nacimiento"]) == (123, 410, 200801)
    assert second["mes_nacimiento"] == 200801


def test_a_personal_value_is_never_copied_into_the_reason(settings: Settings) -> None:
    contract: Contract = contract_for("matricula")
    (mrun,) = [c for c in contract.columns if c.official == "MRUN"]
    assert mrun.required
    _, (refused,) = clean(settings, "matricula", [STUDENT | {"MRUN": " "}])
    assert (refused["regla"], refused["columna"], refused["valor"]) == ("requerido", "MRUN", None)


def test_a_failing_model_says_which_and_why_and_never_the_key(settings: Settings) -> None:
    with pytest.raises(TransformationError, match="cleaned_proyectos") as failed:
        run_models(
            settings, ["cleaned_proyectos"], years=[2025], inputs={}, output=settings.data_dir, footers={},
            contracts=[contract_for("proyectos")],
        )  # fmt: skip
    key = (settings.data_dir / ".secrets" / "clave_demo").read_text().strip()
    assert key not in str(failed.value)


def test_the_session_macro_is_the_one_that_dbt_used(settings: Settings) -> None:
    (student,), _ = clean(settings, "matricula", [STUDENT])
    assert student["id_estudiante"] == pseudonym(settings, "MRUN", "60000001")
