-- Teaching posts: groups of posts alike in all but the person, stable over the years; people change every fifteen.
-- Tables read: school, stream, track. Tables made: post.

-- General subjects of secondary education, by how many teach them.
CREATE MACRO general_subject(n) AS
    [31001, 32001, 33001, 31002, 35001, 38001, 31001, 32001, 35002, 35003, 37001, 36001, 34001, 39001, 37002,
     39501][1 + n % 16];

CREATE MACRO check_digit(n) AS
    ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'K'][1 + (11 - (
        n % 10 * 2 + n // 10 % 10 * 3 + n // 100 % 10 * 4 + n // 1000 % 10 * 5 + n // 10000 % 10 * 6
        + n // 100000 % 10 * 7 + n // 1000000 % 10 * 2 + n // 10000000 % 10 * 3) % 11) % 11];

CREATE TABLE post AS
WITH training AS (
    SELECT rbd, stream, cod_espe, cod_rama, pct_mujeres, min(t0) AS t0, sum(t1 - t0) AS share
    FROM track WHERE cod_espe > 0 GROUP BY ALL
), taught AS (
    -- kind, how many students a teacher has, and what is taught; kinds from 8 on are TP's differentiated training.
    SELECT rbd, stream AS kind, size / [24, 15.2, 30, 7.5, 1, 30, 1, 1][stream] AS n, cod_ense AS cod_ens,
        [1, 2, 6, 3, 4, 7][stream] AS nivel, [-1, 19001, -3, -2][stream] AS subsector,
        [92, 79, 60, 93, 57, 57][stream] AS pct_mujeres
    FROM stream WHERE stream IN (1, 2, 3, 4, 6)
    UNION ALL
    SELECT rbd, 5, size * (1 - tp) / 14.0, 310, 4, NULL, 57 FROM stream WHERE stream = 5 AND tp < 1
    UNION ALL
    SELECT st.rbd, 7, st.size * st.tp / 12.5 * 0.5, 10 + arg_min(t.cod_rama, t.t0), 5, NULL, 57
    FROM stream st JOIN training t USING (rbd, stream)
    WHERE stream = 5 GROUP BY st.rbd, st.size, st.tp
    UNION ALL
    SELECT st.rbd, 8, st.size * st.tp / 12.5 * 0.5 * t.share / sum(t.share) OVER (PARTITION BY st.rbd),
        10 + t.cod_rama, 5, t.cod_espe, 15 + t.pct_mujeres * 6 // 10
    FROM stream st JOIN training t USING (rbd, stream) WHERE stream = 5
    UNION ALL
    SELECT st.rbd, 9, st.size / 25 * t.share, 63 + t.cod_rama, 8, t.cod_espe, 15 + t.pct_mujeres * 6 // 10
    FROM stream st JOIN training t USING (rbd, stream) WHERE stream = 8
    UNION ALL
    SELECT rbd, 0, 1 + sum(size) / 160, 0, 0, 0, 57 FROM stream GROUP BY rbd
), whole AS (
    SELECT *, floor(n + u(rbd, 60 + kind, coalesce(subsector, 1)))::BIGINT AS posts FROM taught
), placed AS (
    SELECT *, row_number() OVER w AS number, sum(posts) OVER w - posts AS within,
        sum(posts) OVER (ORDER BY rbd, kind, subsector, cod_ens) - posts AS first
    FROM whole WHERE posts > 0 WINDOW w AS (PARTITION BY rbd ORDER BY kind, subsector, cod_ens)
), schools_with_posts AS (
    -- Kinds 5 to 7 stand together: the general subjects of secondary education.
    SELECT rbd, min(first) AS desde, min(within) FILTER (kind BETWEEN 5 AND 7) AS media_desde,
        max(within + posts) FILTER (kind BETWEEN 5 AND 7) AS media_hasta
    FROM placed GROUP BY rbd
), neighbours AS (
    SELECT rbd, (row_number() OVER w) % 2 = 0 AS shares, lag(desde) OVER w AS desde_previo,
        lag(media_desde) OVER w AS media_desde, lag(media_hasta) OVER w AS media_hasta
    FROM schools_with_posts WINDOW w AS (ORDER BY media_desde IS NULL, rbd)
)
SELECT p.*, n.shares AND media_hasta IS NOT NULL AS shares, n.desde_previo, n.media_desde, n.media_hasta
FROM placed p JOIN neighbours n USING (rbd);

-- In every other school with secondary education some posts are held by teachers of general subjects whose main
-- post is in the school before: about one post in twenty.
CREATE MACRO is_second_post(shares, t, media_desde, media_hasta) AS
    shares AND t % 2 = 1 AND t >= media_desde AND t < media_hasta;
