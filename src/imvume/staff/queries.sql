-- sign_in_add --
-- A session or a set-up link, by the hash of its token.
INSERT INTO sign_in (token_hash, kind, tenant_id, staff_id, made_at, seen_at, fresh_at, ends_at)
VALUES (%(hash)s, %(kind)s, %(tenant)s, %(staff)s, %(at)s, %(at)s, %(at)s, %(ends_at)s)

-- sign_in_find --
-- Whose token this is; asked before there is a tenant.
SELECT tenant_id, kind, ends_at FROM sign_in_of(%(hash)s)

-- session_find --
-- Who is signed in by this token; asked before there is a tenant.
SELECT * FROM session_of(%(hash)s)

-- sign_in_seen --
-- The session is in use.
UPDATE sign_in SET seen_at = %(at)s WHERE tenant_id = %(tenant)s AND token_hash = %(hash)s

-- sign_in_fresh --
-- The password was given again.
UPDATE sign_in SET fresh_at = %(at)s, seen_at = %(at)s WHERE tenant_id = %(tenant)s AND token_hash = %(hash)s

-- sign_in_end --
-- The session or the link is over.
DELETE FROM sign_in WHERE tenant_id = %(tenant)s AND token_hash = %(hash)s

-- link_take --
-- Use up a set-up link; of two who try at once, one touches a row.
DELETE FROM sign_in
 WHERE tenant_id = %(tenant)s AND token_hash = %(hash)s AND kind = 'set-up' AND ends_at > %(at)s

-- sign_in_sweep --
-- Sessions and links past their end.
DELETE FROM sign_in WHERE tenant_id = %(tenant)s AND ends_at <= %(at)s

-- staff_add --
-- A new member of staff.
INSERT INTO staff (tenant_id, staff_id, email, name, role, password, made_at)
VALUES (%(tenant)s, %(staff)s, %(email)s, %(name)s, %(role)s, %(password)s, %(at)s)

-- staff_find --
-- Who has this e-mail address; asked before there is a tenant.
SELECT tenant_id, staff_id, password FROM staff_of(%(email)s)

-- staff_password --
-- The password of one member of staff, as kept.
SELECT email, password FROM staff WHERE tenant_id = %(tenant)s AND staff_id = %(staff)s AND ended_at IS NULL

-- staff_keep --
-- Keep the password anew.
UPDATE staff SET password = %(password)s WHERE tenant_id = %(tenant)s AND staff_id = %(staff)s

-- staff_names --
-- What members of staff are called, also those who left.
SELECT staff_id, name FROM staff WHERE tenant_id = %(tenant)s AND staff_id = ANY(%(staff)s)

-- staff_count --
-- How many can sign in.
SELECT count(*) AS n FROM staff WHERE tenant_id = %(tenant)s AND ended_at IS NULL

-- attempt_lock --
-- One guess at a time for each mark, so that a thousand at once are counted one by one.
SELECT pg_advisory_xact_lock(hashtextextended(encode(%(mark)s, 'hex'), 0))

-- attempt_count --
-- How many wrong passwords in an interval, and the last of them.
SELECT count(*) AS n, max(at) AS last FROM attempt WHERE mark = %(mark)s AND at > %(since)s AND at < %(until)s

-- attempt_add --
-- Written before the password is looked at; taken back when it was right.
INSERT INTO attempt (mark, at) VALUES (%(mark)s, %(at)s)

-- attempt_clear --
-- The right password forgives the wrong ones before it.
DELETE FROM attempt WHERE mark = %(mark)s

-- attempt_clear_one --
-- Of a shared mark only this try is forgiven: one right password must not clear the way for other guesses.
DELETE FROM attempt WHERE mark = %(mark)s AND at = %(at)s

-- attempt_sweep --
-- Nobody needs to know who mistyped last week.
DELETE FROM attempt WHERE at < %(before)s

-- access_add --
-- One look, with its reason.
INSERT INTO access (tenant_id, access_id, staff_id, what, about, reason, salt, at)
VALUES (%(tenant)s, %(access)s, %(staff)s, %(what)s, %(about)s, %(reason)s, %(salt)s, %(at)s)

-- accesses --
-- Every look at one thing, oldest first.
SELECT a.access_id, a.staff_id, s.name, a.what, a.reason, a.at
  FROM access a LEFT JOIN staff s ON s.tenant_id = a.tenant_id AND s.staff_id = a.staff_id
 WHERE a.tenant_id = %(tenant)s AND a.about = %(about)s
 ORDER BY a.access_id

-- listening_find --
-- Whether this session opened this call, why, and when it was last heard.
SELECT l.heard_at, a.reason FROM listening l
  JOIN access a ON a.tenant_id = l.tenant_id AND a.access_id = l.access_id
 WHERE l.tenant_id = %(tenant)s AND l.token_hash = %(hash)s AND l.call_id = %(call)s

-- listening_put --
-- This session opens this call; again, if it was silent for long.
INSERT INTO listening (tenant_id, token_hash, call_id, access_id, heard_at)
VALUES (%(tenant)s, %(hash)s, %(call)s, %(access)s, %(at)s)
ON CONFLICT (tenant_id, token_hash, call_id) DO UPDATE SET access_id = excluded.access_id, heard_at = excluded.heard_at

-- listening_heard --
-- It is being heard; of two ranges asked for at once, one touches a row.
UPDATE listening SET heard_at = %(at)s
 WHERE tenant_id = %(tenant)s AND token_hash = %(hash)s AND call_id = %(call)s AND heard_at = %(was)s

-- accesses_after --
-- The next looks in the order of their ids, for a sweep over all.
SELECT * FROM access WHERE tenant_id = %(tenant)s AND access_id > %(after)s ORDER BY access_id LIMIT %(limit)s

-- accesses_count --
-- How many looks are written down of each of these records.
SELECT about, what, count(*) AS looks FROM access
 WHERE tenant_id = %(tenant)s AND about = ANY(%(abouts)s) GROUP BY about, what
