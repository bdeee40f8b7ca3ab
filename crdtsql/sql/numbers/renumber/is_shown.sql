moved.first = 0 AND NOT moved.hidden
