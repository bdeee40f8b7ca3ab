-- Home Assistant: the recorder's states, events and statistics.
-- Written down from the Home Assistant data portal's page "Understanding your database" and its table list.
-- Simplified: the columns of former versions are left out.

CREATE TABLE event_types (
  event_type_id INTEGER NOT NULL PRIMARY KEY,
  event_type VARCHAR(64)
);
CREATE UNIQUE INDEX ix_event_types_event_type ON event_types (event_type);

CREATE TABLE event_data (
  data_id INTEGER NOT NULL PRIMARY KEY,
  hash BIGINT,
  shared_data TEXT
);
CREATE INDEX ix_event_data_hash ON event_data (hash);

CREATE TABLE events (
  event_id INTEGER NOT NULL PRIMARY KEY,
  time_fired_ts FLOAT,
  data_id INTEGER REFERENCES event_data (data_id),
  context_id_bin BLOB,
  event_type_id INTEGER REFERENCES event_types (event_type_id),
  origin_note TEXT
);

CREATE TABLE states_meta (
  metadata_id INTEGER NOT NULL PRIMARY KEY,
  entity_id VARCHAR(255)
);
CREATE UNIQUE INDEX ix_states_meta_entity_id ON states_meta (entity_id);

CREATE TABLE state_attributes (
  attributes_id INTEGER NOT NULL PRIMARY KEY,
  hash BIGINT,
  shared_attrs TEXT
);

CREATE TABLE states (
  state_id INTEGER NOT NULL PRIMARY KEY,
  state VARCHAR(255),
  last_updated_ts FLOAT,
  last_changed_ts FLOAT,
  old_state_id INTEGER,
  attributes_id INTEGER,
  context_id_bin BLOB,
  metadata_id INTEGER,
  FOREIGN KEY (old_state_id) REFERENCES states (state_id),
  FOREIGN KEY (attributes_id) REFERENCES state_attributes (attributes_id),
  FOREIGN KEY (metadata_id) REFERENCES states_meta (metadata_id)
);
CREATE INDEX ix_states_metadata_id_last_updated_ts ON states (metadata_id, last_updated_ts);

CREATE TABLE statistics_meta (
  id INTEGER NOT NULL PRIMARY KEY,
  statistic_id VARCHAR(255),
  source VARCHAR(32),
  unit_of_measurement VARCHAR(255),
  has_mean BOOLEAN,
  name VARCHAR(255)
);
CREATE UNIQUE INDEX ix_statistics_meta_statistic_id ON statistics_meta (statistic_id);

CREATE TABLE statistics (
  id INTEGER NOT NULL PRIMARY KEY,
  created_ts FLOAT,
  metadata_id INTEGER REFERENCES statistics_meta (id) ON DELETE CASCADE,
  start_ts FLOAT,
  mean FLOAT,
  min FLOAT,
  max FLOAT,
  state FLOAT,
  sum FLOAT
);
CREATE UNIQUE INDEX ix_statistics_statistic_id_start_ts ON statistics (metadata_id, start_ts);

CREATE TABLE recorder_runs (
  run_id INTEGER NOT NULL PRIMARY KEY,
  start DATETIME NOT NULL,
  "end" DATETIME,
  closed_incorrectly BOOLEAN NOT NULL,
  created DATETIME NOT NULL
);

CREATE TABLE schema_changes (
  change_id INTEGER NOT NULL PRIMARY KEY,
  schema_version INTEGER,
  changed DATETIME NOT NULL
);
