-- The tables of the service (docs/adr/0001–0003, 0006).
--
-- Nothing about a person stands here in clear: what is searched for is a keyed hash of 16 bytes, all else is sealed
-- (store/seal.py). Sealed values do not compress, so PostgreSQL is told not to try (STORAGE EXTERNAL).

-- Keys, wrapped by a key-encryption key that is not in the database.
CREATE TABLE nokkel (
    nokkel_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    formal    text NOT NULL CHECK (formal IN ('data', 'sok')),
    kek       text NOT NULL,
    innpakket bytea NOT NULL,
    opprettet timestamptz NOT NULL
);
CREATE UNIQUE INDEX nokkel_sok ON nokkel (formal) WHERE formal = 'sok';

-- Prescriptions, whole: never partitioned, since a list would have to look into every part.
-- fillfactor: a download changes no indexed column, so its new row version fits beside the old one (HOT).
CREATE TABLE resept (
    resept_id uuid PRIMARY KEY,
    pasient   bytea,
    refnr     bytea,
    nodsok    bytea,
    mottatt   timestamptz NOT NULL,
    lukket    timestamptz,
    las_siden timestamptz,
    versjon   integer NOT NULL CHECK (versjon >= 1),
    utloper   date NOT NULL,
    last      boolean NOT NULL,
    status    char(1) NOT NULL CHECK (status IN ('E', 'B', 'A', 'R', 'T', 'X')),
    las_her   text,
    innhold   bytea NOT NULL,
    CONSTRAINT lukket_er_avsluttet_eller_tilbakekalt CHECK ((status IN ('R', 'T')) = (lukket IS NOT NULL)),
    CONSTRAINT las_er_hel CHECK ((las_her IS NULL) = (las_siden IS NULL))
) WITH (
    fillfactor = 85,
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_insert_scale_factor = 0.02,
    autovacuum_analyze_scale_factor = 0.05
);
ALTER TABLE resept ALTER COLUMN innhold SET STORAGE EXTERNAL;

-- The active list of one patient finds its rows without a visit to the table; the others are few, and soon gone.
CREATE INDEX resept_aktiv ON resept (pasient) INCLUDE (resept_id) WHERE status = 'E' AND pasient IS NOT NULL;
CREATE INDEX resept_inaktiv ON resept (pasient) INCLUDE (resept_id) WHERE status <> 'E' AND pasient IS NOT NULL;
CREATE INDEX resept_refnr ON resept (refnr) WHERE refnr IS NOT NULL;
CREATE INDEX resept_nodsok ON resept (nodsok) WHERE nodsok IS NOT NULL;
-- For the sweep.
CREATE INDEX resept_utloper ON resept (utloper) WHERE status IN ('E', 'A', 'X');
CREATE INDEX resept_lukket ON resept (lukket) WHERE lukket IS NOT NULL;

-- The messages that live and die with a prescription, byte for byte: its M1, and every M10 that dispensed or annulled.
-- The foreign key guarantees that no copy outlives the prescription.
CREATE TABLE resept_dokument (
    resept_id    uuid NOT NULL REFERENCES resept ON DELETE CASCADE,
    msg_id       uuid NOT NULL,
    mottatt      timestamptz NOT NULL,
    annullert_av uuid,
    utlevering   bytea,
    dokument     bytea NOT NULL,
    PRIMARY KEY (resept_id, msg_id)
);
ALTER TABLE resept_dokument ALTER COLUMN utlevering SET STORAGE EXTERNAL, ALTER COLUMN dokument SET STORAGE EXTERNAL;
COMMENT ON COLUMN resept_dokument.utlevering IS 'The dispensing that the message reports; none for an M1 or an annulment';
COMMENT ON COLUMN resept_dokument.annullert_av IS 'MsgId of the M10 that annulled this dispensing';

-- Reference numbers that were issued, and the patient each is bound to once used.
CREATE TABLE refnr (
    refnr   bytea PRIMARY KEY,
    pasient bytea,
    innhold bytea NOT NULL
);

-- One row for each message of each sender while repeats are answered: what makes repeating safe.
CREATE TABLE krav (
    avsender text NOT NULL,
    msg_id   uuid NOT NULL,
    sha256   bytea NOT NULL,
    mottatt  timestamptz NOT NULL,
    gjentatt integer NOT NULL DEFAULT 0,
    PRIMARY KEY (msg_id, avsender)
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_insert_scale_factor = 0.05);
CREATE INDEX krav_mottatt ON krav (mottatt);

-- What came in and what was answered. `melding` is null where the bytes stand in resept_dokument.
-- A row that finds no partition of its time goes to the default one: a late sweep must not stop the service.
CREATE TABLE innboks (
    mottatt  timestamptz NOT NULL,
    avsender text NOT NULL,
    msg_id   uuid NOT NULL,
    type     text NOT NULL,
    godtatt  boolean NOT NULL,
    arsaker  text NOT NULL,
    melding  bytea,
    svar     bytea NOT NULL,
    PRIMARY KEY (mottatt, msg_id, avsender)
) PARTITION BY RANGE (mottatt);
ALTER TABLE innboks ALTER COLUMN melding SET STORAGE EXTERNAL, ALTER COLUMN svar SET STORAGE EXTERNAL;
CREATE TABLE innboks_default PARTITION OF innboks DEFAULT;
COMMENT ON COLUMN innboks.arsaker IS 'Codes of lists 7419 and 8221, separated by spaces';

-- One row for each version of each prescription, for ever unchanged.
CREATE TABLE historikk (
    tidspunkt timestamptz NOT NULL,
    resept_id uuid NOT NULL,
    versjon   integer NOT NULL,
    hendelse  text NOT NULL,
    fra       text NOT NULL,
    til       text NOT NULL,
    avsender  text,
    msg_id    uuid,
    PRIMARY KEY (resept_id, versjon, tidspunkt)
) PARTITION BY RANGE (tidspunkt);
CREATE TABLE historikk_default PARTITION OF historikk DEFAULT;
COMMENT ON COLUMN historikk.msg_id IS 'The message that caused it; none for the sweep';

CREATE FUNCTION historikk_er_uforanderlig() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'historikk is append-only' USING ERRCODE = 'restrict_violation'; END $$;
CREATE TRIGGER historikk_er_uforanderlig BEFORE UPDATE OR DELETE ON historikk
    FOR EACH ROW EXECUTE FUNCTION historikk_er_uforanderlig();

-- Asynchronous messages that are owed. Status: V waits, S sent, F given up.
CREATE TABLE utboks (
    opprettet           timestamptz NOT NULL,
    avsender            text NOT NULL,
    msg_id              uuid NOT NULL,
    lopenr              integer NOT NULL,
    type                text NOT NULL,
    mottaker            text NOT NULL,
    resept_id           uuid,
    ref_to_parent       text NOT NULL,
    ref_to_conversation text NOT NULL,
    status              char(1) NOT NULL DEFAULT 'V' CHECK (status IN ('V', 'S', 'F')),
    forsok              integer NOT NULL DEFAULT 0,
    neste               timestamptz NOT NULL,
    innhold             bytea NOT NULL,
    PRIMARY KEY (opprettet, msg_id, avsender, lopenr)
) PARTITION BY RANGE (opprettet);
ALTER TABLE utboks ALTER COLUMN innhold SET STORAGE EXTERNAL;
CREATE TABLE utboks_default PARTITION OF utboks DEFAULT;
CREATE INDEX utboks_venter ON utboks (neste) WHERE status = 'V';
CREATE INDEX utboks_resept ON utboks (resept_id) WHERE resept_id IS NOT NULL;
-- What an owed message is made of, where its prescription was deleted before it was delivered.
CREATE TABLE utboks_dokument (
    resept_id uuid NOT NULL,
    msg_id    uuid NOT NULL,
    dokument  bytea NOT NULL,
    PRIMARY KEY (resept_id, msg_id)
);
ALTER TABLE utboks_dokument ALTER COLUMN dokument SET STORAGE EXTERNAL;
COMMENT ON COLUMN utboks.msg_id IS 'With avsender: the message that caused it; lopenr counts what one message owes';
