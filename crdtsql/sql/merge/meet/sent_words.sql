SELECT DISTINCT ${words} FROM ${image}.${row_table}
