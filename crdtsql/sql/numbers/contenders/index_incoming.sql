CREATE INDEX IF NOT EXISTS ${image}.number_${number} ON ${row_table} (k1);

CREATE INDEX IF NOT EXISTS ${image}.claim_${number} ON ${born_table} (was);
