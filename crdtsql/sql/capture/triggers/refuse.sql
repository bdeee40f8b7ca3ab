WHEN ${condition} THEN RAISE(ABORT, ${message})
