-- bucket_open --
-- The current version of a bucket, held steady for this transaction: nobody rotates it meanwhile. Keys may be made
-- in it while others are destroyed (FOR KEY SHARE): those who give new keys to many would else meet crosswise.
SELECT version FROM bucket WHERE tenant_id = %(tenant)s AND bucket = %(bucket)s FOR KEY SHARE

-- bucket_lock --
-- The same for the one who rotates it.
SELECT version FROM bucket WHERE tenant_id = %(tenant)s AND bucket = %(bucket)s FOR UPDATE

-- bucket_versions --
-- Every bucket with its current version.
SELECT bucket, version FROM bucket WHERE tenant_id = %(tenant)s ORDER BY bucket

-- bucket_begin --
-- All buckets of a new tenant, at version 1.
INSERT INTO bucket (tenant_id, bucket, version)
SELECT %(tenant)s, b, 1 FROM generate_series(0, %(last)s) AS b
ON CONFLICT DO NOTHING

-- bucket_advance --
-- The new version becomes current. What was destroyed before is dead with the old key; what dies from now on is not.
UPDATE bucket SET version = %(version)s, dying = false
 WHERE tenant_id = %(tenant)s AND bucket = %(bucket)s AND version = %(was)s

-- key_add --
-- A new wrapped key.
INSERT INTO sealed_key (tenant_id, key_id, kind, bucket, version, wrapped)
VALUES (%(tenant)s, %(key)s, %(kind)s, %(bucket)s, %(version)s, %(wrapped)s)

-- keys_get --
-- Several wrapped keys at once.
SELECT key_id, kind, bucket, version, wrapped FROM sealed_key WHERE tenant_id = %(tenant)s AND key_id = ANY(%(keys)s)

-- keys_in_bucket --
-- The survivors of a bucket: what must be wrapped again when it gets a new key.
SELECT key_id, kind, wrapped FROM sealed_key
 WHERE tenant_id = %(tenant)s AND bucket = %(bucket)s ORDER BY key_id FOR UPDATE

-- key_rewrap --
-- A survivor under the new version of its bucket.
UPDATE sealed_key SET wrapped = %(wrapped)s, version = %(version)s
 WHERE tenant_id = %(tenant)s AND key_id = %(key)s

-- key_destroy --
-- The first step of a key's death: its row is gone.
DELETE FROM sealed_key WHERE tenant_id = %(tenant)s AND key_id = %(key)s

-- bucket_dies --
-- Old copies of what was destroyed in this bucket still open, until it has a new key.
UPDATE bucket SET dying = true WHERE tenant_id = %(tenant)s AND bucket = %(bucket)s

-- dying_buckets --
-- Buckets in which a key was destroyed whose old copies could still be opened.
SELECT bucket FROM bucket WHERE tenant_id = %(tenant)s AND dying ORDER BY bucket

-- all_keys --
-- Every living wrapped key of the tenant, for the check that each one opens.
SELECT key_id, kind, bucket, version, wrapped FROM sealed_key
 WHERE tenant_id = %(tenant)s ORDER BY key_id
