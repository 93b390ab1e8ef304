-- What is registered of patients: who is responsible for their multidose, who subscribes to M8 (domain/pasientkort.py).
--
-- As in resept, nothing about a person stands in clear: `pasient` is a keyed hash, `innhold` is sealed. HER-ids are of
-- organisations: `parter` are those that M9.21 tells of the change at `endret`.
CREATE TABLE pasientkort (
    kort_id uuid PRIMARY KEY,
    pasient bytea NOT NULL UNIQUE,
    versjon integer NOT NULL CHECK (versjon >= 1),
    endret  timestamptz NOT NULL,
    parter  text[] NOT NULL,
    innhold bytea NOT NULL
) WITH (fillfactor = 85);
ALTER TABLE pasientkort ALTER COLUMN innhold SET STORAGE EXTERNAL;
CREATE INDEX pasientkort_parter ON pasientkort USING gin (parter);

-- The M25 messages that a card holds, byte for byte.
CREATE TABLE pasientkort_dokument (
    kort_id  uuid NOT NULL REFERENCES pasientkort ON DELETE CASCADE,
    msg_id   uuid NOT NULL,
    dokument bytea NOT NULL,
    PRIMARY KEY (kort_id, msg_id)
);
ALTER TABLE pasientkort_dokument ALTER COLUMN dokument SET STORAGE EXTERNAL;
