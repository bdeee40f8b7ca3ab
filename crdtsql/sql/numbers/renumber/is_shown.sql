AND target.${column} NOT IN (SELECT old FROM temp._crdt_moved WHERE hidden)
