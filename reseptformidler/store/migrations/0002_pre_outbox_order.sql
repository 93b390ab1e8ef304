-- The order of what is owed. `opprettet` is the clock of one process among many, so it orders nothing; `plass` is drawn
-- while the row of the prescription is locked, so what one prescription owes is numbered in the order of its changes.
--
-- First without a default, then the default alone: neither touches a row. Rows of before stay null, and come first.
-- The sequence has no cache: a session that keeps numbers for later would number its later rows too low.
ALTER TABLE utboks ADD COLUMN plass bigint;
CREATE SEQUENCE utboks_plass_seq AS bigint OWNED BY utboks.plass;
ALTER TABLE utboks ALTER COLUMN plass SET DEFAULT nextval('utboks_plass_seq');
COMMENT ON COLUMN utboks.plass IS 'Order among the messages that one prescription owes; null, the lowest, before 0002';
