EXISTS (SELECT 1 FROM ${rows} AS kept WHERE ${row_is_clock})
