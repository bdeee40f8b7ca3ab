SELECT DISTINCT foretold.uid, foretold.site, foretold.number
FROM ${rows} AS sent
JOIN main._crdt_foretold AS foretold ON foretold.id = sent.${key}
