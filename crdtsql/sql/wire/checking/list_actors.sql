SELECT actor, session, run, note
FROM ${acted}
