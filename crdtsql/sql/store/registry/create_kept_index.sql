CREATE INDEX ${index} ON ${held} (reason) WHERE reason <> ${reason_deleted}
