SELECT claim.id, claim.form, dense_rank() OVER (ORDER BY ${order})
FROM temp._crdt_claim AS claim
WHERE claim.number = :number
