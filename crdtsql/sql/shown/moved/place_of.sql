SELECT ${moved_keys}
FROM ${clock} AS clock
JOIN main.${moved} AS moved ON moved.held = clock.held
WHERE (${clock_keys}) = (${marks})
