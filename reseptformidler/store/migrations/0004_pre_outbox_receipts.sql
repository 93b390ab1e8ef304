-- What an asynchronous message is called, and what its receiver said of it.
--
-- `melding_id` is the MsgId it is sent under: a UUID of version 7 whose time is that of `opprettet`, so that a receipt
-- finds its row by the primary key and no other index is needed. Rows of before have none.
ALTER TABLE utboks ADD COLUMN melding_id uuid;
ALTER TABLE utboks ADD COLUMN kvittert timestamptz;
ALTER TABLE utboks ADD COLUMN kvittering char(1);
COMMENT ON COLUMN utboks.kvittering IS 'Status of the AppRec that answered it (list 8258); null while none has';

-- Messages that did not arrive, or that their receiver refused: few, and an operator looks at them.
CREATE TABLE utboks_strandet (
    opprettet timestamptz NOT NULL,
    avsender  text NOT NULL,
    msg_id    uuid NOT NULL,
    lopenr    integer NOT NULL,
    tidspunkt timestamptz NOT NULL,
    arsak     text NOT NULL,
    PRIMARY KEY (opprettet, msg_id, avsender, lopenr)
);
COMMENT ON COLUMN utboks_strandet.arsak IS 'given up, or refused and the codes of the AppRec; nothing of the message';
