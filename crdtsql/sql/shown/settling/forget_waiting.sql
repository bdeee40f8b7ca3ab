UPDATE ${held}
SET reason = ${reason_deleted}
WHERE reason <> ${reason_deleted} AND reason = ${reason_deleted_waiting}
