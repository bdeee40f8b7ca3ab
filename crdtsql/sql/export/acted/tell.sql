INSERT INTO ${image}.acted (site, since, upto, actor, session, run, note)
SELECT known.site, known.since, min(known.upto, site.upto), known.actor, known.session, known.run, known.note
${lacked}
