"""Proyectos: improvement projects by region. No official file exists: the Visualizador's columns."""

from __future__ import annotations

from emtp_assets.sources.simulated.selection import Selection

PROYECTOS = Selection(
    stamp="Proyectos_EMTP_{year}",
    # About one project for three TP schools and year, in proportion to a region's schools.
    groups="""
        SELECT *, u(rbd, 50, {year}) AS azar,
            CASE WHEN azar < 0.55 THEN 'Terminado' WHEN azar < 0.9 THEN 'En ejecución'
                ELSE 'Adjudicado' END AS estado_proyecto,
            CASE estado_proyecto WHEN 'Terminado' THEN 0.9 + 0.1 * u(rbd, 55, {year})
                WHEN 'En ejecución' THEN 0.9 * u(rbd, 55, {year}) ELSE 0 END AS parte,
            (2000 + floor(60000 * power(u(rbd, 51, {year}), 2)))::BIGINT * 1000 AS monto,
            row_number() OVER (ORDER BY rbd) AS numero
        FROM schools({year}) WHERE perfil[7] = '1' AND u(rbd, 52, {year}) < 0.33""",
    order="rbd",
    group={
        "AGNO": "{year}",
        "ID_PROYECTO": "'SIM-{year}-' || lpad(numero::VARCHAR, 4, '0')",
        "REGION": "nom_reg",
        "TIPO_PROYECTO": """['Equipamiento', 'Infraestructura', 'Innovación curricular',
            'Redes y articulación', 'Formación docente'][1 + floor(u(rbd, 53, {year}) * 5)::INT]""",
        "ESTADO": "estado_proyecto",
        "MONTO_ASIGNADO": "monto",
        "MONTO_EJECUTADO": "floor(monto * parte)::BIGINT",
        "PCT_EJECUCION": "replace(round(parte * 100, 1)::DECIMAL(5, 1)::VARCHAR, '.', ',')",
        "ESTABLECIMIENTOS_BENEFICIADOS": "1 + floor(6 * power(u(rbd, 54, {year}), 3))::INT",
    },
)
