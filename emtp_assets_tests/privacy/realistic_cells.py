"""Base counts with the proportions of the real EMTP enrolment, for disclosure tests. No test lives here."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from emtp_assets.privacy.disclosure import ProtectedTable

# Shares of schools by region, 1 to 16: a third in the capital, a handful in the far south.
REGION_SHARES = np.array([14, 20, 17, 35, 100, 60, 75, 90, 70, 55, 8, 12, 290, 30, 12, 41]) / 929

CELL = ("region", "comuna", "especialidad", "ciclo", "dependencia", "zona")

# The publication plan of the enrolment, by shape.
PLAN = (
    ProtectedTable("pais", ()),
    ProtectedTable("pais_sexo", ("sexo",)),
    ProtectedTable("pais_ciclo", ("ciclo",)),
    ProtectedTable("pais_ciclo_sexo", ("ciclo", "sexo")),
    ProtectedTable("region", ("region",)),
    ProtectedTable("region_sexo", ("region", "sexo")),
    ProtectedTable("region_ciclo", ("region", "ciclo")),
    ProtectedTable("region_ciclo_sexo", ("region", "ciclo", "sexo")),
    ProtectedTable("celda", CELL),
    ProtectedTable("celda_sexo", (*CELL, "sexo")),
    ProtectedTable("establecimiento", (*CELL, "rbd")),
)


def school_year(schools: int = 929, seed: int = 1) -> pa.Table:
    """One year's enrolment by school, especialidad, cycle and sex: about 244,000 students for 929 schools."""
    rng = np.random.default_rng(seed)
    region_of = rng.choice(np.arange(1, 17), size=schools, p=REGION_SHARES / REGION_SHARES.sum())
    female_share = rng.beta(1.2, 1.2, size=36)
    popularity = rng.dirichlet(np.full(35, 0.6))
    columns: dict[str, list[int]] = {
        name: [] for name in ("rbd", "comuna", "region", "dependencia", "zona", "especialidad", "ciclo", "sexo", "n")
    }
    for school in range(schools):
        region = int(region_of[school])
        comuna = region * 1000 + int(rng.zipf(1.6) % (8 + 36 * (region == 13) + 12))
        place = (90000 + school, comuna, region, int(rng.integers(1, 6)), int(rng.random() < 0.12))
        size = rng.lognormal(5.3, 0.75)
        offered = rng.choice(np.arange(1, 36), size=int(rng.integers(1, 6)), replace=False, p=popularity)
        shares = rng.dirichlet(np.full(len(offered), 4.0))
        parts = [
            (0, 1, size * 0.53),
            *((int(e), 2, size * 0.47 * s) for e, s in zip(offered, shares, strict=True)),
        ]
        for especialidad, ciclo, expected in parts:
            students = int(rng.poisson(expected))
            share = female_share[especialidad] if especialidad else 0.46
            women = int(rng.binomial(students, share))
            for sexo, n in ((1, students - women), (2, women)):
                if n:
                    for name, value in zip(columns, (*place, especialidad, ciclo, sexo, n), strict=True):
                        columns[name].append(value)
    return pa.table(columns)
