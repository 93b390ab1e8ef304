-- Searches of an operator through the content of active prescriptions (docs/content-search.md): who searched for what,
-- why, and how far it has come. They are the audit of the searches too, so they stay as long as the history.
--
-- Nothing about a person stands here: a ReseptId names a prescription, a HER-id an organisation, and what the operator
-- writes may hold no identity number (store/content.py).
CREATE TABLE innholdssok (
    sok_id      integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    startet     timestamptz NOT NULL,
    operator    text NOT NULL,
    begrunnelse text NOT NULL,
    monster     text NOT NULL,
    anslag      bigint NOT NULL,
    neste       uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    sett        bigint NOT NULL DEFAULT 0,
    treff       bigint NOT NULL DEFAULT 0,
    ulest       bigint NOT NULL DEFAULT 0,
    endret      timestamptz NOT NULL,
    ferdig      timestamptz
);
COMMENT ON COLUMN innholdssok.anslag IS 'About how many prescriptions were active when it began';
COMMENT ON COLUMN innholdssok.neste IS 'All prescriptions with a lower ReseptId have been looked at';
COMMENT ON COLUMN innholdssok.ulest IS 'How many could not be read: they may match or not';

-- What was found; as it was found, since the prescription itself is deleted when its time is over.
CREATE TABLE innholdssok_treff (
    sok_id            integer NOT NULL REFERENCES innholdssok,
    her               text NOT NULL,
    resept_id         uuid NOT NULL,
    status            char(1) NOT NULL,
    forskrivningsdato date,
    utloper           date NOT NULL,
    PRIMARY KEY (sok_id, her, resept_id)
);
COMMENT ON COLUMN innholdssok_treff.her IS 'HER-id of who prescribed it, empty where it could not be read';
COMMENT ON COLUMN innholdssok_treff.status IS 'When it was found: E, U (E under a lock) or B';
