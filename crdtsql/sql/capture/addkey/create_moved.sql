CREATE TABLE ${moved} (${columns})
