// Runs statements on database files with sql.js: node sqljs.cjs < {"FILE": ["statement", ...], ...}
// Prints {"version": ..., "errors": {"FILE": [...]}}: one entry per statement, null where it succeeded.
const fs = require("fs");
const path = require("path");
const folder = path.join(__dirname, "node_modules", "sql.js", "dist");
const start = require(path.join(folder, "sql-wasm.js"));

start({ wasmBinary: fs.readFileSync(path.join(folder, "sql-wasm.wasm")) }).then((SQL) => {
  const answer = { version: null, errors: {} };
  for (const [file, statements] of Object.entries(JSON.parse(fs.readFileSync(0, "utf8")))) {
    const database = new SQL.Database(fs.readFileSync(file));
    answer.version = database.exec("SELECT sqlite_version()")[0].values[0][0];
    answer.errors[file] = statements.map((statement) => {
      try {
        database.exec(statement);
        return null;
      } catch (error) {
        return error.message;
      }
    });
    fs.writeFileSync(file, Buffer.from(database.export()));
  }
  console.log(JSON.stringify(answer));
});
