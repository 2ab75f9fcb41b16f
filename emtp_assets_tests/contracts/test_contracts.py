"""What the six contracts and the code lists promise. How files are read or checked is tested elsewhere."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from emtp_assets.contracts import (
    DATASETS,
    Classification,
    Contract,
    Treatment,
    all_contracts,
    contract_for,
    known_files,
    read_codes,
)

SHARED = Path(os.environ.get("EMTP_SHARED", Path(__file__).resolve().parents[3] / "shared"))
SAMPLES = SHARED / "samples"

# Columns that cleaning computes, so a rule may name them although no file carries them.
COMPUTED = {"dv_rbd_valido"}

MATRICULA_2025 = """
    AGNO RBD DGV_RBD NOM_RBD COD_REG_RBD NOM_REG_RBD_A COD_PRO_RBD COD_COM_RBD NOM_COM_RBD COD_DEPROV_RBD
    NOM_DEPROV_RBD COD_DEPE COD_DEPE2 RURAL_RBD ESTADO_ESTAB NOMBRE_SLEP COD_ENSE COD_ENSE2 COD_ENSE3
    COD_GRADO COD_GRADO2 LET_CUR COD_JOR COD_TIP_CUR COD_DES_CUR TIPO_AULA MRUN GEN_ALU FEC_NAC_ALU
    EDAD_ALU
    COD_REG_ALU COD_COM_ALU NOM_COM_ALU COD_SEC COD_ESPE COD_RAMA COD_MEN ENS
"""
EGRESADOS_2024 = """
    AGNO RBD DGV_RBD COD_REG_RBD NOM_REG_RBD_A COD_PRO_RBD COD_COM_RBD NOM_COM_RBD COD_DEPROV_RBD
    NOM_DEPROV_RBD COD_ENSE COD_GRADO COD_DEPE COD_DEPE2 RURAL_RBD MRUN MRUN_IPE PROM_NOTAS_ALU ORIGEN
    ENSE_COMPLETA MARCA_EGRESO
"""

every_contract = pytest.mark.parametrize("contract", all_contracts(), ids=lambda c: c.dataset)


def officials(dataset: str, year: int) -> list[str]:
    return [column.official for column in contract_for(dataset).official_columns(year)]


def sample_header(name: str) -> list[str]:
    path = SAMPLES / name
    if not path.is_file():
        pytest.skip(f"sin la muestra oficial {name} (EMTP_SHARED)")
    with path.open(encoding="utf-8-sig") as handle:
        return handle.readline().rstrip("\r\n").split(";")


def recognised(contract: Contract, header: list[str]) -> bool:
    """Whether every signature column stands in the header."""
    named = {column.official for cell in header if (column := contract.column_spelled(cell))}
    return set(contract.signature) <= named


class TestOfficialColumns:
    @pytest.mark.parametrize("year", [2024, 2025])
    def test_the_directory_has_the_columns_of_the_real_file_in_order(self, year: int) -> None:
        assert officials("establecimientos", year) == sample_header(f"directorio_oficial_ee_{year}.csv")

    def test_matricula_2025_has_the_38_official_columns(self) -> None:
        assert officials("matricula", 2025) == MATRICULA_2025.split()

    def test_matricula_2024_lacks_only_the_new_column(self) -> None:
        assert officials("matricula", 2024) == [name for name in MATRICULA_2025.split() if name != "TIPO_AULA"]

    def test_egresados_has_21_columns(self) -> None:
        assert officials("egresados", 2024) == EGRESADOS_2024.split()

    @pytest.mark.parametrize(("dataset", "year", "count"), [("titulacion", 2024, 57), ("docentes", 2025, 129)])
    def test_wide_files_have_every_column(self, dataset: str, year: int, count: int) -> None:
        assert len(officials(dataset, year)) == count

    def test_docentes_2025_holds_two_titles_and_two_subjects_in_turn(self) -> None:
        names = officials("docentes", 2025)
        landmarks = ["MRUN", "TIT_ID_1", "MEN_PSICO_1", "TIT_ID_2", "ID_IFP", "ID_ICH", "NIVEL1", "GRADO.1_1"]
        landmarks += ["GRADO.7_1", "NIVEL2", "COD_ENS_2", "GRADO.7_2", "PERSONAS"]
        positions = [names.index(name) for name in landmarks]
        assert positions == sorted(positions)
        assert names[-1] == "PERSONAS"
        assert "GRADO.8_1" not in names

    @pytest.mark.parametrize(
        ("dataset", "name", "present", "absent"),
        [
            ("matricula", "COD_MEN", (2017, 2021, 2025), (2016, 2018, 2020)),
            ("matricula", "LET_RBD", (2004, 2009), (2010, 2025)),
            ("matricula", "GD_ALU", (2015,), (2016,)),
            ("matricula", "NOMBRE_SLEP", (2024, 2025), (2023,)),
            ("establecimientos", "ENS_10", (2005, 2008, 2009, 2014, 2019), (2004, 2007, 2013, 2018)),
            ("establecimientos", "ENS_12", (2008,), (2009, 2025)),
            ("establecimientos", "MAT_ENS_1", (2025,), (2024,)),
            ("docentes", "CLAVE", (2003, 2019), (2020,)),
            ("docentes", "COD_ENS_1", (2011, 2025), (2010,)),
        ],
    )
    def test_availability_follows_the_official_record_schemas(
        self, dataset: str, name: str, present: tuple[int, ...], absent: tuple[int, ...]
    ) -> None:
        assert all(name in officials(dataset, year) for year in present)
        assert not any(name in officials(dataset, year) for year in absent)


class TestSpellings:
    def test_old_files_in_lower_case_are_understood(self) -> None:
        column = contract_for("matricula").column_spelled(" cod_ense ")
        assert column is not None
        assert column.name == "cod_ensenanza"

    @pytest.mark.parametrize(
        ("dataset", "header", "name"),
        [
            ("matricula", "MRUN2", "id_estudiante"),
            ("matricula", "RUT_ESTUDIANTE", "id_estudiante"),
            ("matricula", "DV_RBD", "dv_rbd"),
            ("matricula", "ANO_LECTIVO", "agno"),
            ("egresados", "PROMEDIO_NOTAS", "promedio_notas"),
            ("titulacion", "RBD", "rbd"),
            ("titulacion", "RBD_EGRESO", "rbd"),
            ("docentes", "GRADO.1_1", "grado_1_1"),
            ("proyectos", "año", "agno"),
        ],
    )
    def test_aliases_and_view_names_lead_to_the_column(self, dataset: str, header: str, name: str) -> None:
        column = contract_for(dataset).column_spelled(header)
        assert column is not None
        assert column.name == name

    # The select lists of the client's own SQL.
    @pytest.mark.parametrize(
        ("dataset", "names"),
        [
            (
                "matricula",
                "RBD DV_RBD NOMBRE_ESTABLECIMIENTO REGION COMUNA MRUN RUT_ESTUDIANTE NOMBRES "
                "APELLIDO_PATERNO APELLIDO_MATERNO FECHA_NACIMIENTO SEXO CODIGO_ENSENANZA "
                "NOMBRE_ENSENANZA GRADO LETRA_CURSO ESPECIALIDAD ANO_LECTIVO ESTADO_MATRICULA",
            ),
            (
                "egresados",
                "RBD RUT_ESTUDIANTE NOMBRES_COMPLETOS ANO_EGRESO ESPECIALIDAD SITUACION_FINAL PROMEDIO_NOTAS",
            ),
            (
                "establecimientos",
                "RBD DV_RBD NOMBRE_ESTABLECIMIENTO REGION COMUNA DIRECCION DEPENDENCIA ZONA LATITUD LONGITUD "
                "TOTAL_MATRICULA_TP TIENE_ENSENANZA_TP",
            ),
        ],
    )
    def test_every_column_of_the_sige_views_is_described(self, dataset: str, names: str) -> None:
        contract = contract_for(dataset)
        assert [name for name in names.split() if contract.column_spelled(name) is None] == []

    @every_contract
    def test_cleaned_names_are_plain(self, contract: Contract) -> None:
        odd = [c.name for c in contract.columns if not re.fullmatch(r"[a-z][a-z0-9_]*", c.name)]
        assert odd == []


class TestRecognition:
    @every_contract
    def test_a_file_of_any_year_is_recognised_as_its_dataset_only(self, contract: Contract) -> None:
        first = 2013 if contract.dataset == "titulacion" else 2004
        for year in range(first, 2027):
            header = officials(contract.dataset, year)
            assert [c.dataset for c in all_contracts() if recognised(c, header)] == [contract.dataset], year

    def test_known_files_are_told_from_datasets(self) -> None:
        resumen = sample_header("resumen_matricula_ee_2022.csv")
        assert not any(recognised(contract, resumen) for contract in all_contracts())
        assert [f.name for f in known_files() if set(f.signature) <= set(resumen)] == [
            "Resumen de matrícula por establecimiento"
        ]

    def test_no_dataset_file_is_taken_for_a_known_file(self) -> None:
        for contract in all_contracts():
            names = {c.official for c in contract.columns}
            assert [f.name for f in known_files() if set(f.signature) <= names] == []

    def test_a_known_file_is_explained_with_what_to_do(self) -> None:
        for known in known_files():
            assert "No se carga" in known.explanation or "no se carga" in known.explanation
            assert "copie" in known.explanation


class TestPersons:
    @every_contract
    def test_direct_identifiers_are_never_kept(self, contract: Contract) -> None:
        kept = [c.name for c in contract.direct_identifiers if c.treatment is Treatment.KEEP]
        assert kept == []

    @every_contract
    def test_whatever_is_named_like_a_person_is_a_direct_identifier(self, contract: Contract) -> None:
        person = re.compile(r"MRUN|RUT_|RUN|NOMBRES|APELLIDO|CLAVE|DIRECCION_.*EMPRESA|NOMBRE_EMPRESA")
        open_ones = [
            c.official
            for c in contract.columns
            if person.match(c.official) and c.classification is not Classification.DIRECT_IDENTIFIER
        ]
        assert open_ones == []

    @every_contract
    def test_pseudonyms_are_text(self, contract: Contract) -> None:
        assert all(c.type == "string" for c in contract.columns if c.treatment is Treatment.PSEUDONYM)

    def test_sensitive_data_of_the_restricted_file_stay_in_raw(self) -> None:
        contract = contract_for("matricula")
        for name in ("COD_ETNIA_ALU", "INT_ALU", "PAIS_ORIGEN_ALU", "MRUN_IPE"):
            column = contract.column_spelled(name)
            assert column is not None
            assert column.treatment is Treatment.RAW_ONLY


class TestShape:
    def test_every_dataset_has_a_contract(self) -> None:
        assert tuple(contract.dataset for contract in all_contracts()) == DATASETS

    @pytest.mark.parametrize(
        ("dataset", "key"),
        [
            ("matricula", ["agno", "id_estudiante"]),
            ("egresados", ["agno", "id_estudiante"]),
            ("titulacion", ["id_practica"]),
            ("establecimientos", ["agno", "rbd"]),
            ("docentes", ["agno", "rbd", "id_docente"]),
        ],
    )
    def test_natural_keys(self, dataset: str, key: list[str]) -> None:
        columns = contract_for(dataset).key
        assert [c.name for c in columns] == key
        assert all(c.required for c in columns)

    def test_projects_without_an_identifier_are_told_apart_by_all_they_say(self) -> None:
        contract = contract_for("proyectos")
        assert [c.name for c in contract.columns if not c.key] == ["pct_ejecucion"]
        assert {c.name for c in contract.columns if c.required} == {
            "agno",
            "region",
            "tipo_proyecto",
            "monto_asignado",
        }

    @every_contract
    def test_only_what_a_row_cannot_do_without_is_required(self, contract: Contract) -> None:
        allowed = {"agno", "agno_titulacion", "rbd", "cod_ensenanza"} | {c.name for c in contract.key}
        assert {c.name for c in contract.columns if c.required} <= allowed

    @every_contract
    def test_a_required_column_is_in_every_official_file(self, contract: Contract) -> None:
        first = 2013 if contract.dataset == "titulacion" else 2004
        for column in contract.columns:
            if column.required:
                assert all(column.in_year(year) for year in range(first, 2027)), column.name

    @every_contract
    def test_everything_is_described_in_spanish(self, contract: Contract) -> None:
        texts = [contract.title, contract.description, contract.limitations, contract.grain, contract.owner]
        texts += [rule.description for rule in contract.rules]
        texts += [column.description for column in contract.columns]
        assert all(len(text) >= 10 for text in texts)
        english = re.compile(r"\b(the|of|and|with|school|year|student)\b", re.IGNORECASE)
        assert [text for text in texts if english.search(text)] == []

    @every_contract
    def test_descriptions_tell_columns_apart(self, contract: Contract) -> None:
        descriptions = [column.description for column in contract.columns]
        assert len(set(descriptions)) == len(descriptions)

    @every_contract
    def test_rules_name_cleaned_columns(self, contract: Contract) -> None:
        cleaned = {c.name for c in contract.cleaned_columns} | COMPUTED
        for rule in contract.rules:
            named = {rule.kwargs[key] for key in ("column", "column_A", "column_B") if key in rule.kwargs}
            assert named <= cleaned, rule.id
        assert len({rule.id for rule in contract.rules}) == len(contract.rules)

    @pytest.mark.parametrize("dataset", ["matricula", "egresados", "titulacion"])
    def test_only_emtp_codes_pass(self, dataset: str) -> None:
        rule = next(rule for rule in contract_for(dataset).rules if rule.id == "solo_emtp")
        assert rule.severity == "error"
        assert [str(code) for code in rule.kwargs["value_set"]] == list(read_codes("tipo_ensenanza", "es_emtp"))

    @every_contract
    def test_yearly_files_raise_no_weekly_alarm(self, contract: Contract) -> None:
        assert contract.fresh_within_days == 400

    @every_contract
    def test_every_way_in_is_named_and_knows_where_to_look(self, contract: Contract) -> None:
        assert contract.sources == ("sqlserver", "sharepoint", "sftp", "rest", "simulado", "carpeta")
        assert contract.sige_view
        assert set(contract.locations) == {"sharepoint", "sftp", "rest"}
        for source in ("sharepoint", "sftp"):
            assert "{year}" in contract.locations[source]

    @every_contract
    def test_names_and_birth_dates_are_for_full_access_only(self, contract: Contract) -> None:
        """A query asks for no name; of a birth date, only docentes' month, of which the mean age is made."""
        names = {"nombres", "apellido_paterno", "apellido_materno"}
        births = {c.name for c in contract.columns if "nacimiento" in c.name} - (
            {"mes_nacimiento"} if contract.dataset == "docentes" else set()
        )
        assert {c.name for c in contract.columns if c.full_access_only} == births | (
            names & {c.name for c in contract.columns}
        )
