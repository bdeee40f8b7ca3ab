SELECT claim.id, claim.form, dense_rank() OVER (ORDER BY ${order})
FROM ${claims} AS claim
WHERE claim.number = :number
