CREATE VIEW crdt_revision AS
-- What the last write of each row is called in this file, those included that wait in the log; rows that nobody wrote since their table was enabled have none.
${revisions}
