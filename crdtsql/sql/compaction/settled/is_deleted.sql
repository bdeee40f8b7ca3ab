EXISTS (SELECT 1 FROM ${held} AS held WHERE held.id = clock.held AND held.reason = ${reason_deleted} AND ${has_more})
