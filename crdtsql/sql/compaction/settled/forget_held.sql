DELETE FROM ${held}
WHERE id IN (SELECT held FROM ${settled} WHERE becomes = 'gone')
