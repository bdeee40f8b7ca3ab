CREATE INDEX ${index} ON ${held} (reason) WHERE reason <> 'deleted'
