ALTER TABLE _crdt_table ADD COLUMN uid TEXT;

ALTER TABLE _crdt_table ADD COLUMN columns TEXT;

ALTER TABLE _crdt_column ADD COLUMN uid TEXT;

ALTER TABLE _crdt_column ADD COLUMN dropped INTEGER NOT NULL DEFAULT 0;

UPDATE _crdt_table SET uid = lower(name);

UPDATE _crdt_column SET uid = lower(name)
