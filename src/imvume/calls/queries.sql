-- by_source --
-- The call that this reference of this telephone system names.
SELECT call_id FROM call_source WHERE tenant_id = %(tenant)s AND source = %(source)s AND source_ref = %(source_ref)s

-- source_add --
-- From now on it names this call; somebody else's word for it before ours is a conflict.
INSERT INTO call_source (tenant_id, source, source_ref, call_id)
VALUES (%(tenant)s, %(source)s, %(source_ref)s, %(call)s)

-- open_month --
-- Room for the calls of a month.
SELECT open_month(%(month)s)

-- add --
-- A call, as the telephone system reported it.
INSERT INTO call (tenant_id, call_id, ref, source, source_ref, started_at, answered_at, ended_at, direction, queue,
                  campaign, disposition, retention, salt)
VALUES (%(tenant)s, %(call_id)s, %(ref)s, %(source)s, %(source_ref)s, %(started_at)s, %(answered_at)s, %(ended_at)s,
        %(direction)s, %(queue)s, %(campaign)s, %(disposition)s, %(retention)s, %(salt)s)

-- add_participant --
-- Who was on it.
INSERT INTO participant (tenant_id, call_id, no, role, kind, subject_id, lookup)
VALUES (%(tenant)s, %(call_id)s, %(no)s, %(role)s, %(kind)s, %(subject_id)s, %(lookup)s)

-- tenant --
-- What decides for calls about which nothing else does.
SELECT retention, zone, region FROM tenant WHERE tenant_id = %(tenant)s

-- file_add --
-- A recording file is taken.
INSERT INTO taken_file (tenant_id, mark, content, call_id, taken_at, seal)
VALUES (%(tenant)s, %(mark)s, %(content)s, %(call)s, %(at)s, %(seal)s)

-- files_seen --
-- Which of these files were taken before.
SELECT mark FROM taken_file WHERE tenant_id = %(tenant)s AND mark = ANY(%(marks)s)

-- file_known --
-- The same sound of the same call, taken from another place or under another time.
SELECT 1 AS known FROM taken_file WHERE tenant_id = %(tenant)s AND content = %(content)s AND call_id = %(call)s LIMIT 1

-- file_call --
-- Which call a taken file belongs to.
SELECT call_id FROM taken_file WHERE tenant_id = %(tenant)s AND mark = %(mark)s

-- get --
-- One call.
SELECT * FROM call WHERE tenant_id = %(tenant)s AND call_id = %(call)s

-- by_ref --
-- The calls that people call so: one, but for a rare coincidence.
SELECT call_id FROM call WHERE tenant_id = %(tenant)s AND ref = %(ref)s ORDER BY call_id DESC LIMIT 2

-- participants --
-- Who was on these calls.
SELECT call_id, no, role, kind, subject_id, lookup FROM participant
 WHERE tenant_id = %(tenant)s AND call_id = ANY(%(calls)s) ORDER BY call_id, no

-- find --
-- A page of calls, the newest first.
SELECT c.* FROM call c
 WHERE c.tenant_id = %(tenant)s AND c.call_id < %(before)s AND c.call_id >= %(since)s
   AND (%(direction)s::text IS NULL OR c.direction = %(direction)s)
   AND (%(queue)s::text IS NULL OR c.queue = %(queue)s)
   AND (%(campaign)s::text IS NULL OR c.campaign = %(campaign)s)
   AND (%(disposition)s::text IS NULL OR c.disposition = %(disposition)s)
   AND (%(ref)s::text IS NULL OR c.ref = %(ref)s)
 ORDER BY c.call_id DESC LIMIT %(limit)s

-- find_by_lookup --
-- The same of the calls on which one of these identifiers was: each one's newest first, from its index, until a page is full.
-- Every step depends on the one before (LATERAL, OFFSET 0), so that there is one plan only. Left to choose, PostgreSQL
-- joined whole months as soon as they were small or many: 95 ms for 240 000 calls, 260 ms over 84 months (bench/search).
SELECT DISTINCT ON (call_id) one.*
  FROM unnest(%(lookups)s::bytea[]) AS asked(lookup)
 CROSS JOIN LATERAL (
       SELECT c.*
         FROM (SELECT DISTINCT p.call_id FROM participant p
                WHERE p.tenant_id = %(tenant)s AND p.lookup = asked.lookup
                  AND p.call_id < %(before)s AND p.call_id >= %(since)s
                ORDER BY p.call_id DESC) AS was_on
        CROSS JOIN LATERAL (SELECT * FROM call c
                WHERE c.tenant_id = %(tenant)s AND c.call_id = was_on.call_id
                  AND (%(direction)s::text IS NULL OR c.direction = %(direction)s)
                  AND (%(queue)s::text IS NULL OR c.queue = %(queue)s)
                  AND (%(campaign)s::text IS NULL OR c.campaign = %(campaign)s)
                  AND (%(disposition)s::text IS NULL OR c.disposition = %(disposition)s) OFFSET 0) AS c
        ORDER BY was_on.call_id DESC LIMIT %(limit)s) AS one
 ORDER BY call_id DESC LIMIT %(limit)s

-- count --
-- How many calls a question has, counted no further than to a bound.
SELECT count(*) AS n FROM (SELECT 1 FROM call c
 WHERE c.tenant_id = %(tenant)s AND c.call_id < %(before)s AND c.call_id >= %(since)s
   AND (%(direction)s::text IS NULL OR c.direction = %(direction)s)
   AND (%(queue)s::text IS NULL OR c.queue = %(queue)s)
   AND (%(campaign)s::text IS NULL OR c.campaign = %(campaign)s)
   AND (%(disposition)s::text IS NULL OR c.disposition = %(disposition)s)
   AND (%(ref)s::text IS NULL OR c.ref = %(ref)s) LIMIT %(bound)s) AS counted

-- kept --
-- What is sealed of these calls, in short.
SELECT call_id,
       count(*) FILTER (WHERE kind IN ('leg', 'mix')) AS recordings,
       bool_and(destroyed_at IS NOT NULL) AS destroyed,
       max(keep_until) AS until,
       max(frames::float / rate) FILTER (WHERE kind IN ('leg', 'mix')) AS seconds,
       bool_or(EXISTS (SELECT FROM held h JOIN matter m USING (tenant_id, matter_id)
                        WHERE h.tenant_id = a.tenant_id AND h.asset_id = a.asset_id AND m.released_at IS NULL)) AS held
  FROM asset a WHERE tenant_id = %(tenant)s AND call_id = ANY(%(calls)s) GROUP BY call_id

-- values --
-- The queues, campaigns and outcomes that occur in the newest calls, to choose from.
SELECT DISTINCT queue, campaign, disposition
  FROM (SELECT queue, campaign, disposition FROM call WHERE tenant_id = %(tenant)s ORDER BY call_id DESC LIMIT 5000) AS newest

-- after --
-- The next calls in the order of their ids, for a sweep over all.
SELECT * FROM call WHERE tenant_id = %(tenant)s AND call_id > %(after)s ORDER BY call_id LIMIT %(limit)s

-- existing --
-- Which of these calls have a row.
SELECT call_id AS id FROM call WHERE tenant_id = %(tenant)s AND call_id = ANY(%(ids)s)

-- sources --
-- What these calls are called by their telephone systems.
SELECT source, source_ref, call_id FROM call_source WHERE tenant_id = %(tenant)s AND (source, source_ref) IN
       (SELECT * FROM unnest(%(sources)s::text[], %(refs)s::text[]))

-- sources_after --
-- The next names of calls in their order, for a sweep over all, and whether the call says the same.
SELECT s.source, s.source_ref, s.call_id,
       EXISTS (SELECT FROM call c WHERE c.tenant_id = s.tenant_id AND c.call_id = s.call_id
                  AND c.source = s.source AND c.source_ref = s.source_ref) AS own
  FROM call_source s
 WHERE s.tenant_id = %(tenant)s AND (s.source, s.source_ref) > (%(source)s, %(ref)s)
 ORDER BY s.source, s.source_ref LIMIT %(limit)s

-- files_after --
-- The next taken files in the order of their marks, for a sweep over all.
SELECT * FROM taken_file WHERE tenant_id = %(tenant)s AND mark > %(after)s ORDER BY mark LIMIT %(limit)s
