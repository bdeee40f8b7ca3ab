DELETE FROM ${parked}
WHERE col = :col AND (${keys}) NOT IN (SELECT ${keys} FROM ${clock} WHERE held IS NOT NULL)
