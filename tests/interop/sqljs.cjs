// Runs statements on database files with sql.js: a line {"FILE": ["statement", ...], ...} for each time, until the input ends.
// Answers with a line {"version": ..., "errors": {"FILE": [...]}}: one entry per statement, null where it succeeded.
const fs = require("fs");
const path = require("path");
const readline = require("readline");
const folder = path.join(__dirname, "node_modules", "sql.js", "dist");
const start = require(path.join(folder, "sql-wasm.js"));

function run(SQL, jobs) {
  const answer = { version: null, errors: {} };
  for (const [file, statements] of Object.entries(jobs)) {
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
    database.close();
  }
  return answer;
}

start({ wasmBinary: fs.readFileSync(path.join(folder, "sql-wasm.wasm")) }).then(async (SQL) => {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    console.log(JSON.stringify(run(SQL, JSON.parse(line))));
  }
});
