"""The word of the week and what is late: said when it is so, by Chile's clock, and not before."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg
import pytest

from emtp_assets.alerts import Kind
from emtp_assets.automation.weekly import NAME as WEEKLY
from emtp_assets.contracts import DATASETS
from emtp_assets.intake import Delivery, Form, Ledger
from emtp_assets.partitions import TIMEZONE
from emtp_assets.settings import Settings
from emtp_assets.sources import Result
from emtp_assets_tests.alerts.conftest import instance, mailing
from emtp_assets_tests.automation.office import (
    MONDAY,
    Office,
    fails,
    newest_year,
    subjects,
    text,
)
from emtp_assets_tests.servers.smtp import MailServer


class TestTheWeek:
    def publish(self, settings: Settings, at: datetime, *, without: str = "", year: int | None = None) -> None:
        """A published set as its record tells it; of each dataset one ``year``, or else the newest that is due."""
        years = {name: year or newest_year(name) for name in DATASETS}
        record = {
            "conjunto": "20261123-0604",
            "generado": at.isoformat(),
            "tablas": {
                name: {"conjunto_de_datos": name, "años": {str(year): {"entregas": [name]}}}
                for name, year in years.items()
                if name != without
            },
            "entregas": {
                name: {
                    "conjunto_de_datos": name,
                    "fuente": "sqlserver",
                    "nombre_original": f"{name}.csv",
                    "recibida": "2026-11-23T09:01:00+00:00",
                    "filas": 5000,
                    "años": {str(year): 4999},
                }
                for name, year in years.items()
            },
        }
        folder = settings.data_dir / "processed"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "procedencia.json").write_text(json.dumps(record))

    @pytest.fixture
    def production(self, tmp_path: Path, office: Office, mail_server: MailServer) -> Office:
        """Nothing is due but what the record says: the year is delivered, or its date has not come."""
        office.settings = instance(
            tmp_path, mailing(mail_server), mode="produccion", pseudonym_key="0123456789abcdef" * 4
        )
        office.now = MONDAY
        return office

    @pytest.fixture
    def delivered(self, production: Office) -> None:
        """Every year that is due is in the ledger, delivered on Monday."""
        ledger = Ledger(production.settings.data_dir)
        for dataset in DATASETS:
            ledger.record(
                Delivery(
                    sha256=dataset,
                    dataset=dataset,
                    source="sqlserver",
                    original_name=f"{dataset}.csv",
                    received_at=MONDAY,
                    size_bytes=1,
                    rows=5000,
                    years={newest_year(dataset): 4999},
                    form=Form(),
                    columns=(),
                    missing_columns=(),
                    unknown_columns=(),
                    simulated=False,
                    code_version="0",
                )
            )

    def at(self, office: Office, day: int, hour: int, minute: int = 1) -> list[str]:
        office.now = datetime(2026, 11, day, hour, minute, tzinfo=ZoneInfo(TIMEZONE))
        return [n.alert.title for n in office.look(timedelta()) if n.alert.kind is Kind.ALL_WELL]

    @pytest.mark.usefixtures("delivered")
    def test_all_well_is_said_once_a_week_after_nine(self, production: Office, mail_server: MailServer) -> None:
        self.publish(production.settings, MONDAY)
        assert self.at(production, 23, 8) == []
        assert self.at(production, 23, 9) == ["23-11-2026; el próximo, el 30-11-2026"]
        assert subjects(mail_server) == ["TODO BIEN: 23-11-2026; el próximo, el 30-11-2026"]
        told = text(mail_server)
        assert "matricula 2026: 4.999 filas entregadas, fuente sqlserver, última entrega 23-11-2026 06:01." in told
        assert "Si el lunes 30-11-2026 a las 10:00 no ha llegado el siguiente" in told
        assert self.at(production, 23, 10) == self.at(production, 27, 10) == []
        assert self.at(production, 30, 9) == [], "last week's publication is not this week's"
        self.publish(production.settings, MONDAY + timedelta(days=7))
        assert self.at(production, 30, 9, 30) == ["30-11-2026; el próximo, el 07-12-2026"]

    def test_a_demonstration_says_it_of_the_years_that_it_simulates_once_it_has_published(self, office: Office) -> None:
        assert self.at(office, 23, 9) == [], "nothing is published yet"
        self.publish(office.settings, MONDAY, year=2026)
        assert self.at(office, 23, 10) == ["23-11-2026; el próximo, el 30-11-2026"]

    @pytest.mark.usefixtures("delivered")
    def test_nor_while_a_run_of_the_week_hangs_although_another_published(self, production: Office) -> None:
        self.publish(production.settings, MONDAY)
        hanging = production.dagster.create_run_for_job(
            production.definitions.resolve_job_def("actualizar_todo"),
            status=dg.DagsterRunStatus.STARTED,
            tags={"dagster/schedule_name": WEEKLY, "dagster/partition": "2026"},
        )
        assert self.at(production, 23, 9) == self.at(production, 23, 12) == []
        production.dagster.report_run_failed(hanging, "El servidor se detuvo en medio de la corrida.")
        assert self.at(production, 23, 13) == [], "now its failure stands"

    @pytest.mark.usefixtures("delivered")
    def test_it_is_not_said_while_something_stands(self, production: Office, mail_server: MailServer) -> None:
        self.publish(production.settings, MONDAY)
        production.faults["docentes/raw"] = fails(dg.Failure("Ninguna fuente entregó docentes del año 2026."))
        production.run("docentes/raw", year=2026)
        assert self.at(production, 23, 9) == []
        production.faults.clear()
        production.run("docentes/raw", year=2026)
        assert self.at(production, 24, 16) == ["24-11-2026; el próximo, el 30-11-2026"]
        assert "No llegó el lunes a las 09:00" in text(mail_server)

    @pytest.mark.usefixtures("delivered")
    def test_nor_while_a_mail_waits_nor_without_a_year_that_is_due(
        self, production: Office, mail_server: MailServer
    ) -> None:
        self.publish(production.settings, MONDAY, without="docentes")
        assert self.at(production, 23, 9) == []
        self.publish(production.settings, MONDAY)
        mail_server.fault = "refuse"
        production.fallen_back()
        run_id = production.run("matricula/raw")
        production.look()
        production.attempt(run_id, "sqlserver", "matricula", Result.DELIVERED)
        production.look()
        assert self.at(production, 23, 10) == [], "an alarm that nobody has got yet"

    def test_a_year_that_should_have_come_is_late(self, production: Office, mail_server: MailServer) -> None:
        """On 23 November every official date has passed and nothing was ever delivered."""
        late = [n.alert for n in production.look() if n.alert.kind is Kind.LATE]
        assert [(a.dataset, a.years) for a in late] == [(name, (newest_year(name),)) for name in DATASETS]
        assert len(mail_server.mails) == 1
        assert "El archivo de docentes 2026 se espera desde el 15-10-2026" in text(mail_server)
        for _ in range(50):
            production.look(timedelta(hours=1))
        assert len(mail_server.mails) == 1

    def test_a_late_year_whose_run_then_fails_is_not_said_to_have_come(self, production: Office) -> None:
        production.look()
        production.faults["docentes/raw"] = fails(dg.Failure("Ninguna fuente entregó docentes del año 2026."))
        production.run("docentes/raw", year=2026)
        assert [(n.event, n.alert.key) for n in production.look()] == [("nueva", "corrida:docentes:2026")]

    def test_a_year_whose_run_failed_is_not_told_twice(self, production: Office) -> None:
        production.faults["docentes/raw"] = fails(dg.Failure("Ninguna fuente entregó docentes del año 2026."))
        production.run("docentes/raw", year=2026)
        keys = [n.alert.key for n in production.look()]
        assert "corrida:docentes:2026" in keys
        assert "atraso:docentes" not in keys
        assert "atraso:matricula" in keys

    @pytest.mark.usefixtures("delivered")
    def test_data_older_than_the_contract_allows(self, production: Office, mail_server: MailServer) -> None:
        self.publish(production.settings, MONDAY - timedelta(days=401))
        late = [n.alert for n in production.look() if n.alert.kind is Kind.LATE]
        assert [a.key for a in late] == [f"atraso:{dataset}" for dataset in DATASETS]
        assert "401 días. Su contrato admite 400." in text(mail_server)
        self.publish(production.settings, MONDAY)
        resolved = [n for n in production.look(timedelta(hours=2)) if n.alert.kind is Kind.LATE]
        assert {n.event for n in resolved} == {"resuelta"}

    def late(self, office: Office, after: timedelta) -> list[str]:
        office.now = MONDAY + after
        return [n.alert.key for n in office.look() if n.alert.kind is Kind.LATE]

    @pytest.mark.usefixtures("delivered")
    def test_a_system_that_answers_every_week_and_no_longer_does_is_late_after_ten_days(
        self, tmp_path: Path, production: Office, mail_server: MailServer
    ) -> None:
        production.settings = instance(
            tmp_path,
            mailing(mail_server),
            mode="produccion",
            pseudonym_key="0123456789abcdef" * 4,
            sqlserver={"host": "sige", "password": "clave-de-prueba"},
        )
        self.publish(production.settings, MONDAY)
        assert self.late(production, timedelta(days=9)) == []
        self.publish(production.settings, MONDAY + timedelta(days=9))
        assert self.late(production, timedelta(days=11)) == [f"atraso:{dataset}" for dataset in DATASETS], (
            "published again, but from the same old data"
        )
        assert "11 días. Su contrato admite 10." in text(mail_server)

    @pytest.mark.usefixtures("delivered")
    def test_a_file_that_is_issued_once_a_year_is_not(self, production: Office) -> None:
        self.publish(production.settings, MONDAY)
        assert self.late(production, timedelta(days=120)) == []

    @pytest.mark.usefixtures("delivered")
    def test_an_old_year_that_failed_hides_no_old_data(self, production: Office) -> None:
        self.publish(production.settings, MONDAY - timedelta(days=401))
        production.faults["docentes/raw"] = fails(dg.Failure("Ninguna fuente entregó docentes del año 2014."))
        production.run("docentes/raw", year=2014)
        assert "atraso:docentes" in self.late(production, timedelta())
