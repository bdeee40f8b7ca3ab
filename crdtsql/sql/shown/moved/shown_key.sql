ifnull((SELECT moved.${key} FROM main.${moved} AS moved WHERE moved.held = ${held}.id), ${held}.${key})
