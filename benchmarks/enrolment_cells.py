"""Base cells of national EMTP enrolments for the disclosure benchmark. What is done with them is `disclosure`'s.

They come from the generator of simulated files, counted before any file is written, so that a population takes a
second instead of the minutes of 3.5 million lines.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa

from emtp_assets.sources.simulated.population import population
from emtp_assets.sources.simulated.selection import STUDENTS

YEAR = 2025
MOVED = 1 / 4_000
DIMENSIONS = ("cod_region", "cod_comuna", "rbd", "cod_sector", "cod_especialidad", "ciclo", "sexo", "dependencia")

_CELLS = """
select cod_reg::int as cod_region, cod_com::int as cod_comuna, rbd::int as rbd, cod_sec::int as cod_sector,
  cod_espe::int as cod_especialidad, if(cod_grado <= 2, 'general', 'diferenciado') as ciclo,
  if(mujer, 2, 1)::int as sexo, cod_depe2::int as dependencia, count(*) as n
from ({students})
group by all order by all
"""


def national(seed: int, *, scale: float = 1.0) -> pa.Table:
    """The simulated country's EMTP enrolment of one year: about 250,000 students at scale 1."""
    groups = f"(select * from cells({YEAR}) join schools({YEAR}) using (rbd) where is_tp)"
    students = STUDENTS.replace("{groups}", groups).replace("{year}", str(YEAR))
    with tempfile.TemporaryDirectory() as spill, population(scale, seed, Path(spill)) as connection:
        return connection.sql(_CELLS.format(students=students)).to_arrow_table()


def resized(cells: pa.Table, students: int, seed: int) -> pa.Table:
    """The same schools with about so many students: every cell grown or shrunk by chance around its share."""
    counts = cells["n"].to_numpy()
    rng = np.random.default_rng(seed)
    return _with(cells, rng.poisson(counts * students / counts.sum()))


def sparse(cells: pa.Table, students: int, seed: int, moved: float = MOVED) -> pa.Table:
    """A harder population: half the schools fall in two, one student in 4,000 moves to any other especialidad.

    Small schools and especialidades with one or two students are what strains disclosure control.
    """
    rng = np.random.default_rng(seed)
    people = np.repeat(np.arange(cells.num_rows), cells["n"].to_numpy())
    people = np.sort(rng.choice(people, size=min(students, len(people)), replace=False))
    columns = {name: cells[name].to_numpy(zero_copy_only=False)[people] for name in DIMENSIONS}
    rbd = columns["rbd"]
    split = np.unique(rbd)[rng.random(len(np.unique(rbd))) < 0.5]
    columns["rbd"] = np.where(np.isin(rbd, split) & (rng.random(len(rbd)) < 0.4), rbd + 100_000, rbd)
    pairs = np.unique(np.stack([columns["cod_sector"], columns["cod_especialidad"]]), axis=1)
    pairs = pairs[:, pairs[1] > 0]
    mover = (columns["cod_especialidad"] > 0) & (rng.random(len(rbd)) < moved)
    chosen = rng.integers(0, pairs.shape[1], size=int(mover.sum()))
    columns["cod_sector"][mover], columns["cod_especialidad"][mover] = pairs[:, chosen]
    one_by_one = pa.table(columns).append_column("n", pa.array(np.ones(len(people), dtype=np.int64)))
    grouped = one_by_one.group_by(list(DIMENSIONS), use_threads=False).aggregate([("n", "sum")])
    return grouped.rename_columns([*DIMENSIONS, "n"]).sort_by([(name, "ascending") for name in DIMENSIONS])


def _with(cells: pa.Table, counts: np.ndarray) -> pa.Table:
    changed = cells.set_column(cells.column_names.index("n"), "n", pa.array(counts.astype(np.int64)))
    return changed.filter(pa.array(counts > 0))
