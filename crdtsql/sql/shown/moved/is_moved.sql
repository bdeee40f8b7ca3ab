EXISTS (SELECT 1 FROM main.${moved} AS moved WHERE ${row_is_moved})
