CREATE INDEX ${index} ON ${born} (was) WHERE was IS NOT NULL
