CREATE VIEW crdt_renumbered AS
-- Rows that are shown under another number than they were inserted under; "when" is when they were inserted.
${renumbered}
