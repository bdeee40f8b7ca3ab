INSERT INTO _crdt_conflict (id, tbl, col, won_t, won_s, won, lost_t, lost_s, lost, took, ${keys})
VALUES (?, ?, ?, ?, ?, ${won}, ?, ?, ${lost}, ?, ${key_values})
