-- The spine: tenants, keys, evidence, people, staff, calls, the archive.
--
-- Two roles. The owner (who runs this) owns the tables. `imvume_app` works in them: it owns
-- nothing, sees one tenant at a time by row-level security, and may not change or remove evidence.

CREATE FUNCTION tenant_now() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT nullif(current_setting('imvume.tenant', true), '')::uuid $$;
COMMENT ON FUNCTION tenant_now() IS 'The tenant of this transaction, or null.';

-- Tenants -------------------------------------------------------------------------------------

CREATE TABLE tenant (
    tenant_id   uuid PRIMARY KEY,
    name        text NOT NULL,
    zone        text NOT NULL DEFAULT 'Africa/Johannesburg',
    region      text NOT NULL DEFAULT 'ZA',
    retention   text NOT NULL DEFAULT 'fais-service',
    made_at     timestamptz NOT NULL
);
COMMENT ON TABLE tenant IS 'A responsible party (POPIA s 1).';

-- Keys ----------------------------------------------------------------------------------------

CREATE TABLE bucket (
    tenant_id   uuid NOT NULL REFERENCES tenant,
    bucket      int  NOT NULL,
    version     int  NOT NULL,
    dying       boolean NOT NULL DEFAULT false,
    PRIMARY KEY (tenant_id, bucket)
);
COMMENT ON TABLE bucket IS 'Which version of a bucket key is current. The key itself is on the shelf, never here.';

CREATE TABLE sealed_key (
    tenant_id     uuid NOT NULL REFERENCES tenant,
    key_id        uuid NOT NULL,
    kind          text NOT NULL CHECK (kind IN ('subject', 'epoch', 'matter')),
    bucket        int  NOT NULL,
    version       int  NOT NULL,
    wrapped       bytea NOT NULL,
    PRIMARY KEY (tenant_id, key_id)
);
COMMENT ON TABLE sealed_key IS 'Living subject, epoch and matter keys, wrapped under a bucket key.';
COMMENT ON COLUMN bucket.dying IS 'a key was destroyed in it since it was given its own: old copies of that key still open';
CREATE INDEX sealed_key_bucket ON sealed_key (tenant_id, bucket);

-- Evidence ------------------------------------------------------------------------------------

CREATE TABLE entry_pending (
    tenant_id   uuid NOT NULL,  -- no reference: every entry of a tenant would lock the one row of that tenant
    entry_id    uuid NOT NULL,
    xid         xid8 NOT NULL DEFAULT pg_current_xact_id(),
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    type        text NOT NULL,
    about       uuid NOT NULL,
    body        bytea NOT NULL CHECK (octet_length(body) BETWEEN 1 AND 65535),
    PRIMARY KEY (tenant_id, xid, entry_id)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_cost_delay = 0);
COMMENT ON TABLE entry_pending IS 'Entries committed and not yet given their place; emptied about once a second.';
COMMENT ON COLUMN entry_pending.xid IS 'the transaction that wrote it; it gets its place once every older one has ended';

CREATE TABLE entry (
    tenant_id   uuid NOT NULL,
    idx         bigint NOT NULL CHECK (idx >= 0),
    entry_id    uuid NOT NULL,
    type        text NOT NULL,
    about       uuid NOT NULL,
    body        bytea NOT NULL,
    PRIMARY KEY (tenant_id, idx)
);
COMMENT ON TABLE entry IS 'The log. Rows are only ever added; the body is the leaf of RFC 6962.';
CREATE INDEX entry_about ON entry (tenant_id, about, idx);
CREATE UNIQUE INDEX entry_once ON entry (tenant_id, entry_id);

CREATE TABLE tile (
    tenant_id   uuid NOT NULL,
    level       smallint NOT NULL CHECK (level BETWEEN 0 AND 7),
    n           bigint NOT NULL CHECK (n >= 0),
    hashes      bytea NOT NULL CHECK (octet_length(hashes) BETWEEN 32 AND 8192 AND octet_length(hashes) % 32 = 0),
    PRIMARY KEY (tenant_id, level, n)
);
ALTER TABLE tile ALTER hashes SET STORAGE EXTERNAL;  -- hashes do not compress; do not try
COMMENT ON TABLE tile IS 'Merkle tiles (C2SP tlog-tiles): up to 256 hashes of 32 bytes.';

CREATE FUNCTION tile_grows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.tenant_id, NEW.level, NEW.n) IS DISTINCT FROM (OLD.tenant_id, OLD.level, OLD.n)
       OR substring(NEW.hashes FROM 1 FOR octet_length(OLD.hashes)) <> OLD.hashes THEN
        RAISE EXCEPTION 'a tile only grows' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER tile_grows BEFORE UPDATE ON tile FOR EACH ROW EXECUTE FUNCTION tile_grows();

CREATE TABLE checkpoint (
    tenant_id   uuid NOT NULL,
    size        bigint NOT NULL CHECK (size > 0),
    since       bigint NOT NULL CHECK (since >= 0),
    note        text NOT NULL,
    made_at     timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, size),
    CHECK (since < size)
);
COMMENT ON TABLE checkpoint IS 'Signed tree heads (C2SP tlog-checkpoint).';
COMMENT ON COLUMN checkpoint.since IS 'the size of the checkpoint before it, so that one taken out is missed';
COMMENT ON COLUMN checkpoint.made_at IS 'the second at which it was signed, which the note holds too, signed';

CREATE TABLE time_stamp (
    tenant_id   uuid NOT NULL,
    stamp_id    uuid NOT NULL,
    size        bigint NOT NULL,
    authority   text NOT NULL,
    token       bytea NOT NULL,
    stamped_at  timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, stamp_id)
);
COMMENT ON TABLE time_stamp IS 'RFC 3161 answers over the note of a checkpoint; a log.stamped entry commits to each.';
CREATE UNIQUE INDEX time_stamp_once ON time_stamp (tenant_id, size, authority);

-- Data subjects -------------------------------------------------------------------------------

CREATE TABLE data_subject (
    tenant_id   uuid NOT NULL,
    subject_id  uuid NOT NULL,
    key_id      uuid,
    PRIMARY KEY (tenant_id, subject_id),
    FOREIGN KEY (tenant_id, key_id) REFERENCES sealed_key
);
-- Without it every key that is destroyed reads all data subjects, to see that none of them still has it.
CREATE INDEX data_subject_key ON data_subject (tenant_id, key_id) WHERE key_id IS NOT NULL;
COMMENT ON TABLE data_subject IS 'A person or company that calls are about (POPIA s 1), under a random id.';
COMMENT ON COLUMN data_subject.key_id IS 'null once the data subject was erased';

CREATE TABLE identifier (
    tenant_id   uuid NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('phone', 'extension', 'email', 'id-number', 'account')),
    lookup      bytea NOT NULL,
    subject_id  uuid NOT NULL,
    sealed      bytea NOT NULL,
    PRIMARY KEY (tenant_id, kind, lookup),
    FOREIGN KEY (tenant_id, subject_id) REFERENCES data_subject
);
COMMENT ON COLUMN identifier.lookup IS 'personal: keyed hash (HMAC-SHA256, 16 bytes) of the identifier; the key is not in the database';
COMMENT ON COLUMN identifier.sealed IS 'personal: the identifier, encrypted under the subject''s key';
CREATE INDEX identifier_subject ON identifier (tenant_id, subject_id);

-- Staff ---------------------------------------------------------------------------------------

CREATE TABLE staff (
    tenant_id   uuid NOT NULL REFERENCES tenant,
    staff_id    uuid NOT NULL,
    email       text NOT NULL,
    name        text NOT NULL,
    role        text NOT NULL CHECK (role IN
                  ('information-officer', 'deputy', 'supervisor', 'agent', 'auditor', 'administrator')),
    password    text,
    made_at     timestamptz NOT NULL,
    ended_at    timestamptz,
    PRIMARY KEY (tenant_id, staff_id)
);
COMMENT ON COLUMN staff.email IS 'personal: how a member of staff signs in';
COMMENT ON COLUMN staff.name IS 'personal: how a member of staff is shown';
CREATE UNIQUE INDEX staff_email ON staff (lower(email)) WHERE ended_at IS NULL;

CREATE TABLE sign_in (
    token_hash  bytea PRIMARY KEY,
    kind        text NOT NULL CHECK (kind IN ('set-up', 'session')),
    tenant_id   uuid NOT NULL REFERENCES tenant,
    staff_id    uuid,
    made_at     timestamptz NOT NULL,
    seen_at     timestamptz NOT NULL,
    fresh_at    timestamptz NOT NULL,
    ends_at     timestamptz NOT NULL
);
COMMENT ON TABLE sign_in IS 'Open sessions and unused set-up links, by the SHA-256 of their token.';

CREATE TABLE attempt (
    mark        bytea NOT NULL,
    at          timestamptz NOT NULL
);
COMMENT ON TABLE attempt IS 'Failed sign-ins, by a keyed hash of who tried; for the brake, removed after a day.';
CREATE INDEX attempt_mark ON attempt (mark, at);

CREATE TABLE access (
    tenant_id   uuid NOT NULL,
    access_id   uuid NOT NULL,
    staff_id    uuid,
    what        text NOT NULL,
    about       uuid NOT NULL,
    reason      text NOT NULL,
    salt        bytea NOT NULL,
    at          timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, access_id)
);
COMMENT ON TABLE access IS 'Every look: who heard, exported, held or destroyed what, when and why.';
COMMENT ON COLUMN access.reason IS 'personal: the reason as the member of staff wrote it';
CREATE INDEX access_about ON access (tenant_id, about, access_id);

CREATE TABLE listening (
    tenant_id   uuid NOT NULL,
    token_hash  bytea NOT NULL REFERENCES sign_in ON DELETE CASCADE,
    call_id     uuid NOT NULL,
    access_id   uuid NOT NULL,
    heard_at    timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, token_hash, call_id),
    FOREIGN KEY (tenant_id, access_id) REFERENCES access
);
COMMENT ON TABLE listening IS 'Which session opened which recording: one reason a session, one look a listening, however many ranges are read.';
CREATE INDEX listening_sign_in ON listening (token_hash);

-- Calls, by month: the id of a call is a UUIDv7 of its start ------------------------------------

CREATE TABLE call (
    tenant_id    uuid NOT NULL,
    call_id      uuid NOT NULL,
    ref          text NOT NULL,
    source       text NOT NULL,
    source_ref   text NOT NULL,
    started_at   timestamptz NOT NULL,
    answered_at  timestamptz,
    ended_at     timestamptz,
    direction    text CHECK (direction IN ('in', 'out', 'internal')),
    queue        text,
    campaign     text,
    disposition  text,
    retention    text NOT NULL,
    salt         bytea NOT NULL,
    PRIMARY KEY (tenant_id, call_id)
) PARTITION BY RANGE (call_id);
COMMENT ON TABLE call IS 'One conversation, as the PBX reported it.';
CREATE INDEX call_ref ON call (tenant_id, ref);
-- A filter that nothing matches must not read every call there is: 2 to 11 s over 10 million without these.
CREATE INDEX call_queue ON call (tenant_id, queue, call_id) WHERE queue IS NOT NULL;
CREATE INDEX call_campaign ON call (tenant_id, campaign, call_id) WHERE campaign IS NOT NULL;
CREATE INDEX call_disposition ON call (tenant_id, disposition, call_id) WHERE disposition IS NOT NULL;

CREATE TABLE participant (
    tenant_id    uuid NOT NULL,
    call_id      uuid NOT NULL,
    no           smallint NOT NULL,
    role         text NOT NULL CHECK (role IN ('caller', 'agent', 'other')),
    kind         text NOT NULL,
    subject_id   uuid,
    lookup       bytea,
    PRIMARY KEY (tenant_id, call_id, no)
) PARTITION BY RANGE (call_id);
COMMENT ON TABLE participant IS 'Who was on a call. A withheld number has no subject.';
COMMENT ON COLUMN participant.lookup IS 'personal: the keyed hash of the identifier, so that a call is found by a full number';
CREATE INDEX participant_lookup ON participant (tenant_id, lookup, call_id);
CREATE INDEX participant_subject ON participant (tenant_id, subject_id, call_id);

CREATE TABLE call_source (
    tenant_id    uuid NOT NULL,
    source       text NOT NULL,
    source_ref   text NOT NULL,
    call_id      uuid NOT NULL,
    PRIMARY KEY (tenant_id, source, source_ref)
);
COMMENT ON TABLE call_source IS 'A call of a PBX is brought in once, however often it is seen.';

CREATE TABLE taken_file (
    tenant_id    uuid NOT NULL,
    mark         bytea NOT NULL,
    content      bytea NOT NULL,
    call_id      uuid NOT NULL,
    taken_at     timestamptz NOT NULL,
    seal         bytea NOT NULL,
    PRIMARY KEY (tenant_id, mark)
);
COMMENT ON COLUMN taken_file.seal IS 'a keyed hash of the row, so that one that was changed is noticed';
COMMENT ON TABLE taken_file IS 'A recording file is taken once: a keyed hash of where it lay, its size and its time, and one of its content.';
CREATE INDEX taken_file_content ON taken_file (tenant_id, content);

-- The archive ---------------------------------------------------------------------------------

CREATE TABLE epoch (
    tenant_id    uuid NOT NULL,
    epoch_id     uuid NOT NULL,
    class        text NOT NULL,
    month        date NOT NULL,
    key_id       uuid,
    ended_at     timestamptz,
    PRIMARY KEY (tenant_id, epoch_id),
    FOREIGN KEY (tenant_id, key_id) REFERENCES sealed_key,
    CHECK ((key_id IS NULL) = (ended_at IS NOT NULL))
);
COMMENT ON TABLE epoch IS 'Assets of one retention class that end in one month share an epoch key.';
CREATE UNIQUE INDEX epoch_open ON epoch (tenant_id, class, month) WHERE ended_at IS NULL;

CREATE TABLE asset (
    tenant_id    uuid NOT NULL,
    asset_id     uuid NOT NULL,
    call_id      uuid NOT NULL,
    kind         text NOT NULL CHECK (kind IN ('leg', 'mix', 'waveform')),
    role         text NOT NULL CHECK (role IN ('caller', 'agent', 'both')),
    of_asset     uuid,
    subject_id   uuid,
    suite        smallint NOT NULL,
    codec        text NOT NULL,
    rate         int NOT NULL,
    channels     smallint NOT NULL,
    frames       bigint NOT NULL,
    size         bigint NOT NULL,
    digest       bytea NOT NULL,
    inline       bytea,
    origin       bytea,
    origin_mark  bytea NOT NULL,
    salt         bytea NOT NULL,
    class        text NOT NULL,
    keep_until   date NOT NULL,
    epoch_id     uuid,
    wrapped      bytea,
    sealed_at    timestamptz NOT NULL,
    destroyed_at timestamptz,
    final_at     timestamptz,
    PRIMARY KEY (tenant_id, asset_id),
    FOREIGN KEY (tenant_id, epoch_id) REFERENCES epoch
);
COMMENT ON TABLE asset IS 'One sealed thing under its own key: a leg, a mix, a waveform.';
COMMENT ON COLUMN asset.digest IS 'SHA-256 of the ciphertext';
COMMENT ON COLUMN asset.inline IS 'personal: the ciphertext itself, where it is too small to be an object of its own';
COMMENT ON COLUMN asset.origin IS 'personal: what it was before it was sealed (file name, digests), encrypted under the asset''s own key';
COMMENT ON COLUMN asset.origin_mark IS 'a commitment to the origin under a salt inside it: noise once the origin is gone';
COMMENT ON COLUMN asset.epoch_id IS 'null once its destruction is final';
COMMENT ON COLUMN asset.wrapped IS 'the asset key, wrapped under keys derived of the epoch''s and the subject''s';
CREATE INDEX asset_call ON asset (tenant_id, call_id);
CREATE INDEX asset_subject ON asset (tenant_id, subject_id) WHERE destroyed_at IS NULL;
CREATE INDEX asset_due ON asset (tenant_id, keep_until) WHERE destroyed_at IS NULL;
CREATE INDEX asset_epoch ON asset (tenant_id, epoch_id);
CREATE INDEX asset_dying ON asset (tenant_id, epoch_id) WHERE destroyed_at IS NOT NULL AND final_at IS NULL;

CREATE TABLE matter (
    tenant_id    uuid NOT NULL,
    matter_id    uuid NOT NULL,
    ref          text NOT NULL,
    reason       text NOT NULL,
    salt         bytea NOT NULL,
    key_id       uuid,
    placed_by    uuid,
    placed_at    timestamptz NOT NULL,
    released_at  timestamptz,
    PRIMARY KEY (tenant_id, matter_id),
    FOREIGN KEY (tenant_id, key_id) REFERENCES sealed_key,
    CHECK ((key_id IS NULL) = (released_at IS NOT NULL))
);
COMMENT ON TABLE matter IS 'A legal hold: what is under it stays openable through its key, whatever else ends.';
COMMENT ON COLUMN matter.reason IS 'personal: why the hold was placed, as written';

CREATE TABLE held (
    tenant_id    uuid NOT NULL,
    matter_id    uuid NOT NULL,
    asset_id     uuid NOT NULL,
    wrapped      bytea,
    PRIMARY KEY (tenant_id, matter_id, asset_id),
    FOREIGN KEY (tenant_id, matter_id) REFERENCES matter,
    FOREIGN KEY (tenant_id, asset_id) REFERENCES asset
);
COMMENT ON TABLE held IS 'The extra wrap of an asset key under a matter key.';
CREATE INDEX held_asset ON held (tenant_id, asset_id);

CREATE TABLE destruction (
    tenant_id      uuid NOT NULL,
    destruction_id uuid NOT NULL,
    call_id        uuid NOT NULL,
    ground         text NOT NULL,
    reason         text NOT NULL,
    salt           bytea NOT NULL,
    asked_by       uuid,
    asked_at       timestamptz NOT NULL,
    destroyed_at   timestamptz,
    final_at       timestamptz,
    PRIMARY KEY (tenant_id, destruction_id)
);
COMMENT ON TABLE destruction IS 'That a recording is to be destroyed, has been, and since when no copy of it can be opened.';
COMMENT ON COLUMN destruction.reason IS 'personal: the reason as written';
CREATE UNIQUE INDEX destruction_once ON destruction (tenant_id, call_id) WHERE destroyed_at IS NULL;
CREATE INDEX destruction_call ON destruction (tenant_id, call_id);
CREATE INDEX destruction_asked ON destruction (tenant_id, asked_at);
CREATE INDEX destruction_open ON destruction (tenant_id) WHERE final_at IS NULL;

-- Work in ranges ------------------------------------------------------------------------------

CREATE TABLE sweep (
    tenant_id    uuid NOT NULL REFERENCES tenant,
    name         text NOT NULL,
    cursor       text NOT NULL DEFAULT '',
    done         bigint NOT NULL DEFAULT 0,
    total        bigint NOT NULL DEFAULT 0,
    started_at   timestamptz NOT NULL,
    moved_at     timestamptz NOT NULL,
    ended_at     timestamptz,
    leased_until timestamptz,
    stop         boolean NOT NULL DEFAULT false,
    PRIMARY KEY (tenant_id, name)
);
COMMENT ON TABLE sweep IS 'A long work over many records: where it stands, so that it can be stopped and goes on.';

-- Months --------------------------------------------------------------------------------------

CREATE FUNCTION open_month(month date) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE
    first date := date_trunc('month', month)::date;
    -- The first 48 bits of a UUIDv7 are milliseconds since 1970.
    low   uuid := (lpad(to_hex((extract(epoch FROM first) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid;
    high  uuid := (lpad(to_hex((extract(epoch FROM (first + interval '1 month')) * 1000)::bigint), 12, '0')
                   || repeat('0', 20))::uuid;
    part  text;
BEGIN
    -- Outside of these years the names of two months, or the first bits of two ids, would be the same.
    IF month IS NULL OR month < '1970-01-01' OR month >= '10000-01-01' THEN
        RAISE EXCEPTION 'no call was in that month' USING ERRCODE = 'datetime_field_overflow';
    END IF;
    IF to_regclass(format('call_%s', to_char(first, 'YYYYMM'))) IS NOT NULL THEN RETURN; END IF;
    PERFORM pg_advisory_xact_lock(hashtext('imvume.open_month'));
    FOREACH part IN ARRAY ARRAY['call', 'participant'] LOOP
        EXECUTE format('CREATE TABLE IF NOT EXISTS %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)',
                       part || '_' || to_char(first, 'YYYYMM'), part, low, high);
    END LOOP;
END $$;
COMMENT ON FUNCTION open_month(date) IS 'Makes room for the calls of a month, once.';

-- Who comes in by a token has no tenant yet; these four look, and tell no more than they must. ---

CREATE FUNCTION sign_in_of(hash bytea) RETURNS SETOF sign_in LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = public, pg_temp AS $$ SELECT * FROM sign_in WHERE token_hash = hash $$;

CREATE FUNCTION session_of(hash bytea) RETURNS TABLE (
    tenant_id uuid, tenant_name text, zone text, staff_id uuid, name text, role text,
    made_at timestamptz, seen_at timestamptz, fresh_at timestamptz, ends_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS
$$ SELECT t.tenant_id, t.name, t.zone, s.staff_id, s.name, s.role, i.made_at, i.seen_at, i.fresh_at, i.ends_at
     FROM sign_in i
     JOIN staff s ON s.tenant_id = i.tenant_id AND s.staff_id = i.staff_id AND s.ended_at IS NULL
     JOIN tenant t ON t.tenant_id = i.tenant_id
    WHERE i.token_hash = hash AND i.kind = 'session' $$;

CREATE FUNCTION staff_of(mail text) RETURNS TABLE (tenant_id uuid, staff_id uuid, password text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS
$$ SELECT tenant_id, staff_id, password FROM staff WHERE lower(email) = lower(mail) AND ended_at IS NULL $$;

-- Row-level security: the second wall ----------------------------------------------------------

DO $$
DECLARE
    name text;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'imvume_app') THEN
        CREATE ROLE imvume_app NOLOGIN;
    END IF;
    GRANT USAGE ON SCHEMA public TO imvume_app;
    FOR name IN
        SELECT table_name FROM information_schema.columns
         WHERE table_schema = 'public' AND column_name = 'tenant_id' AND table_name <> 'tenant'
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY own_tenant ON %I TO imvume_app
                        USING (tenant_id = tenant_now()) WITH CHECK (tenant_id = tenant_now())', name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO imvume_app', name);
    END LOOP;
END $$;

-- Whoever has no tenant yet sees the list of them and may add one; whoever has one sees and changes its own alone.
ALTER TABLE tenant ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON tenant TO imvume_app USING (tenant_id = tenant_now()) WITH CHECK (tenant_id = tenant_now());
CREATE POLICY every_tenant ON tenant FOR SELECT TO imvume_app USING (tenant_now() IS NULL);
CREATE POLICY new_tenant ON tenant FOR INSERT TO imvume_app WITH CHECK (tenant_now() IS NULL);

-- The log is only ever added to; nor is what was signed over it ever changed.
REVOKE UPDATE, DELETE ON entry, checkpoint, time_stamp FROM imvume_app;
REVOKE DELETE ON tile FROM imvume_app;
REVOKE UPDATE ON entry_pending FROM imvume_app;
GRANT SELECT, INSERT, UPDATE ON tenant TO imvume_app;
GRANT SELECT, INSERT, DELETE ON attempt TO imvume_app;
REVOKE ALL ON FUNCTION open_month(date), sign_in_of(bytea), session_of(bytea), staff_of(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION open_month(date), sign_in_of(bytea), session_of(bytea), staff_of(text) TO imvume_app;
