DROP VIEW IF EXISTS crdt_renumbered;
