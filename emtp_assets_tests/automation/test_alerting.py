"""The sensor of the alarms on real runs of a real Dagster instance: each kind, once, with what a reader needs."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from emtp_assets.alerts import Kind, Outbox
from emtp_assets.automation.alerting import NAME, alert_sensor, look
from emtp_assets.contracts import DATASETS
from emtp_assets.settings import Settings
from emtp_assets.sources import Cause, Result
from emtp_assets.storage.provenance import MixedKeysError
from emtp_assets_tests.alerts.conftest import instance, mailing
from emtp_assets_tests.automation.office import (
    Office,
    does_not_hold,
    fails,
    subjects,
    text,
)
from emtp_assets_tests.servers.smtp import MailServer


class TestRuns:
    def test_a_failed_run_is_told_with_its_reason_and_ends_when_the_next_goes_well(
        self, office: Office, mail_server: MailServer
    ) -> None:
        office.faults["docentes/raw"] = fails(
            dg.Failure("Ninguna fuente entregó docentes del año 2025. Lo publicado no cambió.")
        )
        run_id = office.run("docentes/raw")
        assert [n.alert.key for n in office.look()] == ["corrida:docentes:2025"]
        assert subjects(mail_server) == ["FALLA docentes 2025: ninguna fuente entregó"]
        told = text(mail_server)
        assert f"http://127.0.0.1:3000/runs/{run_id}" in told
        assert "Último dato bueno: nunca se ha publicado docentes" in told
        assert "#72-falta-una-entrega" in told
        assert "emtp run 2025 --conjunto docentes" in told
        office.faults.clear()
        office.run("matricula/raw")
        assert office.look() == [], "another dataset mends nothing"
        office.run("docentes/raw", year=2024)
        assert office.look() == [], "nor does another year"
        office.run("docentes/raw")
        office.look()
        assert subjects(mail_server)[1:] == ["RESUELTO docentes 2025: ninguna fuente entregó"]

    def test_a_blocking_check_is_one_alarm_that_names_it(self, office: Office, mail_server: MailServer) -> None:
        office.faults["matricula/raw"] = does_not_hold("matricula/raw", "filas_no_bajan")
        office.run("matricula/raw")
        (notice,) = office.look()
        assert notice.alert.kind is Kind.CHECK
        assert subjects(mail_server) == ["FALLA matricula 2025: no pasó un control bloqueante (filas_no_bajan)"]
        assert "entregue el completo" in text(mail_server)

    def test_a_warning_is_no_alarm(self, office: Office) -> None:
        office.faults["matricula/raw"] = does_not_hold("matricula/raw", "clave_unica", blocking=False)
        office.run("matricula/raw")
        assert office.look() == []

    def test_one_run_with_three_failures_is_one_mail(self, office: Office, mail_server: MailServer) -> None:
        for dataset in ("matricula", "docentes", "egresados"):
            office.faults[f"{dataset}/raw"] = fails(dg.Failure(f"Ninguna fuente entregó {dataset} del año 2025."))
        office.run("matricula/raw", "docentes/raw", "egresados/raw", "matricula/cleaned")
        office.look()
        (subject,) = subjects(mail_server)
        assert subject.startswith("FALLA 3 avisos: ")
        for dataset in ("matricula", "docentes", "egresados"):
            assert f"FALLA {dataset} 2025: ninguna fuente entregó" in text(mail_server)

    def test_the_same_failure_every_week_is_told_once_and_another_one_again(
        self, office: Office, mail_server: MailServer
    ) -> None:
        for rows in ("4.999 filas", "5.012 filas", "7 filas"):
            office.faults["matricula/raw"] = does_not_hold("matricula/raw", "filas_no_bajan", observed=rows)
            office.run("matricula/raw")
            office.look(timedelta(days=7))
        assert len(mail_server.mails) == 1
        office.faults = {"matricula/cleaned": does_not_hold("matricula/cleaned", "clave_unica")}
        office.run("matricula/raw", "matricula/cleaned")
        office.look()
        assert subjects(mail_server)[1:] == ["CAMBIÓ matricula 2025: no pasó un control bloqueante (clave_unica)"]

    def test_what_failed_and_was_mended_between_two_looks_bothers_nobody(self, office: Office) -> None:
        office.faults["matricula/raw"] = fails(dg.Failure("el disco falló"))
        office.run("matricula/raw")
        office.faults.clear()
        office.run("matricula/raw")
        assert office.look() == []

    def test_an_error_of_a_library_is_named_and_not_quoted(self, office: Office, mail_server: MailServer) -> None:
        office.faults["matricula/cleaned"] = fails(ValueError("could not convert '12.345.678-5'"))
        office.run("matricula/cleaned")
        office.look()
        assert "Error inesperado (ValueError)" in text(mail_server)
        assert "12.345.678" not in text(mail_server)

    def test_an_error_of_ours_is_quoted(self, office: Office, mail_server: MailServer) -> None:
        office.faults["matricula/cleaned"] = fails(MixedKeysError("La clave de seudónimos vigente no es la de 2024."))
        office.run("matricula/cleaned")
        office.look()
        assert "Qué pasó: La clave de seudónimos vigente no es la de 2024." in text(mail_server)
        assert "#74-la-clave-es-distinta" in text(mail_server)

    def test_a_secret_inside_a_reason_is_masked_everywhere(
        self, tmp_path: Path, dagster: dg.DagsterInstance, mail_server: MailServer, caplog: pytest.LogCaptureFixture
    ) -> None:
        alerts = mailing(mail_server, webhook_url="http://127.0.0.1:9/no-hay-nadie-aqui")
        settings = instance(tmp_path, alerts, sqlserver={"host": "sige", "password": "s3creta-ñandú"})
        office = Office(settings, dagster)
        secrets = "PWD=s3creta-ñandú en http://127.0.0.1:9/no-hay-nadie-aqui"
        office.faults["matricula/raw"] = fails(dg.Failure(f"Login failed: {secrets}"))
        office.run("matricula/raw")
        with caplog.at_level(logging.DEBUG):
            looked = look(settings, dagster, office.now)
        heard = "\n".join([*looked.lines, caplog.text, text(mail_server), str(looked.notices)])
        assert "Login failed: PWD=•••" in heard
        for secret in ("s3creta", "no-hay-nadie-aqui"):
            assert secret not in heard
            assert not any(secret.encode() in file.read_bytes() for file in settings.data_dir.glob("alerts.*"))

    def test_a_run_whose_server_was_killed(self, office: Office, mail_server: MailServer) -> None:
        job = office.definitions.resolve_job_def("actualizar_todo").get_subset(
            asset_selection={dg.AssetKey(["docentes", "raw"]), dg.AssetKey(["docentes", "cleaned"])}
        )
        run = office.dagster.create_run_for_job(
            job, status=dg.DagsterRunStatus.STARTED, tags={"dagster/partition": "2025"}
        )
        assert office.look() == []
        office.dagster.report_run_failed(run, "El servidor se detuvo en medio de la corrida.")
        office.look()
        assert subjects(mail_server) == ["FALLA docentes 2025: la corrida se interrumpió"]
        assert "#75-el-proceso-murió" in text(mail_server)
        office.run("docentes/raw")
        assert office.look() == [], "half of it is not all of it"
        office.run("docentes/cleaned")
        assert [n.event for n in office.look()] == ["resuelta"]

    def test_the_publication_belongs_to_no_year(self, office: Office, mail_server: MailServer) -> None:
        office.faults["publicacion/conjunto_publicado"] = fails(
            dg.Failure("No se publicó; sigue el conjunto anterior.")
        )
        office.run("matricula/raw", "publicacion/conjunto_publicado")
        office.look()
        assert "no se pudo publicar" in subjects(mail_server)[0]
        office.faults.clear()
        office.run("docentes/raw", "publicacion/conjunto_publicado", year=2024)
        assert [n.event for n in office.look()] == ["resuelta"]

    def test_a_run_that_cannot_be_read_silences_no_other(self, office: Office, mail_server: MailServer) -> None:
        """Its check has a table that this version does not know."""

        def of_another_version() -> Iterator[Any]:
            key = dg.AssetKey(["matricula", "raw"])
            table = dg.MetadataValue.table([dg.TableRecord({"otra": 1})])
            for check in ("filas_no_bajan", "clave_unica", "estructura_conocida"):
                yield dg.AssetCheckResult(passed=True, asset_key=key, check_name=check, metadata={"por_año": table})
            yield dg.MaterializeResult(asset_key=key)

        office.faults["matricula/raw"] = of_another_version
        office.faults["docentes/raw"] = fails(dg.Failure("el disco falló"))
        office.run("matricula/raw")
        office.run("docentes/raw")
        keys = [n.alert.key for n in office.look()]
        assert keys == ["corrida:actualizar_todo:ilegible", "corrida:docentes:2025"]
        assert office.look() == []
        office.faults.clear()
        office.run("matricula/raw", "docentes/raw")
        assert [n.event for n in office.look()] == ["resuelta", "resuelta"]


class TestStructure:
    def test_a_file_with_other_columns_is_told_to_developers_too(self, office: Office, mail_server: MailServer) -> None:
        said = "cambió la estructura: faltan 1: MRUN; nuevas 1: MRUN_NUEVO"
        office.faults["matricula/raw"] = does_not_hold(
            "matricula/raw", "estructura_conocida", blocking=False, observed=said
        )
        for _ in range(2):
            office.run("matricula/raw")
            office.look()
        assert subjects(mail_server) == ["ADVERTENCIA matricula 2025: cambió la estructura del archivo"]
        assert mail_server.recipients == [["ti@mineduc.test", "codigo@mineduc.test"]]
        assert "nuevas 1: MRUN_NUEVO" in text(mail_server)
        office.faults.clear()
        office.run("matricula/raw")
        assert [n.event for n in office.look()] == ["resuelta"]

    def test_a_view_that_is_gone(self, office: Office, mail_server: MailServer) -> None:
        office.fallen_back(Cause.MISSING_VIEW)
        (notice,) = office.look()
        assert notice.alert.key == "estructura:sqlserver:matricula"
        assert subjects(mail_server) == ["FALLA matricula 2025: no está la vista en la fuente sqlserver"]
        assert mail_server.recipients == [["ti@mineduc.test", "codigo@mineduc.test"]]


class TestSources:
    def test_a_source_that_failed_is_told_although_another_delivered(
        self, office: Office, mail_server: MailServer
    ) -> None:
        office.fallen_back()
        office.look()
        assert subjects(mail_server) == ["ADVERTENCIA matricula 2025: la fuente sqlserver falló y se usó otra"]
        assert "Qué pasó: Réplica SQL Server del SIGE: La réplica rechazó la contraseña." in text(mail_server)
        assert "matricula 2025: falló (credencial); entregó sftp." in text(mail_server)
        assert mail_server.recipients == [["ti@mineduc.test"]]
        run_id = office.run("matricula/raw")
        office.attempt(run_id, "sqlserver", "matricula", Result.DELIVERED)
        assert [n.event for n in office.look()] == ["resuelta"]

    def test_more_than_three_in_a_row_escalate_once(self, office: Office, mail_server: MailServer) -> None:
        for _ in range(6):
            office.fallen_back()
            office.look()
        assert [subject.split(":")[0] for subject in subjects(mail_server)] == [
            "ADVERTENCIA matricula 2025",
            "CAMBIÓ matricula 2025",
        ]
        assert "falló 4 veces seguidas" in subjects(mail_server)[1]
        assert mail_server.recipients[1] == ["ti@mineduc.test", "codigo@mineduc.test"]

    def test_a_system_that_is_down_is_one_failure_of_a_run_however_many_datasets_it_has(
        self, office: Office, mail_server: MailServer
    ) -> None:
        run_id = office.run(*(f"{dataset}/raw" for dataset in DATASETS))
        for number, dataset in enumerate(DATASETS):
            office.attempt(run_id, "sqlserver", dataset, Result.FAILED, Cause.REFUSED.value, tries=0 if number else 4)
            office.attempt(run_id, "sftp", dataset, Result.DELIVERED)
        office.look()
        assert subjects(mail_server) == ["ADVERTENCIA: la fuente sqlserver falló y se usó otra"]
        assert text(mail_server).count("entregó sftp") == 6

    def test_a_failure_that_failed_the_run_is_told_by_the_run_alone(self, office: Office) -> None:
        office.faults["matricula/raw"] = fails(dg.Failure("Ninguna fuente entregó matricula del año 2025."))
        run_id = office.run("matricula/raw")
        office.attempt(run_id, "sqlserver", "matricula", Result.FAILED, Cause.REFUSED.value)
        assert [n.alert.key for n in office.look()] == ["corrida:matricula:2025"]

    def test_a_run_that_still_goes_on_is_waited_for(self, office: Office) -> None:
        job = office.definitions.resolve_job_def("actualizar_todo")
        going_on = office.dagster.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
        office.attempt(going_on.run_id, "sqlserver", "matricula", Result.FAILED, Cause.REFUSED.value)
        office.fallen_back(dataset="docentes")
        (notice,) = office.look()
        assert "docentes" in str(notice.alert.details)
        assert office.look() == [], "what was read ahead is not read twice"
        office.attempt(going_on.run_id, "sftp", "matricula", Result.DELIVERED)
        office.dagster.report_run_canceled(going_on)
        assert [n.event for n in office.look()] == ["cambió"]


class TestTheSensor:
    def test_it_is_on_from_the_start_and_starts_nothing(self, office: Office) -> None:
        sensor = alert_sensor(office.settings)
        assert (sensor.name, sensor.minimum_interval_seconds) == (NAME, 60)
        assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
        office.faults["matricula/raw"] = fails(dg.Failure("el disco falló"))
        office.run("matricula/raw")
        context = dg.build_sensor_context(
            instance=office.dagster, repository_def=office.definitions.get_repository_def()
        )
        result = sensor(context)
        assert isinstance(result, dg.SensorResult)
        assert not result.run_requests
        assert "FALLA matricula 2025: la corrida falló en raw" in str(result.skip_reason)
        assert datetime.fromisoformat(str(result.cursor)) <= datetime.now(UTC)

    def test_its_definitions_load(self, settings: Settings) -> None:
        definitions = dg.Definitions(sensors=[alert_sensor(settings)])
        assert definitions.resolve_sensor_def(NAME).name == NAME

    def test_nothing_happened_costs_next_to_nothing(self, office: Office) -> None:
        office.look()
        began = time.perf_counter()
        for _ in range(10):
            office.look(timedelta(seconds=1))
        assert (time.perf_counter() - began) / 10 < 0.1

    def test_a_mail_server_that_hangs_does_not_hold_it_up(
        self, tmp_path: Path, office: Office, mail_server: MailServer
    ) -> None:
        office.settings = instance(tmp_path, mailing(mail_server, timeout=1))
        mail_server.fault = "hang"
        office.faults["matricula/raw"] = fails(dg.Failure("el disco falló"))
        office.run("matricula/raw")
        began = time.monotonic()
        office.look()
        assert time.monotonic() - began < 3
        mail_server.fault = ""
        for _ in range(3):
            office.look()
        assert subjects(mail_server) == ["FALLA matricula 2025: la corrida falló en raw"]

    def test_history_that_is_deleted_loses_nothing_that_comes_after(self, tmp_path: Path, office: Office) -> None:
        """As the manual allows: Dagster's folder emptied, the data kept."""
        for number in range(2):
            (tmp_path / f"dagster-{number}").mkdir()
            with dg.DagsterInstance.local_temp(str(tmp_path / f"dagster-{number}")) as fresh:
                office.dagster = fresh
                office.faults = {f"{DATASETS[number]}/raw": fails(dg.Failure("el disco falló"))}
                office.run(f"{DATASETS[number]}/raw")
                assert [n.alert.dataset for n in office.look()] == [DATASETS[number]]

    def test_with_no_channel_it_says_that_nobody_hears(
        self, tmp_path: Path, office: Office, caplog: pytest.LogCaptureFixture
    ) -> None:
        office.settings = instance(tmp_path, {})
        office.faults["matricula/raw"] = fails(dg.Failure("el disco falló"))
        office.run("matricula/raw")
        looked = look(office.settings, office.dagster, office.now)
        assert looked.lines[-1] == "No hay canal de avisos configurado: nadie lo recibe."
        assert "FALLA matricula 2025" in caplog.text
        assert len(Outbox.of(office.settings).standing()) == 1
