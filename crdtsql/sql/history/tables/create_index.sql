CREATE INDEX ${index} ON ${history} (${keys})
