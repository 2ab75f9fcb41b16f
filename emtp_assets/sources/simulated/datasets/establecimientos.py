"""Establecimientos: one row a school, its enrolment counted from that year's matrícula."""

from __future__ import annotations

from emtp_assets.sources.simulated.selection import SCHOOL, Selection


def _listed(name: str, column: str, length: int) -> dict[str, str]:
    return {f"{name}_{i:02d}": f"coalesce({column}[{i}], 0)" for i in range(1, length + 1)}


_BY_LEVEL = ", ".join(f"sum(m) FILTER (cod_ense2 = {i})" for i in range(1, 9))


_PAYMENT = """CASE WHEN total = 0 AND u(rbd, 20, {n}) < 0.65 THEN 'SIN INFORMACION'
    WHEN depe_final = 3 AND u(rbd, 20, 0) < 0.08 THEN 'SIN INFORMACION'
    WHEN depe_final = 3 AND u(rbd, 20, {n}) < {some} THEN
        ['$25.001 A $50.000', '$50.001 A $100.000', '$50.001 A $100.000', 'MAS DE $100.000']
            [1 + floor(u(rbd, 21, {n}) * 4)::INT]
    WHEN depe_final = 4 THEN
        CASE WHEN u(rbd, 20, 0) < 0.12 THEN 'SIN INFORMACION'
             WHEN u(rbd, 20, {n}) < 0.9 THEN 'MAS DE $100.000' ELSE '$50.001 A $100.000' END
    ELSE 'GRATUITO' END"""

ESTABLECIMIENTOS = Selection(
    stamp="Directorio_Oficial_EE_{year}_{year}0430_WEB",
    groups=f"""
        WITH counted AS (
            SELECT rbd, sum(m) AS total, [{_BY_LEVEL}] AS mat,
                list_sort(list_distinct(list(cod_ense))) AS ens,
                list_sort(list_distinct(list(cod_espe) FILTER (cod_espe > 0))) AS espe
            FROM cells({{year}}) GROUP BY rbd
        ), described AS (
            SELECT s.*, coalesce(c.total, 0) AS total, c.mat, c.ens, c.espe,
                CASE WHEN u(rbd, 24, 1) < 0.883 + 0.10 * (c.total > 0)::INT THEN 1
                     WHEN u(rbd, 24, 1) < 0.991 THEN 0 ELSE 9 END AS juridica,
                CASE WHEN c.total IS NULL AND u(rbd, 24, 0) < 0.6 OR u(rbd, 24, 0) < 0.05 THEN 9
                     WHEN u(rbd, 24, 0) < 0.63 THEN 1 WHEN u(rbd, 24, 0) < 0.84 THEN 2
                     WHEN u(rbd, 24, 0) < 0.965 THEN 7 ELSE 3 END AS religion,
                u(rbd, 26, 0) < CASE WHEN c.total > 0 THEN 0.1 ELSE 0.35 END AS sin_ubicacion,
                (lat + (u(rbd, 26, 1) - 0.5) * 0.1)::DECIMAL(12, 8)::VARCHAR AS latitud,
                (lon + (u(rbd, 26, 2) - 0.5) * 0.1)::DECIMAL(12, 8)::VARCHAR AS longitud,
                -- One school of the official file of 2024 has its latitude quoted, with the separator inside.
                rank = (SELECT max(rank) FROM school WHERE perfil <> 'SIN') AS cita
            FROM schools({{year}}) s LEFT JOIN counted c USING (rbd)
        )
        SELECT * FROM described WHERE {{year}} >= 2015 OR total > 0""",
    order="rbd",
    line_end="\r\n",
    group={
        **SCHOOL,
        "RUT_SOSTENEDOR": "CASE WHEN juridica = 1 THEN rut_sostenedor END",
        "P_JURIDICA": "juridica",
        "LATITUD": """CASE WHEN cita THEN '"& 65279;' || replace(latitud, '.', ',') || '"'
            WHEN NOT sin_ubicacion THEN replace(latitud, '.', ',') END""",
        "LONGITUD": "CASE WHEN cita OR NOT sin_ubicacion THEN replace(longitud, '.', ',') END",
        "CONVENIO_PIE": "(total > 0 AND depe_final <> 4 AND u(rbd, 22, 0) < 0.62)::INT",
        "PACE": "((perfil[5] = '1' OR perfil[7] = '1') AND depe_final <> 4 AND u(rbd, 23, 0) < 0.23)::INT",
        **_listed("ENS", "ens", 12),
        **{f"MAT_ENS_{i}": f"coalesce(mat[{i}], 0)" for i in range(1, 9)},
        "MAT_TOTAL": "total",
        "MATRICULA": "(total > 0)::INT",
        "ORI_RELIGIOSA": "religion",
        "ORI_OTRO_GLOSA": """CASE WHEN religion = 7 THEN
            ['LAICA', 'LAICO', 'CRISTIANA', 'NINGUNA', 'ADVENTISTA', 'VALÓRICA']
                [1 + floor(u(rbd, 25, 0) * 6)::INT] END""",
        "PAGO_MATRICULA": _PAYMENT.replace("{n}", "1").replace("{some}", "0.02"),
        "PAGO_MENSUAL": _PAYMENT.replace("{n}", "2").replace("{some}", "0.19"),
        **_listed("ESPE", "espe", 11),
    },
)
