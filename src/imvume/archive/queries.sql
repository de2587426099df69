-- epoch_lock --
-- One worker at a time opens an epoch of a class and a month.
SELECT pg_advisory_xact_lock(hashtextextended(%(tenant)s::text || %(class)s || %(month)s::text, 11))

-- epoch_open --
-- The open epoch of a retention class and the month in which its records end, held steady while we wrap under it.
SELECT epoch_id, key_id FROM epoch
 WHERE tenant_id = %(tenant)s AND class = %(class)s AND month = %(month)s AND ended_at IS NULL
   FOR SHARE

-- epoch_add --
-- A new epoch.
INSERT INTO epoch (tenant_id, epoch_id, class, month, key_id)
VALUES (%(tenant)s, %(epoch)s, %(class)s, %(month)s, %(key)s)

-- epoch_end --
-- The epoch takes no more records; its key is about to be destroyed.
UPDATE epoch SET ended_at = %(at)s, key_id = NULL
 WHERE tenant_id = %(tenant)s AND epoch_id = %(epoch)s AND ended_at IS NULL

-- epoch_hold --
-- The epoch, for the one who ends it: nobody wraps under it meanwhile.
SELECT epoch_id, class, month, key_id, ended_at FROM epoch
 WHERE tenant_id = %(tenant)s AND epoch_id = %(epoch)s FOR UPDATE

-- epochs_after --
-- The next epochs in the order of their ids, for a sweep over all.
SELECT epoch_id, class, month, ended_at FROM epoch WHERE tenant_id = %(tenant)s AND epoch_id > %(after)s
 ORDER BY epoch_id LIMIT %(limit)s

-- epochs_open --
-- All open epochs, for the one who rotates their keys.
SELECT epoch_id FROM epoch WHERE tenant_id = %(tenant)s AND ended_at IS NULL ORDER BY epoch_id

-- epochs_to_end --
-- Epochs with a destroyed record of which an old copy could still be opened.
SELECT DISTINCT a.epoch_id FROM asset a JOIN epoch e USING (tenant_id, epoch_id)
 WHERE a.tenant_id = %(tenant)s AND a.destroyed_at IS NOT NULL AND a.final_at IS NULL AND e.ended_at IS NULL

-- epoch_keys --
-- The keys of several epochs.
SELECT epoch_id, class, month, key_id FROM epoch WHERE tenant_id = %(tenant)s AND epoch_id = ANY(%(epochs)s)

-- epoch_survivors --
-- What must be wrapped again when the epoch gets a new key.
SELECT asset_id, subject_id, wrapped FROM asset
 WHERE tenant_id = %(tenant)s AND epoch_id = %(epoch)s AND wrapped IS NOT NULL
 ORDER BY asset_id FOR UPDATE

-- asset_rewrap --
-- An asset's key under a new wrap.
UPDATE asset SET wrapped = %(wrapped)s, epoch_id = %(epoch)s WHERE tenant_id = %(tenant)s AND asset_id = %(asset)s

-- asset_add --
-- One sealed thing.
INSERT INTO asset (tenant_id, asset_id, call_id, kind, role, of_asset, subject_id, suite, codec, rate, channels,
                   frames, size, digest, inline, origin, origin_mark, salt, class, keep_until, epoch_id, wrapped,
                   sealed_at)
VALUES (%(tenant)s, %(asset_id)s, %(call_id)s, %(kind)s, %(role)s, %(of_asset)s, %(subject_id)s, %(suite)s,
        %(codec)s, %(rate)s, %(channels)s, %(frames)s, %(size)s, %(digest)s, %(inline)s, %(origin)s,
        %(origin_mark)s, %(salt)s, %(class)s, %(keep_until)s, %(epoch_id)s, %(wrapped)s, %(sealed_at)s)

-- assets_of --
-- Everything sealed of one call, legs before waveforms.
SELECT * FROM asset WHERE tenant_id = %(tenant)s AND call_id = %(call)s
 ORDER BY kind = 'waveform', role DESC, asset_id

-- assets_locked --
-- The same, for the one who destroys or holds them.
SELECT * FROM asset WHERE tenant_id = %(tenant)s AND call_id = %(call)s ORDER BY asset_id FOR UPDATE

-- assets_after --
-- The next assets in the order of their ids, for a sweep over all.
SELECT * FROM asset WHERE tenant_id = %(tenant)s AND asset_id > %(after)s ORDER BY asset_id LIMIT %(limit)s

-- assets_of_subject --
-- What is wrapped under a data subject's key.
SELECT asset_id, epoch_id, subject_id, wrapped FROM asset
 WHERE tenant_id = %(tenant)s AND subject_id = %(subject)s AND wrapped IS NOT NULL
 ORDER BY asset_id FOR UPDATE

-- asset_count --
-- How many records there are, living and destroyed.
SELECT count(*) AS total,
       count(*) FILTER (WHERE destroyed_at IS NULL) AS living,
       coalesce(sum(size) FILTER (WHERE destroyed_at IS NULL), 0) AS bytes,
       coalesce(sum(frames::numeric / rate) FILTER (WHERE destroyed_at IS NULL AND kind IN ('leg', 'mix')), 0)::float AS seconds
  FROM asset WHERE tenant_id = %(tenant)s

-- kept_by_class --
-- What is kept, by which rule, until when.
SELECT class, count(DISTINCT call_id) AS calls, sum(size) AS bytes,
       min(keep_until) AS first_until, max(keep_until) AS last_until
  FROM asset WHERE tenant_id = %(tenant)s AND destroyed_at IS NULL GROUP BY class ORDER BY class

-- asset_destroy --
-- The key's wrap, the small ciphertext and where it came from are emptied.
UPDATE asset SET wrapped = NULL, inline = NULL, origin = NULL, destroyed_at = %(at)s
 WHERE tenant_id = %(tenant)s AND asset_id = %(asset)s AND destroyed_at IS NULL

-- destructions_dying --
-- What was destroyed and is not final yet: the batch that begins now will make it so.
SELECT destruction_id, call_id FROM destruction
 WHERE tenant_id = %(tenant)s AND destroyed_at IS NOT NULL AND final_at IS NULL ORDER BY destruction_id

-- assets_final --
-- No copy of what these destructions were of can be opened any more. A call may have been destroyed again since,
-- with what came in late: that has still to wait.
UPDATE asset a SET final_at = %(at)s, epoch_id = NULL FROM destruction d
 WHERE d.tenant_id = %(tenant)s AND d.destruction_id = ANY(%(destructions)s)
   AND a.tenant_id = d.tenant_id AND a.call_id = d.call_id AND a.destroyed_at = d.destroyed_at AND a.final_at IS NULL

-- epochs_clear --
-- Ended epochs that nothing refers to any more.
DELETE FROM epoch e WHERE tenant_id = %(tenant)s AND ended_at IS NOT NULL
   AND NOT EXISTS (SELECT FROM asset a WHERE a.tenant_id = e.tenant_id AND a.epoch_id = e.epoch_id)

-- matter_add --
-- A legal hold is placed.
INSERT INTO matter (tenant_id, matter_id, ref, reason, salt, key_id, placed_by, placed_at)
VALUES (%(tenant)s, %(matter)s, %(ref)s, %(reason)s, %(salt)s, %(key)s, %(placed_by)s, %(placed_at)s)

-- matter_get --
-- One hold.
SELECT * FROM matter WHERE tenant_id = %(tenant)s AND matter_id = %(matter)s

-- matter_locked --
-- One hold, for the one who gives it a new key: nobody releases it meanwhile.
SELECT * FROM matter WHERE tenant_id = %(tenant)s AND matter_id = %(matter)s FOR UPDATE

-- matter_by_ref --
-- One hold by the reference that people use.
SELECT * FROM matter WHERE tenant_id = %(tenant)s AND ref = %(ref)s

-- matters --
-- All holds, the newest first, with how many calls each protects.
SELECT m.matter_id, m.ref, m.reason, m.placed_by, m.placed_at, m.released_at,
       (SELECT count(DISTINCT a.call_id) FROM held h JOIN asset a USING (tenant_id, asset_id)
         WHERE h.tenant_id = m.tenant_id AND h.matter_id = m.matter_id) AS calls
  FROM matter m WHERE m.tenant_id = %(tenant)s ORDER BY m.placed_at DESC LIMIT %(limit)s

-- matter_release --
-- A hold ends.
UPDATE matter SET released_at = %(at)s, key_id = NULL
 WHERE tenant_id = %(tenant)s AND matter_id = %(matter)s AND released_at IS NULL

-- held_add --
-- The extra wrap of one asset key under a matter key.
INSERT INTO held (tenant_id, matter_id, asset_id, wrapped) VALUES (%(tenant)s, %(matter)s, %(asset)s, %(wrapped)s)
ON CONFLICT DO NOTHING

-- held_lift --
-- The wraps of a hold that ended.
UPDATE held SET wrapped = NULL WHERE tenant_id = %(tenant)s AND matter_id = %(matter)s

-- held_rewrap --
-- A held asset's key under the matter's new key.
UPDATE held SET wrapped = %(wrapped)s
 WHERE tenant_id = %(tenant)s AND matter_id = %(matter)s AND asset_id = %(asset)s

-- held_by_matter --
-- All that a hold protects.
SELECT h.asset_id, h.wrapped, a.call_id FROM held h JOIN asset a USING (tenant_id, asset_id)
 WHERE h.tenant_id = %(tenant)s AND h.matter_id = %(matter)s ORDER BY h.asset_id

-- holds_of --
-- The holds in force over a call.
SELECT DISTINCT m.matter_id, m.ref, m.reason, m.placed_by, m.placed_at
  FROM held h JOIN matter m USING (tenant_id, matter_id) JOIN asset a USING (tenant_id, asset_id)
 WHERE h.tenant_id = %(tenant)s AND a.call_id = %(call)s AND m.released_at IS NULL
 ORDER BY m.placed_at

-- held_wraps --
-- The wraps under matter keys through which an asset can still be opened.
SELECT h.matter_id, h.wrapped, m.key_id FROM held h JOIN matter m USING (tenant_id, matter_id)
 WHERE h.tenant_id = %(tenant)s AND h.asset_id = %(asset)s AND h.wrapped IS NOT NULL AND m.released_at IS NULL

-- matters_open --
-- The holds in force.
SELECT matter_id FROM matter WHERE tenant_id = %(tenant)s AND released_at IS NULL ORDER BY matter_id

-- matter_rekey --
-- A hold's new key.
UPDATE matter SET key_id = %(key)s WHERE tenant_id = %(tenant)s AND matter_id = %(matter)s

-- destruction_add --
-- A destruction is ordered.
INSERT INTO destruction (tenant_id, destruction_id, call_id, ground, reason, salt, asked_by, asked_at)
VALUES (%(tenant)s, %(destruction)s, %(call_id)s, %(ground)s, %(reason)s, %(salt)s, %(asked_by)s, %(asked_at)s)

-- destruction_done --
-- Carried out.
UPDATE destruction SET destroyed_at = %(at)s
 WHERE tenant_id = %(tenant)s AND destruction_id = %(destruction)s AND destroyed_at IS NULL

-- destruction_get --
-- One destruction.
SELECT * FROM destruction WHERE tenant_id = %(tenant)s AND destruction_id = %(destruction)s

-- destructions_of --
-- The destructions of a call, the newest first.
SELECT * FROM destruction WHERE tenant_id = %(tenant)s AND call_id = %(call)s ORDER BY asked_at DESC

-- destructions --
-- The newest destructions.
SELECT * FROM destruction WHERE tenant_id = %(tenant)s ORDER BY asked_at DESC LIMIT %(limit)s

-- destruction_waiting --
-- The destruction that waits for a hold over this call to end.
SELECT * FROM destruction WHERE tenant_id = %(tenant)s AND call_id = %(call)s AND destroyed_at IS NULL FOR UPDATE

-- destructions_final --
-- These destructions are final, with how many records each was of.
UPDATE destruction d SET final_at = %(at)s
 WHERE d.tenant_id = %(tenant)s AND d.destruction_id = ANY(%(destructions)s) AND d.final_at IS NULL
RETURNING d.destruction_id, d.call_id,
          (SELECT count(*) FROM asset a WHERE a.tenant_id = d.tenant_id AND a.call_id = d.call_id
              AND a.destroyed_at = d.destroyed_at) AS assets

-- due --
-- The next calls all of whose records may go, as far as time is concerned: none of them has still to be kept.
SELECT call_id, max(keep_until) AS until, min(class) AS class,
       bool_or(EXISTS (SELECT FROM held h JOIN matter m USING (tenant_id, matter_id)
                        WHERE h.tenant_id = a.tenant_id AND h.asset_id = a.asset_id AND m.released_at IS NULL)) AS held
  FROM asset a
 WHERE tenant_id = %(tenant)s AND destroyed_at IS NULL AND call_id > %(after)s
   AND keep_until < %(today)s
   AND NOT EXISTS (SELECT FROM asset k WHERE k.tenant_id = a.tenant_id AND k.call_id = a.call_id
                      AND k.destroyed_at IS NULL AND k.keep_until >= %(today)s)
   AND NOT EXISTS (SELECT FROM destruction d WHERE d.tenant_id = a.tenant_id AND d.call_id = a.call_id
                      AND d.destroyed_at IS NULL)
 GROUP BY call_id
 ORDER BY call_id LIMIT %(limit)s

-- assets_known --
-- Which of these objects belong to a living record.
SELECT asset_id FROM asset WHERE tenant_id = %(tenant)s AND asset_id = ANY(%(assets)s) AND destroyed_at IS NULL

-- matters_after --
-- The next holds in the order of their ids, for a sweep over all.
SELECT * FROM matter WHERE tenant_id = %(tenant)s AND matter_id > %(after)s ORDER BY matter_id LIMIT %(limit)s

-- destructions_after --
-- The next destructions in the order of their ids, for a sweep over all.
SELECT * FROM destruction WHERE tenant_id = %(tenant)s AND destruction_id > %(after)s
 ORDER BY destruction_id LIMIT %(limit)s

-- held_after_matter --
-- The wraps of one hold, with what is needed to open them.
SELECT h.asset_id, h.wrapped, a.destroyed_at FROM held h JOIN asset a USING (tenant_id, asset_id)
 WHERE h.tenant_id = %(tenant)s AND h.matter_id = %(matter)s

-- keys_orphaned --
-- Living keys that nothing here is wrapped under: one that was destroyed and put back, for one.
SELECT k.key_id FROM sealed_key k
 WHERE k.tenant_id = %(tenant)s
   AND NOT EXISTS (SELECT FROM data_subject s WHERE s.tenant_id = k.tenant_id AND s.key_id = k.key_id AND k.kind = 'subject')
   AND NOT EXISTS (SELECT FROM epoch e WHERE e.tenant_id = k.tenant_id AND e.key_id = k.key_id AND k.kind = 'epoch')
   AND NOT EXISTS (SELECT FROM matter m WHERE m.tenant_id = k.tenant_id AND m.key_id = k.key_id AND k.kind = 'matter')

-- existing_assets --
-- Which of these assets have a row.
SELECT asset_id AS id FROM asset WHERE tenant_id = %(tenant)s AND asset_id = ANY(%(ids)s)

-- existing_matters --
-- Which of these holds have a row.
SELECT matter_id AS id FROM matter WHERE tenant_id = %(tenant)s AND matter_id = ANY(%(ids)s)

-- existing_destructions --
-- Which of these destructions have a row.
SELECT destruction_id AS id FROM destruction WHERE tenant_id = %(tenant)s AND destruction_id = ANY(%(ids)s)
