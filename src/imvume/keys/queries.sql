-- bucket_open --
-- The current version of a bucket, held steady for this transaction: nobody rotates it meanwhile.
SELECT version FROM bucket WHERE tenant_id = %(tenant)s AND bucket = %(bucket)s FOR SHARE

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
-- The new version becomes current.
UPDATE bucket SET version = %(version)s
 WHERE tenant_id = %(tenant)s AND bucket = %(bucket)s AND version = %(was)s

-- key_add --
-- A new wrapped key.
INSERT INTO sealed_key (tenant_id, key_id, kind, bucket, version, wrapped, made_at)
VALUES (%(tenant)s, %(key)s, %(kind)s, %(bucket)s, %(version)s, %(wrapped)s, %(at)s)

-- key_get --
-- A wrapped key, and which version of its bucket wraps it.
SELECT kind, bucket, version, wrapped FROM sealed_key WHERE tenant_id = %(tenant)s AND key_id = %(key)s

-- keys_get --
-- Several wrapped keys at once.
SELECT key_id, kind, bucket, version, wrapped FROM sealed_key WHERE tenant_id = %(tenant)s AND key_id = ANY(%(keys)s)

-- keys_in_bucket --
-- The survivors of a bucket: what must be wrapped again when it gets a new key.
SELECT key_id, kind, wrapped FROM sealed_key
 WHERE tenant_id = %(tenant)s AND bucket = %(bucket)s AND wrapped IS NOT NULL
   FOR UPDATE

-- key_rewrap --
-- A survivor under the new version of its bucket.
UPDATE sealed_key SET wrapped = %(wrapped)s, version = %(version)s
 WHERE tenant_id = %(tenant)s AND key_id = %(key)s

-- key_destroy --
-- The first step of a key's death: its row is emptied.
UPDATE sealed_key SET wrapped = NULL, destroyed_at = %(at)s
 WHERE tenant_id = %(tenant)s AND key_id = %(key)s AND wrapped IS NOT NULL

-- dying_buckets --
-- Buckets in which a key was destroyed whose old copies could still be opened.
SELECT k.bucket, b.version AS current, max(k.version) AS dying
  FROM sealed_key k JOIN bucket b USING (tenant_id, bucket)
 WHERE k.tenant_id = %(tenant)s AND k.destroyed_at IS NOT NULL AND k.final_at IS NULL
 GROUP BY k.bucket, b.version
 ORDER BY k.bucket

-- keys_final --
-- The second step: the bucket key that could open old copies of these is gone.
UPDATE sealed_key SET final_at = %(at)s
 WHERE tenant_id = %(tenant)s AND bucket = %(bucket)s AND version < %(current)s
   AND destroyed_at IS NOT NULL AND final_at IS NULL

-- all_keys --
-- Every living wrapped key of the tenant, for the check that each one opens.
SELECT key_id, kind, bucket, version, wrapped FROM sealed_key
 WHERE tenant_id = %(tenant)s AND wrapped IS NOT NULL ORDER BY key_id
