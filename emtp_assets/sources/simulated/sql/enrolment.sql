-- The enrolment of any academic year as cells: groups of students alike in everything but the person.
-- A cell says how many; persons(y) in the same file turns it into students, each found again from year to year.

-- The two comunas of the same region that students of a comuna also come from: the next ones by code.
CREATE TABLE neighbour AS
SELECT cod_com,
    coalesce(lead(cod_com) OVER w, min(cod_com) OVER (PARTITION BY cod_reg)) AS cod_com_1,
    coalesce(lead(nom_com) OVER w, arg_min(nom_com, cod_com) OVER (PARTITION BY cod_reg)) AS nom_com_1,
    coalesce(lead(cod_com, 2) OVER w, min(cod_com) OVER (PARTITION BY cod_reg)) AS cod_com_2,
    coalesce(lead(nom_com, 2) OVER w, arg_min(nom_com, cod_com) OVER (PARTITION BY cod_reg)) AS nom_com_2
FROM comunas WINDOW w AS (PARTITION BY cod_reg ORDER BY cod_com);

-- Ñuble became region 16 in September 2018; until then its comunas were 8401-8421 of region 8.
-- School attributes as they stood in academic year y.
CREATE MACRO schools(y) AS TABLE
SELECT s.* REPLACE (
        CASE WHEN y < 2018 AND cod_reg = 16 THEN 8 ELSE cod_reg END AS cod_reg,
        CASE WHEN y < 2018 AND cod_reg = 16 THEN 'BBIO' ELSE nom_reg END AS nom_reg,
        CASE WHEN y < 2018 AND cod_reg = 16 THEN 84 ELSE cod_pro END AS cod_pro,
        coalesce(a.antes, s.cod_com) AS cod_com),
    coalesce(b.antes, n.cod_com_1) AS cod_com_1, n.nom_com_1,
    coalesce(c.antes, n.cod_com_2) AS cod_com_2, n.nom_com_2,
    CASE WHEN y >= slep_desde THEN 6 ELSE depe_antes END AS cod_depe,
    CASE WHEN y >= slep_desde THEN 5 WHEN depe_antes IN (1, 2) THEN 1 ELSE depe_antes - 1 END AS cod_depe2,
    CASE WHEN y >= slep_desde THEN 'SLEP SIMULADO ' || nom_deprov END AS slep
FROM school s JOIN neighbour n USING (cod_com)
LEFT JOIN nuble a ON a.despues = s.cod_com AND y < 2018
LEFT JOIN nuble b ON b.despues = n.cod_com_1 AND y < 2018
LEFT JOIN nuble c ON c.despues = n.cod_com_2 AND y < 2018;

CREATE MACRO cells(y) AS TABLE
WITH cohort AS (
    SELECT t.*, st.plan, st.size, st.widest, st.first, st.places, st.cod_ense AS ense_base,
        g.cod_grado, g.k, g.weight, g.nace, y - (g.k - 1) AS entry,
        -- Cohorts differ from one another by up to 6 %, and keep their size as they move up.
        floor(st.size * st.widest * (0.95 + 0.12 * u(t.rbd, t.stream, 1000 + entry))
            + u(t.rbd, t.stream, 2000 + entry)) AS n
    FROM track t JOIN stream st USING (rbd, stream) JOIN grade g USING (plan)
), placed AS (
    SELECT *, floor(t0 * n)::BIGINT AS lo, floor(t1 * n)::BIGINT AS hi,
        stream IN (5, 8) AND cod_espe > 0 AND (cod_grado >= 3 OR tp_from_start OR stream = 8) AS is_tp
    FROM cohort
), filled AS (
    SELECT *, least(hi - lo, floor(
        (hi - lo) * weight / widest + u(rbd, stream * 100000 + cod_espe, entry * 10 + k))::BIGINT) AS m
    FROM placed
)
SELECT rbd, stream, cod_grado, k, entry, lo, m, nace, first, places, is_tp, pct_mujeres, cod_rama AS rama_final,
    CASE WHEN is_tp AND stream = 5 THEN cod_rama + 10 WHEN is_tp THEN cod_rama + 63 ELSE ense_base END AS cod_ense,
    CASE WHEN stream = 5 AND is_tp THEN 7 ELSE stream END AS cod_ense2,
    CASE WHEN is_tp AND cod_grado >= 3 THEN cod_espe ELSE 0 END AS cod_espe,
    CASE WHEN is_tp AND cod_grado >= 3 THEN cod_men ELSE 0 END AS cod_men,
    CASE WHEN is_tp AND cod_grado >= 3 THEN cod_sec ELSE 0 END AS cod_sec,
    CASE WHEN is_tp AND cod_grado >= 3 THEN cod_rama ELSE 0 END AS cod_rama,
    (hash(rbd::BIGINT, stream::BIGINT, entry::BIGINT) % 16)::BIGINT AS turn
FROM filled WHERE m > 0
ORDER BY rbd, stream, k, lo;

-- Each place i of a cohort changes hands at most once on the way up: one place in sixteen each year (`newcomer`).
-- A student's number is a permutation of (cohort, place, newcomer) over 60,000,000-99,999,982, where no person's RUN
-- or provisional number lies; `h` are 64 random bits of the person, the same in every year and dataset.
CREATE MACRO is_newcomer(turn, i, k) AS ((i - turn + 16000) * 13 % 16 BETWEEN 1 AND k - 1)::BIGINT;
CREATE MACRO person_number(entry, places, place, newcomer) AS
    ((entry % (39999983 // (2 * places))) * places + place) * 2 + newcomer;
CREATE MACRO mrun(number) AS
    60000000 + (number * 15485863 + getvariable('seed')::BIGINT % 39999983) % 39999983;

-- Month of birth as months since year 0; the school year takes those born from April to March.
CREATE MACRO birth_month(entry, nace, h) AS
    (entry - nace) * 12 + 3 + ((h >> 10) & 4095) * 12 // 4096
    - 12 * CASE WHEN nace >= 19 THEN ((h >> 22) & 255) * ((h >> 22) & 255) // 1700
                WHEN nace <= 4 THEN 0
                WHEN ((h >> 22) & 255) < 205 THEN 0 WHEN ((h >> 22) & 255) < 240 THEN 1
                WHEN ((h >> 22) & 255) < 252 THEN 2 ELSE 3 END;
CREATE MACRO yyyymm(month) AS (month // 12) * 100 + month % 12 + 1;
CREATE MACRO age_in_june(y, month) AS (y * 12 + 5 - month) // 12;
CREATE MACRO is_woman(pct, h) AS (h & 1023) < pct * 1024 // 100;
CREATE MACRO graduates(h) AS ((h >> 30) & 1023) < 973;
-- Years between the end of school and the title: 0 is never.
CREATE MACRO title_delay(h) AS
    CASE WHEN ((h >> 40) & 1023) >= 748 THEN 0
         WHEN ((h >> 50) & 1023) < 985 THEN 1 WHEN ((h >> 50) & 1023) < 1004 THEN 2
         WHEN ((h >> 50) & 1023) < 1014 THEN 3 WHEN ((h >> 50) & 1023) < 1020 THEN 4 ELSE 5 END;
