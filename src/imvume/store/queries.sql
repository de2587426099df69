-- founded --
-- Whether the role and the database of a new cluster are there yet.
SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = 'imvume_app') AS role,
       EXISTS (SELECT FROM pg_database WHERE datname = 'imvume')  AS database;

-- found_role --
-- The role that everything but migrations works as. It owns nothing and sees one tenant.
CREATE ROLE imvume_app LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS;

-- found_database --
-- The one database of a house.
CREATE DATABASE imvume OWNER imvume;

-- migrate_lock --
-- One migration at a time. The session holds it, and gives it back however it ends.
SELECT pg_advisory_lock(hashtext('imvume.migrate'));

-- migrate_table --
-- Which files this database has had.
CREATE TABLE IF NOT EXISTS public.migration (
    name        text PRIMARY KEY,
    sha256      bytea NOT NULL,
    applied_at  timestamptz NOT NULL DEFAULT now()
);

-- migrate_known --
-- Whether this database has ever been migrated.
SELECT to_regclass('public.migration') IS NOT NULL AS known;

-- migrate_applied --
-- The files this database has had, and what was in them.
SELECT name, sha256 FROM public.migration ORDER BY name;

-- migrate_done --
-- Remember one file, in the transaction that applied it.
INSERT INTO public.migration (name, sha256) VALUES (%(name)s, %(sha256)s);

-- migrate_grants --
-- What the working role needs of the tables that are not made by the files.
DO $$ BEGIN
    GRANT SELECT ON public.migration TO imvume_app;
    GRANT USAGE ON SCHEMA queue TO imvume_app;
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA queue TO imvume_app;
    GRANT USAGE ON ALL SEQUENCES IN SCHEMA queue TO imvume_app;
END $$;

-- job_begun --
-- Count a beginning of a job, and compare it with the attempts that ended in order.
UPDATE queue.pgqueuer
   SET headers = jsonb_build_object('begun', coalesce((headers->>'begun')::int, 0) + 1)
 WHERE id = %(job)s
RETURNING (headers->>'begun')::int AS begun, attempts;

-- job_mend --
-- Jobs whose hour lies further ahead than any delay: the clock was set back since.
UPDATE queue.pgqueuer
   SET execute_after = least(execute_after, now()), heartbeat = least(heartbeat, now())
 WHERE (status = 'queued' AND execute_after > now() + %(delay_max)s)
    OR (status = 'picked' AND (heartbeat > now() + %(delay_max)s OR execute_after > now() + %(delay_max)s));

-- job_forget --
-- The diary of jobs that are no longer there.
DELETE FROM queue.pgqueuer_log l
 WHERE l.created < %(before)s AND NOT EXISTS (SELECT FROM queue.pgqueuer q WHERE q.id = l.job_id);

-- job_forget_counts --
-- What the diary was summed up to.
DELETE FROM queue.pgqueuer_statistics WHERE created < %(before)s;

-- jobs_waiting --
-- How much is promised and not yet kept.
SELECT count(*) AS jobs FROM queue.pgqueuer WHERE status IN ('queued', 'picked');

-- jobs_parked --
-- What was given up, with the code of the last error.
SELECT q.id AS job, q.entrypoint AS name, (q.headers->>'begun')::int AS tries, q.updated AS since,
       coalesce((SELECT l.traceback->>'exception_message' FROM queue.pgqueuer_log l
                  WHERE l.job_id = q.id AND l.traceback IS NOT NULL ORDER BY l.id DESC LIMIT 1), '') AS code
  FROM queue.pgqueuer q
 WHERE q.status = 'failed'
 ORDER BY q.updated;

-- jobs_again --
-- Put parked jobs back, forgetting how often they were tried.
UPDATE queue.pgqueuer
   SET status = 'queued', execute_after = now(), updated = now(), attempts = 0, queue_manager_id = NULL,
       headers = headers - 'begun'
 WHERE id = ANY(%(jobs)s) AND status = 'failed';

-- tenants --
-- Every tenant of this house, the oldest first.
SELECT tenant_id, name, zone, region, retention FROM tenant ORDER BY tenant_id;

-- tenant_add --
-- One more tenant.
INSERT INTO tenant (tenant_id, name, zone, region, retention, made_at)
VALUES (%(tenant_id)s, %(name)s, %(zone)s, %(region)s, %(retention)s, %(at)s);

-- sweep_open --
-- Begin a sweep, or go on with one that was left in the middle.
INSERT INTO sweep AS s (tenant_id, name, total, started_at, moved_at)
VALUES (%(tenant)s, %(name)s, %(total)s, %(at)s, %(at)s)
ON CONFLICT (tenant_id, name) DO UPDATE
   SET stop = false, moved_at = %(at)s, total = %(total)s,
       cursor       = CASE WHEN s.ended_at IS NULL THEN s.cursor ELSE '' END,
       done         = CASE WHEN s.ended_at IS NULL THEN s.done ELSE 0 END,
       started_at   = CASE WHEN s.ended_at IS NULL THEN s.started_at ELSE %(at)s END,
       leased_until = CASE WHEN s.ended_at IS NULL THEN s.leased_until END,
       ended_at     = NULL
RETURNING *;

-- sweep_standing --
-- Where a sweep stands.
SELECT * FROM sweep WHERE tenant_id = %(tenant)s AND name = %(name)s;

-- sweep_lease --
-- Take a sweep that nobody works on. A lease longer than any that is given was written before the clock was set back.
UPDATE sweep SET leased_until = %(until)s
 WHERE tenant_id = %(tenant)s AND name = %(name)s AND ended_at IS NULL AND NOT stop
   AND (leased_until IS NULL OR leased_until <= %(at)s OR leased_until > %(until)s)
RETURNING *;

-- sweep_advance --
-- Move on, if the lease is still the one that was taken.
UPDATE sweep SET cursor = %(cursor)s, done = done + %(done)s, moved_at = %(at)s, leased_until = %(until)s
 WHERE tenant_id = %(tenant)s AND name = %(name)s AND leased_until = %(was)s
RETURNING *;

-- sweep_leave --
-- Give a lease back before its end.
UPDATE sweep SET leased_until = NULL
 WHERE tenant_id = %(tenant)s AND name = %(name)s AND leased_until = %(was)s;

-- sweep_stop --
-- Ask whoever works on a sweep to stop after the slice in hand.
UPDATE sweep SET stop = true WHERE tenant_id = %(tenant)s AND name = %(name)s AND ended_at IS NULL;

-- sweep_finish --
-- The end of a sweep, told by whoever holds the lease.
UPDATE sweep SET ended_at = %(at)s, moved_at = %(at)s, leased_until = NULL
 WHERE tenant_id = %(tenant)s AND name = %(name)s AND leased_until = %(was)s
RETURNING *;

-- tenant_lock --
-- One at a time may make the first tenant.
SELECT pg_advisory_xact_lock(hashtext('imvume.tenant'));

-- clock --
-- What time the database has.
SELECT clock_timestamp() AS at;
