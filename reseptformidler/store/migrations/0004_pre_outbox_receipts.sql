-- What an asynchronous message is called, what became of it, and what its receiver said of it.
--
-- `melding_id` is the MsgId it is sent under: a UUID of version 7 whose time is that of `opprettet`, so that a receipt
-- finds its row by the primary key and no other index is needed. Rows of before have none.
ALTER TABLE utboks ADD COLUMN melding_id uuid;
ALTER TABLE utboks ADD COLUMN kvittert timestamptz;
ALTER TABLE utboks ADD COLUMN kvittering char(1);
ALTER TABLE utboks ADD COLUMN arsak text;
ALTER TABLE utboks ADD COLUMN frist timestamptz;
COMMENT ON COLUMN utboks.kvittering IS 'Status of the AppRec that answered it (list 8258); null while none has';
COMMENT ON COLUMN utboks.arsak IS 'Why the last attempt failed: a status, a kind of error; nothing of the message';
COMMENT ON COLUMN utboks.frist IS 'Until when it is tried, once an operator sent it again; null: by its age';
COMMENT ON COLUMN utboks.status IS 'V waits, S has arrived, F is stranded: given up or refused';

-- Messages that were given up, or that their receiver refused: few, and an operator looks at them.
CREATE TABLE utboks_strandet (
    opprettet timestamptz NOT NULL,
    avsender  text NOT NULL,
    msg_id    uuid NOT NULL,
    lopenr    integer NOT NULL,
    tidspunkt timestamptz NOT NULL,
    arsak     text NOT NULL,
    PRIMARY KEY (opprettet, msg_id, avsender, lopenr)
);
COMMENT ON COLUMN utboks_strandet.arsak IS 'The last cause, or refused and the codes of the AppRec; nothing of the message';
