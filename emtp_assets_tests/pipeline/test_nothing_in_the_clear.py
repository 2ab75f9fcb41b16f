"""After a run of all six datasets with names, in mode C: without the key no person is found anywhere on the disk."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from emtp_assets.contracts import Classification, all_contracts
from emtp_assets.intake import Delivery, Ledger, Rejection, receive
from emtp_assets.intake.at_rest import in_the_clear, open_to_others
from emtp_assets.settings import PrivacyMode, Settings
from emtp_assets.sources.simulated import SimulatedSource
from emtp_assets.storage.lake import Lake, Layer
from emtp_assets.storage.restricted import read
from emtp_assets_tests.pipeline.conftest import Instance, instance_at

pytestmark = [pytest.mark.pipeline, pytest.mark.timeout(1800)]

YEAR = 2025
SURNAME = "QUILAPANZX"
"""In every name of the delivery, and in its damaged lines, its unreadable values and the file that is refused."""
_NUMBER = re.compile(rb"(?<![0-9A-Za-z])[0-9]{6,9}(?![0-9A-Za-z])")


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Instance, Path]]:
    """An instance that has run, and the folder of its Dagster."""
    folder = tmp_path_factory.mktemp("cerrado")
    (folder / "dagster").mkdir(mode=0o700)
    with dg.DagsterInstance.local_temp(str(folder / "dagster")) as dagster:
        instance = instance_at(folder / "data", dagster, privacy_mode=PrivacyMode.FULL)
        _hand_over_names(instance.settings, folder)
        instance.run(YEAR, YEAR)
        yield instance, folder / "dagster"


def _hand_over_names(settings: Settings, folder: Path) -> None:
    """The year's enrolment with names in it, some lines that do not fit, and the same file again, without its year."""
    settings.drop.mkdir(parents=True)
    (folder / "hecho").mkdir()
    (contract,) = (each for each in all_contracts() if each.dataset == "matricula")
    made = SimulatedSource(settings).fetch(contract, YEAR, folder / "hecho")
    assert made is not None
    header, *lines = made.path.read_text(encoding="utf-8-sig").splitlines()  # pyright: ignore[reportAttributeAccessIssue]
    age = header.split(";").index("EDAD_ALU")
    named = [f"{header};NOMBRES;APELLIDO_PATERNO"]
    for number, line in enumerate(lines):
        fields = line.split(";")
        if number % 50 == 7:
            fields[age] = f"{SURNAME}{number}"
        named.append(";".join([*fields, f"JUANA{number} {SURNAME}", f"{SURNAME}{number}"]))
    named[20:20] = [f"{YEAR};{SURNAME} SIN LAS DEMAS COLUMNAS"] * 3
    ledger = Ledger(settings.data_dir)
    whole = "\n".join(named) + "\n"
    of_no_year = whole.replace("AGNO;", "OTRA;", 1)
    for name, text, kind in (("matricula", whole, Delivery), ("mala", of_no_year, Rejection)):
        path = settings.drop / f"{name}.csv"
        path.write_text(text, encoding="utf-8-sig")
        outcome = receive(path, settings, ledger, source="carpeta", now=datetime.now(UTC))
        assert isinstance(outcome, kind), outcome
    for left in (folder / "hecho").iterdir():
        left.unlink()


def _known(settings: Settings) -> set[bytes]:
    """The direct identifiers of six figures or more that the raw layer holds, of all datasets."""
    lake, found = Lake(settings.data_dir), set[bytes]()
    for contract in all_contracts():
        direct = [c.official for c in contract.columns if c.classification is Classification.DIRECT_IDENTIFIER]
        for path in lake.parts(Layer.RAW, contract.dataset):
            table = read(path, settings)
            for name in set(direct) & set(table.column_names):
                found |= {v.strip().encode() for v in table[name].to_pylist() if v and v.strip().isdigit()}
    return {value for value in found if 6 <= len(value) <= 9}


def _texts(path: Path) -> Iterable[bytes]:
    """What is to be read in a file without any key: its bytes and, of Parquet that opens, its values."""
    octets = path.read_bytes()
    yield octets
    if octets.startswith(b"PAR1"):
        for column in pq.read_table(pa.BufferReader(octets)).columns:
            yield "\n".join(map(str, column.to_pylist())).encode()


def test_the_run_had_persons_to_lose(ran: tuple[Instance, Path]) -> None:
    instance, _ = ran
    raw = Lake(instance.settings.data_dir).part(Layer.RAW, "matricula", YEAR)
    names = read(raw, instance.settings, columns=["NOMBRES", "EDAD_ALU"])
    assert all(SURNAME in name for name in names["NOMBRES"].to_pylist())
    assert any(SURNAME in age for age in names["EDAD_ALU"].to_pylist())
    assert len(_known(instance.settings)) > 1000
    assert sum(d.form.quarantined for d in Ledger(instance.settings.data_dir).deliveries()) == 3


def test_without_the_key_no_name_and_no_number_of_a_person_is_found_anywhere(ran: tuple[Instance, Path]) -> None:
    instance, dagster = ran
    known, folder = _known(instance.settings), instance.settings.data_dir
    files = [path for root in (folder, dagster) for path in root.rglob("*") if path.is_file() and not path.is_symlink()]
    # In mode C nothing is published, so the layers before are all there is.
    assert {path.relative_to(folder).parts[0] for path in files if path.is_relative_to(folder)} >= set(Layer)
    assert len(files) > 60
    found = set()
    for path in files:
        for text in _texts(path):
            if SURNAME.encode() in text or SURNAME.encode("utf-16-le") in text or known & set(_NUMBER.findall(text)):
                found.add(str(path.relative_to(folder.parent)))
    assert found == set()


def test_nothing_is_left_in_the_clear_nor_open_to_other_accounts(
    ran: tuple[Instance, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    instance, dagster = ran
    monkeypatch.setenv("DAGSTER_HOME", str(dagster))
    assert in_the_clear(instance.settings) == []
    assert open_to_others(instance.settings) == []
