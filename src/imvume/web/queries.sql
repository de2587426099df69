-- matters_of --
-- Every hold that ever lay over a call, with those that ended.
SELECT DISTINCT m.matter_id, m.ref, m.reason, m.placed_at, m.released_at
  FROM held h JOIN matter m USING (tenant_id, matter_id) JOIN asset a USING (tenant_id, asset_id)
 WHERE h.tenant_id = %(tenant)s AND a.call_id = %(call)s
 ORDER BY m.placed_at

-- keys_standing --
-- How many keys live; and what was destroyed of which an old copy can still be opened, since when.
SELECT (SELECT count(*) FROM sealed_key WHERE tenant_id = %(tenant)s) AS living,
       (SELECT count(*) FROM asset WHERE tenant_id = %(tenant)s AND destroyed_at IS NOT NULL) AS destroyed,
       count(*) AS dying, min(destroyed_at) AS dying_since
  FROM asset WHERE tenant_id = %(tenant)s AND destroyed_at IS NOT NULL AND final_at IS NULL

-- call_refs --
-- What people call these calls.
SELECT call_id, ref FROM call WHERE tenant_id = %(tenant)s AND call_id = ANY(%(calls)s)
