ALTER TABLE ${old} RENAME TO ${new}
