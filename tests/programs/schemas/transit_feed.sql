-- GTFS: a public transport timetable as STRICT tables, most of them WITHOUT ROWID.
-- Written down from the General Transit Feed Specification's reference (gtfs.org), whose required fields and value ranges
-- are the checks here.
-- Simplified: fewer optional fields.

CREATE TABLE agency (
  agency_id TEXT PRIMARY KEY NOT NULL,
  agency_name TEXT NOT NULL,
  agency_url TEXT NOT NULL,
  agency_timezone TEXT NOT NULL DEFAULT 'Europe/Berlin'
) STRICT, WITHOUT ROWID;

CREATE TABLE stops (
  stop_id TEXT PRIMARY KEY NOT NULL,
  stop_name TEXT,
  stop_lat REAL CHECK (stop_lat BETWEEN -90 AND 90),
  stop_lon REAL CHECK (stop_lon BETWEEN -180 AND 180),
  location_type INTEGER NOT NULL DEFAULT 0 CHECK (location_type IN (0, 1, 2, 3, 4)),
  parent_station TEXT REFERENCES stops (stop_id) ON DELETE SET NULL ON UPDATE CASCADE,
  CHECK (location_type <> 1 OR parent_station IS NULL)
) STRICT, WITHOUT ROWID;

CREATE TABLE routes (
  route_id TEXT PRIMARY KEY NOT NULL,
  agency_id TEXT NOT NULL REFERENCES agency (agency_id) ON DELETE RESTRICT ON UPDATE CASCADE,
  route_short_name TEXT,
  route_long_name TEXT,
  route_type INTEGER NOT NULL CHECK (route_type IN (0, 1, 2, 3, 4, 5, 6, 7, 11, 12)),
  CHECK (route_short_name IS NOT NULL OR route_long_name IS NOT NULL)
) STRICT, WITHOUT ROWID;

CREATE TABLE calendar (
  service_id TEXT PRIMARY KEY NOT NULL,
  monday INTEGER NOT NULL DEFAULT 1 CHECK (monday IN (0, 1)),
  sunday INTEGER NOT NULL DEFAULT 0 CHECK (sunday IN (0, 1)),
  start_date INTEGER NOT NULL,
  end_date INTEGER NOT NULL,
  CHECK (end_date >= start_date)
) STRICT;

CREATE TABLE calendar_dates (
  service_id TEXT NOT NULL REFERENCES calendar (service_id) ON DELETE CASCADE ON UPDATE CASCADE,
  date INTEGER NOT NULL,
  exception_type INTEGER NOT NULL CHECK (exception_type IN (1, 2)),
  PRIMARY KEY (service_id, date)
) STRICT, WITHOUT ROWID;

CREATE TABLE trips (
  trip_id TEXT PRIMARY KEY NOT NULL,
  route_id TEXT NOT NULL REFERENCES routes (route_id) ON DELETE CASCADE ON UPDATE CASCADE,
  service_id TEXT NOT NULL REFERENCES calendar (service_id) ON DELETE RESTRICT,
  trip_headsign TEXT,
  direction_id INTEGER CHECK (direction_id IN (0, 1)),
  block_id TEXT
) STRICT, WITHOUT ROWID;

CREATE TABLE stop_times (
  trip_id TEXT NOT NULL REFERENCES trips (trip_id) ON DELETE CASCADE ON UPDATE CASCADE,
  stop_sequence INTEGER NOT NULL CHECK (stop_sequence >= 0),
  stop_id TEXT NOT NULL REFERENCES stops (stop_id) ON DELETE RESTRICT ON UPDATE CASCADE,
  arrival INTEGER,
  departure INTEGER,
  stop_headsign TEXT,
  PRIMARY KEY (trip_id, stop_sequence),
  CHECK (departure >= arrival)
) STRICT, WITHOUT ROWID;

CREATE TABLE transfers (
  from_stop_id TEXT NOT NULL REFERENCES stops (stop_id) ON DELETE CASCADE,
  to_stop_id TEXT NOT NULL REFERENCES stops (stop_id) ON DELETE CASCADE,
  transfer_type INTEGER NOT NULL DEFAULT 0 CHECK (transfer_type BETWEEN 0 AND 5),
  min_transfer_time INTEGER,
  PRIMARY KEY (from_stop_id, to_stop_id)
) STRICT;

CREATE TABLE feed_info (
  feed_publisher_name ANY PRIMARY KEY NOT NULL,
  feed_version ANY,
  feed_lang TEXT
) STRICT;
