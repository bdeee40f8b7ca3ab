INSERT INTO ${image}.acted (site, since, upto, actor, session, run, note)
SELECT known.site, known.since, known.upto, known.actor, known.session, known.run, known.note
${lacked}
