"""Matrícula: one row a student enrolled at 30 April, of every level of education as in the official file."""

from __future__ import annotations

from emtp_assets.sources.simulated.selection import SCHOOL, STUDENTS, Selection

_HOME = "(h >> 32) & 1023"
"""Nine students in ten live in the school's comuna; the others in two near ones, or don't say."""


def _home(own: str, near: str, far: str, unknown: str) -> str:
    return f"""CASE WHEN {_HOME} < 915 THEN {own} WHEN {_HOME} < 980 THEN {near}
        WHEN {_HOME} < 1013 THEN {far} ELSE {unknown} END"""


MATRICULA = Selection(
    stamp="Matricula_unica_{year}_{year}0430_WEB_MRUN",
    groups="""
        SELECT *, cod_grado - CASE WHEN {year} < 2019 AND cod_grado > 20 THEN 21 ELSE 0 END AS grado,
            u(rbd, stream, 3000 + k) AS azar
        FROM cells({year}) JOIN schools({year}) USING (rbd)""",
    order="rbd, stream, k, lo",
    group={
        **SCHOOL,
        "COD_ENSE": "cod_ense",
        "COD_ENSE2": "cod_ense2",
        "COD_ENSE3": """CASE WHEN cod_ense2 = 4 THEN CASE WHEN cod_ense = 214 THEN 1 ELSE 2 END
            WHEN cod_ense2 > 4 THEN cod_ense2 - 1 ELSE cod_ense2 END""",
        "COD_GRADO": "grado",
        "COD_GRADO2": """CASE WHEN cod_ense2 = 3 THEN [4, 6, 8][grado] WHEN cod_ense2 = 6 THEN grado + 1
            WHEN cod_ense2 = 8 AND grado = 1 THEN 2 WHEN cod_ense = 214 THEN k + 2 ELSE grado END""",
        "COD_JOR": """CASE WHEN azar < 0.001 THEN 99 WHEN azar < 0.0015 THEN 5
            WHEN cod_ense2 IN (3, 6, 8) THEN 4 WHEN cod_ense2 IN (1, 4) THEN 1 + (azar < 0.5)::INT
            WHEN azar < 0.9 THEN 3 ELSE 1 + (azar < 0.93)::INT END""",
        "COD_TIP_CUR": """CASE WHEN cod_ense2 = 2 AND rural = 1 AND m < 10 THEN 1 + (azar < 0.2)::INT
            ELSE 0 END""",
        "COD_DES_CUR": "CASE WHEN NOT is_tp THEN 0 WHEN u(rbd, 12, rama_final) < 0.12 THEN 2 ELSE 1 END",
        "TIPO_AULA": "1",
        "COD_SEC": "cod_sec",
        "COD_ESPE": "cod_espe",
        "COD_RAMA": "cod_rama",
        "COD_MEN": "cod_men",
        "ENS": """CASE cod_ense2 WHEN 1 THEN 1 WHEN 2 THEN 3 WHEN 3 THEN 9
            WHEN 4 THEN CASE WHEN cod_ense = 214 THEN 2 ELSE 4 END
            WHEN 5 THEN CASE WHEN grado <= 2 THEN 5 ELSE 7 END
            WHEN 6 THEN CASE WHEN grado = 1 THEN 10 ELSE 12 END
            WHEN 7 THEN CASE WHEN grado <= 2 THEN 6 ELSE 8 END
            ELSE CASE WHEN grado = 1 THEN 11 ELSE 13 END END""",
    },
    members=STUDENTS,
    row={
        "LET_CUR": "chr(65 + least(25, i // 38)::INT)",
        "MRUN": "mrun",
        "GEN_ALU": "CASE WHEN mujer THEN '2' ELSE '1' END",
        # Old files have the day too (AAAAMMDD); the year in which it went is not documented.
        "FEC_NAC_ALU": """CASE WHEN {year} < 2013 THEN mes_nacimiento * 100 + 1 + h % 28
            ELSE mes_nacimiento END""",
        "EDAD_ALU": "CASE WHEN (h >> 42) & 4095 = 7 THEN ' ' ELSE edad::VARCHAR END",
        "GD_ALU": "CASE WHEN cod_ense2 = 2 AND (h >> 42) & 31 = 1 THEN '1' ELSE '0' END",
        "COD_REG_ALU": _home("cod_reg", "cod_reg", "cod_reg", "0"),
        "COD_COM_ALU": _home("cod_com", "cod_com_1", "cod_com_2", "0"),
        "NOM_COM_ALU": _home("nom_com", "nom_com_1", "nom_com_2", "' '"),
    },
)
