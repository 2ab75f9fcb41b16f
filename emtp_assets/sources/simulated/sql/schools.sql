-- The simulated schools: who they are, where, how big, what they teach. Nothing here depends on the academic year.
-- Variables: seed, scale. Tables read: the proportions. Tables made: school, stream, track.

-- Uniform pseudo-random number in [0, 1) of up to three whole numbers: the same for the same seed, always.
-- Hashed twice: one pass over several arguments leaves the numbers of a school depending on one another.
CREATE MACRO u(a, b, c) AS
    (hash(hash(getvariable('seed')::BIGINT, a::BIGINT, b::BIGINT, c::BIGINT)) >> 11) / 9007199254740992.0;

-- Value of a distribution given by 21 quantiles at 0, 5, ..., 100 %.
CREATE MACRO at_quantile(q, p) AS
    q[floor(p * 20)::INT + 1] + (p * 20 - floor(p * 20)) * (q[floor(p * 20)::INT + 2] - q[floor(p * 20)::INT + 1]);

-- Simulated RBD begin at 90000 (real ones end under 50000). Official numbers whose check digit would be K do not exist.
CREATE TABLE number AS
WITH digits AS (
    SELECT 90000 + range AS rbd,
        (11 - (rbd % 10 * 2 + rbd // 10 % 10 * 3 + rbd // 100 % 10 * 4 + rbd // 1000 % 10 * 5
             + rbd // 10000 % 10 * 6 + rbd // 100000 * 7) % 11) % 11 AS dv
    FROM range(30000)
)
SELECT rbd, dv, row_number() OVER (ORDER BY rbd) AS position FROM digits WHERE dv < 10;

-- Comunas of Ñuble before it was a region.
CREATE TABLE nuble AS SELECT * FROM (VALUES
    (16101, 8401), (16102, 8402), (16202, 8403), (16203, 8404), (16302, 8405), (16103, 8406), (16104, 8407),
    (16204, 8408), (16303, 8409), (16105, 8410), (16106, 8411), (16205, 8412), (16107, 8413), (16201, 8414),
    (16206, 8415), (16301, 8416), (16304, 8417), (16108, 8418), (16305, 8419), (16207, 8420), (16109, 8421)
) AS t(despues, antes);

CREATE TABLE school AS
WITH counted AS (
    SELECT *, unnest(string_split(perfiles, ' ')) AS perfil_n FROM establecimientos
), listed AS (
    SELECT cod_com, depe, rural, split_part(perfil_n, ':', 1) AS perfil,
        unnest(range(split_part(perfil_n, ':', 2)::INT)) AS k
    FROM counted
), placed AS (
    SELECT *,
        row_number() OVER (ORDER BY cod_com, depe, rural, perfil, k) AS position,
        -- A share of the schools is taken evenly along this order, so that a small scale keeps the proportions.
        row_number() OVER (
            ORDER BY perfil[7:8] DESC, perfil = 'SIN', depe, cod_com, rural, perfil, k) AS stratum
    FROM listed
), sampled AS (
    SELECT * FROM placed
    WHERE floor(stratum * getvariable('scale')) > floor((stratum - 1) * getvariable('scale'))
)
SELECT
    n.rbd,
    -- 0.3 % of the official check digits break the rule.
    CASE WHEN u(n.rbd, 1, 0) < 0.003 THEN (n.dv + 1 + floor(u(n.rbd, 1, 1) * 8)::INT) % 10 ELSE n.dv END AS dv,
    s.perfil, s.depe AS depe_final, s.rural, s.stratum,
    CASE WHEN s.depe IN (1, 2) THEN 1 WHEN s.depe = 6 THEN 5 ELSE s.depe - 1 END AS depe2_final,
    c.*,
    CASE WHEN s.perfil <> 'SIN' THEN 1
         WHEN u(n.rbd, 2, 0) < 0.188 THEN 1 WHEN u(n.rbd, 2, 0) < 0.322 THEN 2
         WHEN u(n.rbd, 2, 0) < 0.987 THEN 3 ELSE 4 END AS estado,
    -- The year in which the comuna's public schools pass to a SLEP.
    CASE WHEN s.depe = 6 THEN
            CASE WHEN u(c.cod_com, 3, 0) < 0.08 THEN 2018 WHEN u(c.cod_com, 3, 0) < 0.15 THEN 2019
                 WHEN u(c.cod_com, 3, 0) < 0.20 THEN 2020 WHEN u(c.cod_com, 3, 0) < 0.32 THEN 2021
                 WHEN u(c.cod_com, 3, 0) < 0.41 THEN 2024 ELSE 2025 END
         WHEN s.depe IN (1, 2) THEN
            CASE WHEN u(c.cod_com, 3, 0) < 0.30 THEN 2026 WHEN u(c.cod_com, 3, 0) < 0.65 THEN 2027 ELSE 9999 END
         ELSE 9999 END AS slep_desde,
    CASE WHEN s.depe = 6 AND u(c.cod_com, 4, 0) < 0.2 THEN 1 WHEN s.depe = 6 THEN 2 ELSE s.depe END AS depe_antes,
    'SIMULADO ' || CASE
        WHEN s.perfil = 'SIN' THEN 
            ['ESCUELA', 'ESCUELA PARTICULAR', 'JARDÍN INFANTIL'][1 + floor(u(n.rbd, 5, 0) * 3)::INT]
        WHEN s.perfil[7] = '1' THEN
            ['LICEO POLITÉCNICO', 'LICEO BICENTENARIO', 'COMPLEJO EDUCACIONAL', 'LICEO INDUSTRIAL']
                [1 + floor(u(n.rbd, 5, 0) * 4)::INT]
        WHEN s.perfil[5] = '1' AND s.perfil[2] = '1' THEN 'COLEGIO'
        WHEN s.perfil[5] = '1' THEN 'LICEO'
        WHEN s.perfil[2] = '1' THEN 'ESCUELA BÁSICA'
        WHEN s.perfil[4] = '1' THEN 'ESCUELA ESPECIAL'
        WHEN s.perfil[1] = '1' THEN 'JARDÍN INFANTIL'
        ELSE 'CENTRO DE EDUCACIÓN DE ADULTOS' END
        || ' ' || n.rbd || ' DE ' || c.nom_com AS nombre,
    -- 40 to 50 million: above every person's RUN in use, under every company's RUT.
    CASE WHEN s.depe NOT IN (3, 4) THEN 40000000 + c.cod_com * 11 + s.depe
         ELSE 41000000 + floor(u(n.rbd, 6, 0) * 8000000)::INT END AS rut_sostenedor,
    row_number() OVER (ORDER BY n.rbd) AS rank
FROM sampled s JOIN number n USING (position) JOIN comunas c USING (cod_com)
ORDER BY n.rbd;

-- Enrolment by level of education (COD_ENSE2), before the year's own variation. 7 is merged into 5: see track.
CREATE TABLE level_size AS
WITH sized AS (
    SELECT s.rbd, s.perfil, r.f_tp * d.f_tp AS f_tp, r.f_otro * d.f_otro AS f_otro, coalesce(g.q, t.q) AS q,
        coalesce(g.shares, t.shares) AS shares,
        at_quantile(coalesce(g.q, t.q), u(s.rbd, 7, 0)) AS total
    FROM school s
    JOIN tamanos t ON t.perfil = s.perfil AND t.grupo = '*'
    LEFT JOIN tamanos g ON g.perfil = s.perfil AND g.grupo = s.depe2_final::VARCHAR || s.rural::VARCHAR
    JOIN regiones r USING (cod_reg)
    JOIN dependencias d ON d.depe2 = s.depe2_final
)
SELECT rbd, level, greatest(total * shares[level] * CASE WHEN level IN (7, 8) THEN f_tp ELSE f_otro END, 1) AS size
FROM sized, (SELECT unnest(range(1, 9)) AS level)
WHERE perfil[level] = '1' AND shares[level] > 0;

-- One line for each kind of teaching and grade: k counts the years a student has been in the stream,
-- weight is the grade's share of the stream's enrolment, nace the years between birth and entry.
CREATE TABLE grade AS
SELECT * FROM (VALUES
    (1, 1, 1, 0.03, 2), (1, 2, 2, 0.07, 2), (1, 3, 3, 0.10, 2), (1, 4, 4, 0.38, 2), (1, 5, 5, 0.42, 2),
    (2, 1, 1, 0.124, 7), (2, 2, 2, 0.125, 7), (2, 3, 3, 0.126, 7), (2, 4, 4, 0.126, 7),
    (2, 5, 5, 0.126, 7), (2, 6, 6, 0.125, 7), (2, 7, 7, 0.125, 7), (2, 8, 8, 0.123, 7),
    (3, 1, 1, 0.2, 19), (3, 2, 2, 0.25, 19), (3, 3, 3, 0.55, 19),
    (41, 23, 1, 0.3, 4), (41, 24, 2, 0.38, 4), (41, 25, 3, 0.32, 4),
    (42, 1, 1, 0.12, 7), (42, 2, 2, 0.12, 7), (42, 3, 3, 0.12, 7), (42, 4, 4, 0.12, 7), (42, 5, 5, 0.12, 7),
    (42, 6, 6, 0.12, 7), (42, 7, 7, 0.14, 7), (42, 8, 8, 0.14, 7),
    (5, 1, 1, 0.265, 15), (5, 2, 2, 0.255, 15), (5, 3, 3, 0.245, 15), (5, 4, 4, 0.235, 15),
    (6, 1, 1, 0.45, 19), (6, 3, 2, 0.55, 19),
    (8, 1, 1, 0.36, 19), (8, 3, 2, 0.33, 19), (8, 4, 3, 0.31, 19)
) AS t(plan, cod_grado, k, weight, nace);

-- A stream is one school's line of grades through which students move up. `first` is its range of student places
-- among all streams: a student's number is made of it, so two students of a year never share one.
CREATE TABLE stream AS
WITH merged AS (
    SELECT rbd, CASE WHEN level = 7 THEN 5 ELSE level END AS stream, sum(size) AS size,
        coalesce(sum(size) FILTER (level = 7), 0) / sum(size) AS tp
    FROM level_size GROUP BY ALL
), planned AS (
    SELECT *,
        CASE stream WHEN 4 THEN CASE WHEN u(rbd, 8, 0) < 0.7 THEN 41 ELSE 42 END ELSE stream END AS plan,
        CASE stream
            WHEN 1 THEN 10 WHEN 2 THEN 110 WHEN 5 THEN 310 WHEN 6 THEN 363 WHEN 8 THEN 463
            WHEN 3 THEN CASE WHEN u(rbd, 8, 1) < 0.77 THEN 165 ELSE 167 END
            ELSE CASE WHEN u(rbd, 8, 0) < 0.70 THEN 214 WHEN u(rbd, 8, 0) < 0.92 THEN 212
                      WHEN u(rbd, 8, 0) < 0.95 THEN 216 WHEN u(rbd, 8, 0) < 0.97 THEN 218
                      WHEN u(rbd, 8, 0) < 0.985 THEN 217 WHEN u(rbd, 8, 0) < 0.993 THEN 211 ELSE 213 END
        END AS cod_ense
    FROM merged
), widest AS (
    SELECT plan, max(weight) AS widest FROM grade GROUP BY 1
)
SELECT p.*, w.widest,
    sum(ceil(p.size * w.widest * 1.1)::BIGINT + 2) OVER (ORDER BY rbd, stream)
        - (ceil(p.size * w.widest * 1.1)::BIGINT + 2) AS first,
    sum(ceil(p.size * w.widest * 1.1)::BIGINT + 2) OVER () AS places
FROM planned p JOIN widest w USING (plan);

-- Which especialidades a school teaches: drawn without replacement by their frequency in the region.
CREATE TABLE offer AS
WITH teaching AS (
    SELECT st.rbd, st.stream, s.cod_reg,
        CASE WHEN st.stream = 8 THEN 1 + (st.size > 130)::INT
             ELSE greatest(1, least(11, floor(0.3 + 0.17 * sqrt(st.size * st.tp) + u(st.rbd, 9, 0))::INT))
             END AS offered
    FROM stream st JOIN school s USING (rbd) WHERE st.tp > 0 OR st.stream = 8
), drawn AS (
    SELECT t.rbd, t.stream, t.offered, r.cod_espe,
        row_number() OVER (
            PARTITION BY t.rbd, t.stream
            -- The power makes up for frequent ones being drawn only once.
            ORDER BY -ln(1 - u(t.rbd, 10, r.cod_espe)) / power(r.n, 1.2), r.cod_espe) AS place
    FROM teaching t JOIN especialidades_region r USING (cod_reg)
    JOIN especialidades e ON e.cod_espe = r.cod_espe AND (t.stream <> 8 OR e.cod_rama < 900)
), shared AS (
    SELECT d.*, e.cod_sec, e.cod_rama, e.pct_mujeres,
        e.alumnos / sum(r.n) OVER (PARTITION BY d.rbd, d.stream, d.cod_espe) AS pull
    FROM drawn d JOIN especialidades e USING (cod_espe)
    JOIN (SELECT cod_espe, sum(n) AS n FROM especialidades_region GROUP BY 1) r USING (cod_espe)
    WHERE place <= offered
)
SELECT rbd, stream, cod_espe, cod_sec, cod_rama, pct_mujeres, place,
    sum(pull) OVER w / sum(pull) OVER (PARTITION BY rbd, stream) AS upper,
    (sum(pull) OVER w - pull) / sum(pull) OVER (PARTITION BY rbd, stream) AS lower
FROM shared WINDOW w AS (PARTITION BY rbd, stream ORDER BY place);

-- One mención a school and especialidad, by its weight.
CREATE TABLE mention AS
WITH weighed AS (
    SELECT *, sum(alumnos) OVER upto / sum(alumnos) OVER (PARTITION BY cod_espe) AS upper,
        (sum(alumnos) OVER upto - alumnos) / sum(alumnos) OVER (PARTITION BY cod_espe) AS lower
    FROM menciones WINDOW upto AS (PARTITION BY cod_espe ORDER BY cod_men)
)
SELECT o.rbd, o.stream, o.cod_espe, m.cod_men
FROM offer o JOIN weighed m
    ON m.cod_espe = o.cod_espe AND u(o.rbd, 11, o.cod_espe) >= m.lower AND u(o.rbd, 11, o.cod_espe) < m.upper;

-- A track is an interval [t0, t1) of a cohort's places with one destiny. In the media stream the first `tp34` of them go
-- to TP in grades 3-4, and the first `tp12` are enrolled as TP from grade 1 already; both add up to the school's TP
-- share of enrolment (grades 3-4 are 48 % of a school's). Where HC is taught too, 88 % of TP is in grades 3-4, which
-- gives the country's 166,000 of 244,000.
CREATE TABLE track AS
WITH media AS (
    SELECT rbd, stream, least(1.0, 0.88 * tp / 0.48) AS tp34, greatest(0.0, (tp - 0.48 * tp34) / 0.52) AS tp12
    FROM stream WHERE stream = 5
), destined AS (
    SELECT o.*, coalesce(m.cod_men, 0) AS cod_men, coalesce(a.tp12, 0) AS tp12,
        o.lower * coalesce(a.tp34, 1) AS t0, o.upper * coalesce(a.tp34, 1) AS t1
    FROM offer o LEFT JOIN media a USING (rbd, stream) LEFT JOIN mention m USING (rbd, stream, cod_espe)
)
SELECT rbd, stream, cod_espe, cod_men, cod_sec, cod_rama, pct_mujeres, t0, least(t1, tp12) AS t1, true AS tp_from_start
FROM destined WHERE t0 < tp12
UNION ALL
SELECT rbd, stream, cod_espe, cod_men, cod_sec, cod_rama, pct_mujeres, greatest(t0, tp12), t1, false
FROM destined WHERE t1 > tp12
UNION ALL
SELECT rbd, stream, 0, 0, 0, 0, 50, tp34, 1, false FROM media WHERE tp34 < 1
UNION ALL
SELECT rbd, stream, 0, 0, 0, 0, CASE stream WHEN 4 THEN 34 WHEN 3 THEN 44 WHEN 6 THEN 46 ELSE 49 END, 0, 1, false
FROM stream WHERE stream NOT IN (5, 8);
