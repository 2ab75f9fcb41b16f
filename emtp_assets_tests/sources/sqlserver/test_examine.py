"""What `emtp doctor` is told: every step while all is well, then the first that makes the rest pointless."""

from __future__ import annotations

from pathlib import Path

import pytest

from emtp_assets.sources import Journal, Probe
from emtp_assets.sources.sqlserver import SqlServerSource
from emtp_assets_tests.conftest import isolated_settings
from emtp_assets_tests.servers.tds import TdsServer
from emtp_assets_tests.sources.sqlserver.conftest import PASSWORD, VIEW, Configure

STEPS = ["configuración", "driver ODBC", "puerto", "certificado", "ingreso", "sólo lectura", "réplica"]


def probes_of(configure: Configure, journal: Journal, **sqlserver: object) -> list[Probe]:
    return list(SqlServerSource(configure(**sqlserver), journal).examine())


def test_all_is_well(configure: Configure, journal: Journal, driver: str | None, replica: TdsServer) -> None:
    probes = {probe.what: probe for probe in probes_of(configure, journal, driver=driver)}
    assert list(probes)[: len(STEPS)] == STEPS
    assert all(probes[step].good for step in STEPS)
    assert "TLSv1." in probes["certificado"].found
    view = probes[f"vista dbo.{VIEW}"]
    assert view.good
    assert "13 columnas; se leyó una fila" in view.found
    assert "COLUMNA_NUEVA" in probes["vista dbo.vw_sige_proyectos_emtp"].found
    read = [query.sql for query in replica.queries if "SELECT TOP (1)" in query.sql]
    assert not any(name in sql for sql in read for name in ("MRUN", "NOMBRES")), "a person's data are not looked at"


def test_a_missing_view_is_red_and_the_others_are_still_looked_at(configure: Configure, journal: Journal) -> None:
    red = {probe.what for probe in probes_of(configure, journal) if not probe.good}
    assert "vista dbo.vw_sige_docentes_emtp" in red
    assert f"vista dbo.{VIEW}" not in red


@pytest.mark.parametrize(
    ("given", "step"),
    [
        ({"user": None}, "configuración"),
        ({"driver": "ODBC Driver 99"}, "configuración"),
        ({"host": "no-existe.invalid"}, "puerto"),
        ({"password": "otra"}, "ingreso"),
        ({"user": "dueno"}, "sólo lectura"),
        ({"ca_file": Path("/no-existe.pem")}, "configuración"),
    ],
)
def test_it_stops_where_the_rest_is_pointless(
    configure: Configure, journal: Journal, given: dict[str, object], step: str
) -> None:
    probes = probes_of(configure, journal, **given)
    assert [probe.good for probe in probes] == [True] * (len(probes) - 1) + [False]
    assert probes[-1].what == step
    assert probes[-1].remedy


def test_a_wrong_certificate(configure: Configure, journal: Journal, replica: TdsServer, authority: object) -> None:
    from emtp_assets_tests.servers.certificates import Authority

    assert isinstance(authority, Authority)
    replica.faults.certificate = authority.issue("old", expired=True)
    last = probes_of(configure, journal)[-1]
    assert (last.what, last.good) == ("certificado", False)
    assert "vencido" in last.found


def test_not_verifying_is_red(configure: Configure, journal: Journal) -> None:
    probes = {probe.what: probe for probe in probes_of(configure, journal, trust_server_certificate=True)}
    assert not probes["certificado"].good
    assert "SIGE_DB_CA_FILE" in probes["certificado"].remedy
    assert probes["ingreso"].good


def test_not_checking_for_a_replica_is_red(configure: Configure, journal: Journal) -> None:
    probes = {probe.what: probe for probe in probes_of(configure, journal, replica="no_comprobar")}
    assert not probes["réplica"].good


def test_nothing_configured_never_raises(tmp_path: Path, journal: Journal) -> None:
    (probe,) = SqlServerSource(isolated_settings(data_dir=tmp_path), journal).examine()
    assert not probe.good
    assert "SIGE_DB_HOST" in probe.found


def test_no_probe_holds_the_password(configure: Configure, journal: Journal) -> None:
    for given in ({}, {"password": PASSWORD + "x"}, {"host": "no-existe.invalid"}):
        assert PASSWORD not in str(probes_of(configure, journal, **given))
