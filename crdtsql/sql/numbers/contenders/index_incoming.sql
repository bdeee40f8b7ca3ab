CREATE INDEX ${image}.number_${number} ON ${row_table} (k1);

CREATE INDEX ${image}.claim_${number} ON ${born_table} (was);
