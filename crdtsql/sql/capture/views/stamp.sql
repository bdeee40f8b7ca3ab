ifnull(json_extract(some.value, '$[' || (cell.key + 1) || ']'), t)
