"""What a dataset says about itself to the generator: where its rows come from, and each column's expression.

How expressions become a file is `writer`'s business; what the expressions are, each dataset's module.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Selection:
    """One dataset as two relations and expressions keyed by official column name.

    ``groups`` is a relation of rows alike in most columns (a school, or a school's grade), small enough to be
    held; ``group`` are the columns that it alone decides, so that their text is made once for all members.
    ``members`` turns the relation ``{groups}`` into the file's rows, and ``row`` are the columns that differ
    among them. Without ``members`` each group is a row. ``order`` sorts the groups; it must be total, or the
    same seed would not give the same bytes. ``{year}`` is the academic year in every text.
    """

    groups: str
    order: str
    group: dict[str, str]
    members: str | None = None
    row: dict[str, str] = field(default_factory=dict)
    line_end: str = "\n"
    stamp: str = ""

    @property
    def columns(self) -> frozenset[str]:
        """The official columns that have an expression; the others are written as the official blank."""
        return frozenset(self.group) | frozenset(self.row)


SCHOOL = {
    "AGNO": "{year}",
    "RBD": "rbd",
    "DGV_RBD": "dv",
    "NOM_RBD": "nombre",
    "LET_RBD": "chr(65 + rbd::INT % 6)",
    "NUM_RBD": "rbd % 900 + 1",
    "COD_REG_RBD": "cod_reg",
    "NOM_REG_RBD_A": "nom_reg",
    "COD_PRO_RBD": "cod_pro",
    "COD_COM_RBD": "cod_com",
    "NOM_COM_RBD": "nom_com",
    "COD_DEPROV_RBD": "cod_deprov",
    "NOM_DEPROV_RBD": "nom_deprov",
    "COD_DEPE": "cod_depe",
    "COD_DEPE2": "cod_depe2",
    "RURAL_RBD": "rural",
    "ESTADO_ESTAB": "estado",
    "NOMBRE_SLEP": "slep",
}
"""The columns on the school that most official files share, over the relation ``schools(year)``."""

STUDENTS = """
    SELECT *, yyyymm(nacimiento) AS mes_nacimiento, age_in_june({year}, nacimiento) AS edad
    FROM (
        SELECT *, birth_month(entry, nace, h) AS nacimiento, mrun(number) AS mrun,
            is_woman(pct_mujeres, h) AS mujer
        FROM (
            SELECT *, (hash(number, getvariable('seed')::BIGINT) >> 1)::BIGINT AS h
            FROM (
                SELECT *, person_number(entry, places, first + i, is_newcomer(turn, i, k)) AS number
                FROM (SELECT *, lo + unnest(range(m)) AS i FROM {groups}))))
"""
"""The students of cells: number, MRUN, sex, month of birth and 63 random bits, by formula from the place."""
