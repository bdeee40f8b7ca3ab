UPDATE ${held}
SET ${nothing}
WHERE id IN (SELECT held FROM ${settled} WHERE becomes = 'empty')
