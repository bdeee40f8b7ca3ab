CREATE INDEX ${index} ON ${clock} (seq) WHERE seq IS NOT NULL
