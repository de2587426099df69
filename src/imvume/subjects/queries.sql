-- lock --
-- Two workers that meet a number for the first time at once make one data subject, not two.
SELECT pg_advisory_xact_lock(hashtextextended(encode(%(lookup)s::bytea, 'hex'), 7))

-- find --
-- Who has this identifier.
SELECT subject_id FROM identifier WHERE tenant_id = %(tenant)s AND kind = %(kind)s AND lookup = %(lookup)s

-- add --
-- A new data subject, under a random id.
INSERT INTO data_subject (tenant_id, subject_id, key_id) VALUES (%(tenant)s, %(subject)s, %(key)s)

-- add_identifier --
-- One more identifier of a data subject.
INSERT INTO identifier (tenant_id, kind, lookup, subject_id, sealed)
VALUES (%(tenant)s, %(kind)s, %(lookup)s, %(subject)s, %(sealed)s)

-- keys --
-- The keys of several data subjects.
SELECT subject_id, key_id FROM data_subject WHERE tenant_id = %(tenant)s AND subject_id = ANY(%(subjects)s)

-- keys_held --
-- The same, held steady: nobody gives these data subjects a new key while we wrap under the old one.
SELECT subject_id, key_id FROM data_subject
 WHERE tenant_id = %(tenant)s AND subject_id = ANY(%(subjects)s) ORDER BY subject_id FOR SHARE

-- keys_locked --
-- The same, for the one who gives a new key.
SELECT subject_id, key_id FROM data_subject
 WHERE tenant_id = %(tenant)s AND subject_id = ANY(%(subjects)s) ORDER BY subject_id FOR UPDATE

-- identifiers --
-- The identifiers of several data subjects, sealed.
SELECT subject_id, kind, lookup, sealed FROM identifier
 WHERE tenant_id = %(tenant)s AND subject_id = ANY(%(subjects)s) ORDER BY subject_id, kind, lookup

-- rekey --
-- A data subject's new key.
UPDATE data_subject SET key_id = %(key)s WHERE tenant_id = %(tenant)s AND subject_id = %(subject)s

-- reseal --
-- An identifier under the new key.
UPDATE identifier SET sealed = %(sealed)s
 WHERE tenant_id = %(tenant)s AND kind = %(kind)s AND lookup = %(lookup)s

-- nameless --
-- Of these people on calls, those who are no data subject any more, or who have lost the identifier they called from.
SELECT DISTINCT asked.subject_id
  FROM unnest(%(subjects)s::uuid[], %(lookups)s::bytea[]) AS asked(subject_id, lookup)
  LEFT JOIN data_subject s ON s.tenant_id = %(tenant)s AND s.subject_id = asked.subject_id
 WHERE s.subject_id IS NULL
    OR (s.key_id IS NOT NULL AND NOT EXISTS (
        SELECT FROM identifier i
         WHERE i.tenant_id = %(tenant)s AND i.subject_id = asked.subject_id AND i.lookup = asked.lookup))

-- all_identifiers --
-- Every identifier, for the check that each one opens and is found by what it says.
SELECT i.kind, i.lookup, i.subject_id, i.sealed, s.key_id, s.subject_id IS NOT NULL AS known
  FROM identifier i LEFT JOIN data_subject s USING (tenant_id, subject_id)
 WHERE i.tenant_id = %(tenant)s
 ORDER BY i.subject_id, i.kind, i.lookup

-- page --
-- The ids of the next data subjects, in order.
SELECT subject_id FROM data_subject
 WHERE tenant_id = %(tenant)s AND subject_id > %(after)s ORDER BY subject_id LIMIT %(limit)s
