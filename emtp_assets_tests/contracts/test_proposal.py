"""A proposal applies with git and leaves the rest of the YAML as it was; the file then has the contract's structure."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
import yaml
from open_data_contract_standard.model import OpenDataContractStandard

from emtp_assets.contracts import DATASETS, Classification, Contract, LogicalType, Treatment, contract_for
from emtp_assets.contracts.editing import ContractText
from emtp_assets.contracts.model import contract_from_odcs
from emtp_assets.contracts.proposal import Proposal, Sample, kind_of, looks_personal, propose
from emtp_assets.contracts.registry import FOLDER
from emtp_assets.contracts.structure import compare
from emtp_assets_tests.contracts.test_contracts import MATRICULA_2025, sample_header

BASE = "emtp_assets/contracts"


def text_of(dataset: str) -> str:
    return (FOLDER / f"{dataset}.yaml").read_text(encoding="utf-8")


def contract_from(text: str) -> Contract:
    return contract_from_odcs(OpenDataContractStandard.from_string(text))


def without_property(text: str, official: str) -> str:
    """A contract's text from before that column was described."""
    cut = re.sub(rf"      - name: \w+\n        physicalName: {official}\n(?:        .*\n)+", "", text)
    assert cut != text
    return cut


def officials(contract: Contract, year: int) -> list[str]:
    return [c.official for c in contract.official_columns(year)]


def sample(year: int = 2026, values: Mapping[str, Sequence[str]] | None = None) -> Sample:
    return Sample(values or {}, [year])


def applied(folder: Path, dataset: str, former: str, proposal: Proposal) -> str:
    """What git makes of the diff, in a checkout that has the contract at its place."""
    path = folder / BASE / f"{dataset}.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(former, encoding="utf-8")
    diff = proposal.diff(former, f"{BASE}/{dataset}.yaml")
    git = ["git", "apply", "--whitespace=error-all", "-"]
    done = subprocess.run(git, input=diff, cwd=folder, capture_output=True, text=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    return path.read_text(encoding="utf-8")


def settled(folder: Path, dataset: str, former: str, names: Sequence[str], given: Sample) -> Contract:
    """The contract once the proposal for a header is applied; its comments and other lines are untouched."""
    proposal = propose(contract_from(former), former, names, given)
    text = applied(folder, dataset, former, proposal)
    assert text == proposal.text
    removed = {line for line in former.splitlines() if line not in text.splitlines()}
    assert all("{property:" in line for line in removed), removed
    contract = contract_from(text)
    assert not compare(contract, min(given.years), names).changed
    return contract


def test_the_column_of_2025_is_proposed_to_a_contract_that_ends_in_2024(tmp_path: Path) -> None:
    former = without_property(text_of("matricula"), "TIPO_AULA")
    names = MATRICULA_2025.split()
    contract = settled(tmp_path, "matricula", former, names, sample(2025, {"TIPO_AULA": ["A", "B", " "]}))
    at = [c.official for c in contract.columns].index("TIPO_AULA")
    assert contract.columns[at - 1].official == "COD_DES_CUR"
    column = contract.columns[at]
    assert (column.name, column.years, column.type) == ("tipo_aula", ((2025, 9999),), LogicalType.STRING)
    assert column.classification is Classification.QUASI_IDENTIFIER
    assert "POR ESCRIBIR" in column.description
    assert officials(contract, 2024) == officials(contract_for("matricula"), 2024)


@pytest.mark.parametrize("year", [2024, 2025])
def test_the_real_directory_after_its_newest_columns_are_forgotten(tmp_path: Path, year: int) -> None:
    header = sample_header(f"directorio_oficial_ee_{year}.csv")
    former = text_of("establecimientos")
    for forgotten in ("MAT_TOTAL", "PACE", "ESPE_11", "NOM_REG_RBD_A"):
        former = without_property(former, forgotten)
    contract = settled(tmp_path, "establecimientos", former, header, sample(year, {"PACE": ["0", "1"]}))
    assert officials(contract, year) == header


@pytest.mark.parametrize("dataset", DATASETS)
def test_a_new_a_renamed_and_a_missing_column_of_every_dataset(tmp_path: Path, dataset: str) -> None:
    former, contract = text_of(dataset), contract_for(dataset)
    official = contract.official_columns(2026)
    spare = [c for c in official if not c.required and c.official not in contract.signature]
    gone, other = spare[0], next(c for c in spare[2:] if c.code_list is None)
    names = [f"{n}_NVO" if n == other.official else n for n in officials(contract, 2026) if n != gone.official]
    names = [*names[:2], "COLUMNA_NUEVA", *names[2:], "OTRA"]
    after = settled(tmp_path, dataset, former, names, sample(values={"COLUMNA_NUEVA": ["1"], "OTRA": []}))
    by_name = {c.name: c for c in after.columns}
    assert by_name[other.name].aliases == (*other.aliases, f"{other.official}_NVO")
    assert not by_name[gone.name].in_year(2026)
    assert [by_name[gone.name].in_year(y) for y in (2013, 2020, 2025)] == [gone.in_year(y) for y in (2013, 2020, 2025)]
    assert by_name["columna_nueva"].type is LogicalType.INTEGER
    assert [c.official for c in after.columns if c.in_year(2025)] == officials(contract, 2025)


def test_a_file_of_its_contract_asks_for_nothing() -> None:
    for dataset in DATASETS:
        text = text_of(dataset)
        proposal = propose(contract_for(dataset), text, officials(contract_for(dataset), 2025), sample(2025))
        assert (proposal.diff(text, "x"), proposal.changes) == ("", [])


def test_an_alias_joins_those_that_a_column_already_has(tmp_path: Path) -> None:
    former = text_of("proyectos")
    names = [n.replace("ESTADO", "ESTADO_DEL_PROYECTO") for n in officials(contract_for("proyectos"), 2026)]
    settled(tmp_path, "proyectos", former, names, sample())
    proposal = propose(contract_for("proyectos"), former, names, sample())
    assert "value: [ESTADO_PROYECTO, ESTADO_DEL_PROYECTO]" in proposal.text


@pytest.mark.parametrize(
    ("header", "values"),
    [
        pytest.param("TALLA", ["XL", "M", "S"], id="not the codes of the list"),
        pytest.param("RUT_TUTOR", ["1", "2"], id="a name for identifiers"),
    ],
)
def test_the_same_place_alone_makes_no_alias(tmp_path: Path, header: str, values: list[str]) -> None:
    """Its values would enter the history of another column."""
    names = [header if n == "COD_JOR" else n for n in officials(contract_for("matricula"), 2026)]
    after = settled(tmp_path, "matricula", text_of("matricula"), names, sample(values={header: values}))
    jornada = next(c for c in after.columns if c.official == "COD_JOR")
    assert (jornada.aliases, jornada.in_year(2025), jornada.in_year(2026)) == ((), True, False)
    assert header in officials(after, 2026)


def test_the_codes_of_the_list_under_another_name_make_one(tmp_path: Path) -> None:
    names = ["TURNO" if n == "COD_JOR" else n for n in officials(contract_for("matricula"), 2026)]
    after = settled(tmp_path, "matricula", text_of("matricula"), names, sample(values={"TURNO": ["1", "3", " ", "1"]}))
    assert next(c for c in after.columns if c.official == "COD_JOR").aliases == ("TURNO",)


@pytest.mark.parametrize(
    ("header", "values"),
    [
        ("RUN_APODERADO", []),
        ("Apellido Materno Tutor", []),
        ("CORREO", []),
        ("FICHA", [f"1{n:07d}" for n in range(40)]),
    ],
)
def test_what_looks_like_a_person_stays_in_raw(tmp_path: Path, header: str, values: list[str]) -> None:
    names = [*officials(contract_for("matricula"), 2026), header]
    after = settled(tmp_path, "matricula", text_of("matricula"), names, sample(values={header: values}))
    column = next(c for c in after.columns if c.official == header)
    assert column.classification is Classification.DIRECT_IDENTIFIER
    assert column.treatment is Treatment.RAW_ONLY


def test_values_that_recur_or_are_short_name_nobody() -> None:
    assert not looks_personal("NOM_COM", ["VALPARAISO", "CONCEPCION"] * 50)
    assert not looks_personal("EDAD", [str(n) for n in range(99)])
    assert not looks_personal("PRUNA_GRUTA", [])


def test_without_what_a_file_is_read_by_nothing_is_proposed_but_it_is_said() -> None:
    text = text_of("matricula")
    names = [n for n in officials(contract_for("matricula"), 2026) if n not in ("AGNO", "COD_GRADO2")]
    proposal = propose(contract_for("matricula"), text, names, sample())
    assert proposal.diff(text, "x") == ""
    assert [remark.split(",")[0] for remark in proposal.remarks] == ["falta AGNO", "falta COD_GRADO2"]


def test_a_moved_column_changes_no_contract() -> None:
    text = text_of("matricula")
    names = officials(contract_for("matricula"), 2026)
    proposal = propose(contract_for("matricula"), text, [*names[:5], *names[6:], names[5]], sample())
    assert proposal.diff(text, "x") == ""
    assert "1 columnas cambiaron de lugar" in proposal.remarks[0]


def test_a_file_of_a_past_year_changes_only_its_own_year() -> None:
    contract, text = contract_for("matricula"), text_of("matricula")
    names = [n for n in officials(contract, 2020) if n != "NOM_DEPROV_RBD"] + ["ANTIGUA"]
    after = contract_from(propose(contract, text, names, sample(2020), newest=2025).text)
    assert not compare(after, 2020, names).changed
    years = {c.official: c.years for c in after.columns}
    assert years["NOM_DEPROV_RBD"] == ((2015, 2019), (2021, 9999))
    assert years["ANTIGUA"] == ((2020, 2020),)
    assert officials(after, 2025) == officials(contract, 2025)


@pytest.mark.parametrize(
    "header", ["Índice de Vulnerabilidad (%)", "yes", "2026", "A: B", "# nota", "O'HIGGINS", "- guion", "Ñandú", "null"]
)
def test_any_header_is_written_so_that_it_reads_back(tmp_path: Path, header: str) -> None:
    names = [*officials(contract_for("proyectos"), 2026), header]
    after = settled(tmp_path, "proyectos", text_of("proyectos"), names, sample())
    column = next(c for c in after.columns if c.official == header)
    assert re.fullmatch(r"[a-z][a-z0-9_]*", column.name)


def test_two_headers_of_one_name_get_two_names(tmp_path: Path) -> None:
    names = [*officials(contract_for("matricula"), 2026), "TIPO AULA 1", "TIPO-AULA-1", "TIPO.AULA"]
    after = settled(tmp_path, "matricula", text_of("matricula"), names, sample())
    assert [c.name for c in after.columns if "AULA" in c.official and c.name != "tipo_aula"] == [
        "tipo_aula_1",
        "tipo_aula_1_2",
        "tipo_aula_2",
    ]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", "25", " ", "-3"], LogicalType.INTEGER),
        (["1", "2,5", "3.75"], LogicalType.NUMBER),
        (["202503", "201112"], LogicalType.YEAR_MONTH),
        (["20250301", "20241231"], LogicalType.DATE),
        (["2025-03-01", "2025-03-01 00:00:00"], LogicalType.DATE),
        (["01", "15"], LogicalType.STRING),
        (["01-03-2025"], LogicalType.STRING),
        (["1", "S/I"], LogicalType.STRING),
        (["1" * 19], LogicalType.NUMBER),
        ([" ", ""], LogicalType.STRING),
        ([], LogicalType.STRING),
    ],
)
def test_the_type_is_the_one_that_cleaning_reads_every_value_by(values: list[str], kind: LogicalType) -> None:
    assert kind_of(values) is kind


def test_no_value_of_the_sample_is_repeated() -> None:
    secrets: Mapping[str, list[str]] = {"RUT_X": ["11111111-1"] * 30, "NOTA_X": ["Juana Pérez", "Pedro Soto"] * 15}
    names = [*officials(contract_for("matricula"), 2026), *secrets]
    proposal = propose(contract_for("matricula"), text_of("matricula"), names, sample(values=secrets))
    said = proposal.diff(text_of("matricula"), "x") + "\n".join([*proposal.changes, *proposal.remarks])
    assert not [value for values in secrets.values() for value in values if value in said]


def test_a_sample_without_year_is_no_sample() -> None:
    with pytest.raises(ValueError, match="ningún año"):
        propose(contract_for("matricula"), text_of("matricula"), [], Sample({}, []))


class TestEditing:
    """Every form in which a property may stand, for the contracts are edited by hand too."""

    TEXT = """\
# arriba
schema:
  - name: t
    properties:
      # de la primera
      - name: a
        physicalName: A
        description: >-
          Texto doblado

          con una línea en blanco
      # de la segunda
      - name: b
        physicalName: B  # al lado
        customProperties:
          - property: aliases
            value:
              - B1
          - {property: years, value: "2013-"}   # años

      - name: c
        physicalName: C
        customProperties: [{property: format, value: AAAAMM}]
    quality: []
"""

    @staticmethod
    def properties(text: str) -> dict[str, dict[str, object]]:
        table = yaml.safe_load(text)["schema"][0]
        assert table["quality"] == []
        return {
            p["name"]: {c["property"]: c["value"] for c in p.get("customProperties", [])} for p in table["properties"]
        }

    def test_all_at_once(self) -> None:
        editing = ContractText(self.TEXT)
        editing.insert("a", ["      - name: a1", "        physicalName: A1"])
        editing.insert("a", ["      - name: a2"])
        editing.insert(None, ["      - name: zero"])
        editing.insert("c", ["      - name: d"])
        for name in "abc":
            editing.add_alias(name, "X")
            editing.set_years(name, "2013-2025")
        found = self.properties(editing.edited)
        assert list(found) == ["zero", "a", "a1", "a2", "b", "c", "d"]
        assert found["a"] == {"aliases": ["X"], "years": "2013-2025"}
        assert found["b"] == {"aliases": ["B1", "X"], "years": "2013-2025"}
        assert found["c"] == {"aliases": ["X"], "years": "2013-2025", "format": "AAAAMM"}
        kept = [line for line in self.TEXT.splitlines() if "years" not in line and "format" not in line]
        assert [line for line in kept if line not in editing.edited.splitlines()] == []
        assert "# años" in editing.edited

    def test_nothing_asked_for_changes_nothing(self) -> None:
        assert ContractText(self.TEXT).edited == self.TEXT

    @pytest.mark.parametrize("text", ["", "a: 1", "schema: []", "schema:\n  - properties: []"])
    def test_what_is_no_contract(self, text: str) -> None:
        with pytest.raises(ValueError, match="contrato"):
            ContractText(text)
