-- pending_add --
-- Entries as they are said; they get their place in the log within seconds.
INSERT INTO entry_pending (tenant_id, entry_id, type, about, body)
SELECT %(tenant)s, said.entry_id, said.type, said.about, said.body
  FROM unnest(%(ids)s::uuid[], %(types)s::text[], %(abouts)s::uuid[], %(bodies)s::bytea[])
       AS said(entry_id, type, about, body)

-- waiting --
-- What has no place yet, for the alarm.
SELECT count(*) AS count, min(at) AS oldest_at FROM entry_pending WHERE tenant_id = %(tenant)s

-- entries_about --
-- What the log says about some ids, with what still waits at the end.
SELECT idx, entry_id, type, about, body
  FROM (SELECT idx, entry_id, type, about, body, NULL::xid8 AS xid
          FROM entry WHERE tenant_id = %(tenant)s AND about = ANY(%(abouts)s)
        UNION ALL
        SELECT NULL, entry_id, type, about, body, xid
          FROM entry_pending WHERE tenant_id = %(tenant)s AND about = ANY(%(abouts)s)) AS said
 ORDER BY idx NULLS LAST, xid, entry_id

-- entries_from --
-- The entries of the log from a place on, without their bodies: what it tells of, for whoever looks for it.
SELECT idx, entry_id, type, about, ''::bytea AS body FROM entry
 WHERE tenant_id = %(tenant)s AND idx >= %(start)s ORDER BY idx LIMIT %(limit)s

-- entry_find --
-- One entry by its id, placed or waiting.
SELECT idx, entry_id, type, about, body FROM entry WHERE tenant_id = %(tenant)s AND entry_id = %(entry)s
UNION ALL
SELECT NULL, entry_id, type, about, body FROM entry_pending WHERE tenant_id = %(tenant)s AND entry_id = %(entry)s

-- turn --
-- One sequencer for a log at a time; whoever comes second goes away.
SELECT pg_try_advisory_xact_lock(hashtextextended('imvume.sequence ' || %(tenant)s::text, 0)) AS ours

-- last --
-- How far the log reaches: its newest checkpoint, and the leaf hash of its newest entry.
SELECT c.size, c.note, e.idx, e.leaf
  FROM (SELECT size, note FROM checkpoint WHERE tenant_id = %(tenant)s ORDER BY size DESC LIMIT 1) AS c
  FULL JOIN (SELECT idx, sha256('\x00'::bytea || body) AS leaf
               FROM entry WHERE tenant_id = %(tenant)s ORDER BY idx DESC LIMIT 1) AS e ON true

-- tiles_at --
-- Some tiles, by level and number.
SELECT t.level, t.n, t.hashes
  FROM unnest(%(levels)s::smallint[], %(ns)s::bigint[]) AS asked(level, n)
  JOIN tile t ON t.tenant_id = %(tenant)s AND t.level = asked.level AND t.n = asked.n

-- place --
-- Takes the oldest waiting entries and gives each its place in the log; answers their leaf hashes, in order.
-- Only what no running transaction can still precede: two may commit in the other order than they began,
-- and a place once given is never moved. A row from beyond our newest transaction was written in an
-- earlier life of this database (it was dumped and restored, and its count of transactions began anew).
WITH now AS (
    SELECT pg_snapshot_xmin(pg_current_snapshot()) AS oldest_running, pg_snapshot_xmax(pg_current_snapshot()) AS next
), due AS (
    SELECT xid, entry_id FROM entry_pending
     WHERE tenant_id = %(tenant)s
       AND (xid < (SELECT oldest_running FROM now) OR xid >= (SELECT next FROM now))
     ORDER BY xid, entry_id LIMIT %(entries_max)s
), taken AS (
    DELETE FROM entry_pending p USING due
     WHERE p.tenant_id = %(tenant)s AND p.xid = due.xid AND p.entry_id = due.entry_id
    RETURNING p.xid, p.entry_id, p.type, p.about, p.body
), placed AS (
    INSERT INTO entry (tenant_id, idx, entry_id, type, about, body)
    SELECT %(tenant)s, %(size)s + row_number() OVER (ORDER BY xid, entry_id) - 1, entry_id, type, about, body
      FROM taken
    RETURNING idx, body
)
SELECT count(*) AS count, min(idx) AS first,
       coalesce(string_agg(sha256('\x00'::bytea || body), ''::bytea ORDER BY idx), ''::bytea) AS leaves
  FROM placed

-- tiles_put --
-- Tiles that are new, or wider than they were. One that does not begin with what is there is left alone.
INSERT INTO tile (tenant_id, level, n, hashes)
SELECT %(tenant)s, put.level, put.n, put.hashes
  FROM unnest(%(levels)s::smallint[], %(ns)s::bigint[], %(hashes)s::bytea[]) AS put(level, n, hashes)
ON CONFLICT (tenant_id, level, n) DO UPDATE SET hashes = EXCLUDED.hashes
 WHERE octet_length(tile.hashes) < octet_length(EXCLUDED.hashes)
   AND substring(EXCLUDED.hashes FROM 1 FOR octet_length(tile.hashes)) = tile.hashes

-- checkpoint_add --
-- A head of the log, signed.
INSERT INTO checkpoint (tenant_id, size, since, note, made_at)
VALUES (%(tenant)s, %(size)s, %(since)s, %(note)s, %(made_at)s)

-- checkpoint_at --
-- The checkpoint of one size.
SELECT size, note, made_at FROM checkpoint WHERE tenant_id = %(tenant)s AND size = %(size)s

-- checkpoint_newest --
-- The newest checkpoint.
SELECT size, note, made_at FROM checkpoint WHERE tenant_id = %(tenant)s ORDER BY size DESC LIMIT 1

-- bodies --
-- The entries of a range of places.
SELECT idx, body FROM entry WHERE tenant_id = %(tenant)s AND idx >= %(start)s AND idx < %(end)s ORDER BY idx

-- stamp_due --
-- Whether anything but the last stamp's own entry has come since the last stamp.
SELECT coalesce((SELECT max(size) FROM checkpoint WHERE tenant_id = %(tenant)s), 0)
       > coalesce((SELECT max(size) + 1 FROM time_stamp WHERE tenant_id = %(tenant)s), 0) AS due

-- stamp_add --
-- What an authority answered about a checkpoint.
INSERT INTO time_stamp (tenant_id, stamp_id, size, authority, token, stamped_at)
VALUES (%(tenant)s, %(stamp)s, %(size)s, %(authority)s, %(token)s, %(at)s)

-- stamp_newest --
-- The newest time-stamp over a checkpoint.
SELECT size, stamped_at FROM time_stamp WHERE tenant_id = %(tenant)s ORDER BY size DESC, stamped_at DESC LIMIT 1

-- verified_newest --
-- When the whole archive was last read and checked, as the log has it.
SELECT body FROM entry WHERE tenant_id = %(tenant)s AND about = %(tenant)s AND type = 'archive.verified'
 ORDER BY idx DESC LIMIT 1

-- verify_entries --
-- Entries to be read again, with their ids as their bodies write them.
SELECT idx, entry_id::text AS entry_id, type, about::text AS about, body
  FROM entry WHERE tenant_id = %(tenant)s AND idx >= %(start)s AND idx < %(end)s ORDER BY idx

-- verify_checkpoints --
-- The checkpoints that end in a range of entries.
SELECT size, since, note, made_at FROM checkpoint
 WHERE tenant_id = %(tenant)s AND size > %(after)s AND size <= %(until)s ORDER BY size

-- verify_checkpoints_later --
-- The checkpoints after a size.
SELECT size, since, note, made_at FROM checkpoint WHERE tenant_id = %(tenant)s AND size > %(after)s ORDER BY size

-- verify_checkpoints_down --
-- Checkpoints from the newest down, a page at a time.
SELECT size, note FROM checkpoint
 WHERE tenant_id = %(tenant)s AND size < %(before)s ORDER BY size DESC LIMIT %(page)s

-- verify_hold --
-- Keeps the sequencer away from the log until this transaction ends.
SELECT pg_advisory_xact_lock(hashtextextended('imvume.sequence ' || %(tenant)s::text, 0))

-- verify_ends --
-- How many entries stand beyond the newest checkpoint, and how many came while the log was read.
SELECT count(*) FILTER (WHERE idx >= %(size)s) AS extra,
       min(idx) FILTER (WHERE idx >= %(size)s) AS first_extra,
       max(idx) AS last_extra,
       count(*) FILTER (WHERE idx < %(size)s) AS later
  FROM entry WHERE tenant_id = %(tenant)s AND idx >= %(target)s

-- verify_tiles_extra --
-- Tiles that hold more than a log of this size has: as many hashes as the size gives its level, no more.
SELECT level, n, expected
  FROM (SELECT level, n, octet_length(hashes) / 32 AS width,
               least(256, greatest(0, (%(size)s::bigint >> (8 * level)) - n * 256)) AS expected
          FROM tile WHERE tenant_id = %(tenant)s AND n < (1::bigint << 52)
        UNION ALL
        SELECT level, n, 1, 0 FROM tile WHERE tenant_id = %(tenant)s AND n >= (1::bigint << 52)) AS tiles
 WHERE width > expected ORDER BY level, n

-- verify_stamps --
-- What the log tells of time-stamps, beside the time-stamps themselves and the checkpoints they are of.
SELECT e.idx, e.body, e.about::text AS told_id, s.size, s.authority, s.token, s.stamped_at, c.note
  FROM entry e
  LEFT JOIN time_stamp s ON s.tenant_id = e.tenant_id AND s.stamp_id = e.about
  LEFT JOIN checkpoint c ON c.tenant_id = e.tenant_id AND c.size = s.size
 WHERE e.tenant_id = %(tenant)s AND e.about = ANY(%(ids)s::uuid[]) AND e.type = 'log.stamped'
 ORDER BY e.idx

-- verify_orphans --
-- Time-stamps that no entry tells of, placed or waiting.
SELECT s.stamp_id FROM time_stamp s
 WHERE s.tenant_id = %(tenant)s
   AND NOT EXISTS (SELECT FROM entry e
                    WHERE e.tenant_id = s.tenant_id AND e.about = s.stamp_id AND e.type = 'log.stamped')
   AND NOT EXISTS (SELECT FROM entry_pending p
                    WHERE p.tenant_id = s.tenant_id AND p.about = s.stamp_id AND p.type = 'log.stamped')
 ORDER BY s.stamp_id LIMIT %(page)s

-- verify_restored --
-- What the log tells of its own losses.
SELECT body FROM entry WHERE tenant_id = %(tenant)s AND about = %(tenant)s AND type = 'log.restored'
UNION ALL
SELECT body FROM entry_pending WHERE tenant_id = %(tenant)s AND about = %(tenant)s AND type = 'log.restored'

-- verify_waiting --
-- What waits for its place, with ids as bodies write them.
SELECT entry_id::text AS entry_id, type, about::text AS about, body FROM entry_pending WHERE tenant_id = %(tenant)s
