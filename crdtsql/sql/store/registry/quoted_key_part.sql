ifnull(quote(conflict.${key}), '')
