"""National microdata (mode B): what is lost, what it costs, and what a full register with names makes of them.

``python -m benchmarks.microdata [--semillas 3] [--escala 1]``: simulated EMTP years, delivered as the product does,
then counted by SQL and by pycanon, and attacked: first by counting candidates, then by naming every row and
looking at the truth, which only the key knows.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from emtp_assets.microdata.delivery import Request, stage
from emtp_assets.microdata.documents import Facts
from emtp_assets.microdata.names import install_names
from emtp_assets.microdata.plans import microdata_plan
from emtp_assets.privacy.keys import key_id, pseudonym_key, release_key
from emtp_assets.privacy.pseudonyms import install_pseudonym
from emtp_assets.settings import Settings
from emtp_assets.sources.simulated.population import population
from emtp_assets.sources.simulated.selection import STUDENTS
from emtp_assets.storage.duck import literal
from emtp_assets.storage.lake import Lake
from emtp_assets.storage.provenance import Origin, Provenance

YEAR = 2025
ASKED = Request("banco", "2026-05", "nadie", "medir")

_CLEANED = """
select {year}::bigint as agno, md5('MRUN|' || mrun) as id_estudiante, rbd, cod_reg::bigint as cod_region,
  cod_com::bigint as cod_comuna, cod_depe2::bigint as cod_dependencia_agrupada, rural::bigint as cod_ruralidad,
  cod_ense::bigint as cod_ensenanza, cod_grado::bigint as cod_grado2, if(mujer, 2, 1)::bigint as cod_sexo, edad,
  if(cod_grado <= 2, 0, cod_espe)::bigint as cod_especialidad
from ({students})
"""


@dataclass(frozen=True)
class Measured:
    """One seed. ``outside_k`` is pycanon's; ``named_right`` the share of rows that the attacker named rightly."""

    seed: int
    facts: Facts
    outside_k: int
    named_right: float
    cpu: float
    wall: float


def measure(seed: int, scale: float) -> Measured:
    """Simulate, deliver, count, attack."""
    with tempfile.TemporaryDirectory() as home:
        settings = Settings.model_validate({"data_dir": Path(home), "privacy_mode": "B"})
        cleaned = Path(home) / f"academic_year={YEAR}" / "part.parquet"
        cleaned.parent.mkdir()
        _simulate(settings, cleaned, seed, scale)
        plan = microdata_plan("matricula")
        with Lake(settings.data_dir).staging() as staging:
            cpu, wall = time.process_time(), time.monotonic()
            made = stage(settings, plan, cleaned, YEAR, ASKED, staging, now=datetime.now(UTC), run_id="banco")
            cpu, wall = time.process_time() - cpu, time.monotonic() - wall
            folder = made.commit()
        return Measured(
            seed,
            made.facts,
            _by_others(folder / made.facts.csv, made.facts),
            _named_right(settings, cleaned, folder / f"matricula_{YEAR}.parquet", made.facts),
            cpu,
            wall,
        )


def _simulate(settings: Settings, cleaned: Path, seed: int, scale: float) -> None:
    groups = f"(select * from cells({YEAR}) join schools({YEAR}) using (rbd) where is_tp)"
    students = STUDENTS.replace("{groups}", groups).replace("{year}", str(YEAR))
    provenance = Provenance(("0" * 64,), Origin.SIMULATED, "banco", key_id(pseudonym_key(settings)))
    with tempfile.TemporaryDirectory() as spill, population(scale, seed, Path(spill)) as connection:
        connection.execute(
            f"copy ({_CLEANED.format(year=YEAR, students=students)}) to {literal(cleaned)} "
            f"(format parquet, {provenance.copy_option})"
        )


def _by_others(csv: Path, facts: Facts) -> int:
    import pandas as pd
    from pycanon import anonymity

    table = pd.read_csv(csv, sep=";", dtype=str, keep_default_na=False, encoding="utf-8-sig")
    return int(anonymity.k_anonymity(table.reset_index(drop=True), list(facts.made.quasi)))


def _named_right(settings: Settings, cleaned: Path, delivered: Path, facts: Facts) -> float:
    """For each row the attacker takes a candidate that he has not used; the key says whether he was right."""
    plan = microdata_plan("matricula")
    key = release_key(pseudonym_key(settings), ASKED.recipient, f"{ASKED.release}/matricula/{YEAR}")
    rules = {q.name: v.sql for q in plan.quasi for v in q.levels if v.name == facts.levels[q.name]}
    shared = ", ".join(rules)
    with duckdb.connect() as connection:
        install_names(connection)
        install_pseudonym(connection, key)
        written = ", ".join(f"({sql})::varchar as written_{name}" for name, sql in rules.items())
        renamed = ", ".join(f"written_{name} as {name}" for name in rules)
        connection.execute(
            f"create table register as select person, {renamed} "
            f"from (select id_estudiante as person, {written} from {literal(cleaned)})"
        )
        row = connection.execute(
            f"""
            with rows as (
                select *, row_number() over (partition by {shared} order by hash(id_persona)) as nth
                from {literal(delivered)}
            ), candidates as (
                select *, row_number() over (partition by {shared} order by hash(person)) as nth from register
            ), truth as (select person, pseudonym('MICRODATO', person) as id_persona from register)
            select count(*) filter (t.person = c.person) / count(*)
            from rows as r join candidates as c using ({shared}, nth) join truth as t using (id_persona)
            """
        ).fetchone()
    assert row is not None
    return float(row[0])


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--semillas", type=int, default=3)
    asked.add_argument("--escala", type=float, default=1.0)
    given = asked.parse_args()
    _say("| seed | students | left out | loss (NCP) | groups | k SQL / pycanon | linkage worst / mean | named right |")
    _say("|---|---|---|---|---|---|---|---|")
    for seed in range(20260301, 20260301 + given.semillas):
        m = measure(seed, given.escala)
        found = m.facts.made.found
        _say(
            f"| {seed} | {found.persons:,} | {found.left_out:,} ({found.left_out / found.persons:.1%}) | "
            f"{found.loss:.3f} | {m.facts.recount.groups:,} | {m.facts.recount.k} / {m.outside_k} | "
            f"{m.facts.linkage.worst:.1%} / {m.facts.linkage.average:.2%} | {m.named_right:.2%} |"
        )
        levels = "; ".join(f"{name}: {level or '—'}" for name, level in m.facts.levels.items())
        _say(f"    {m.cpu:.1f} CPU-s, {m.wall:.1f} s, {found.evaluated} of {found.lattice} nodes counted. {levels}")
    _say(f"Peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
