// The modules of the package have the tokens of the sources, comments apart.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import ts from "typescript";

function tokens(text) {
  const printer = ts.createPrinter({ removeComments: true });
  return printer.printFile(ts.createSourceFile("module.js", text, ts.ScriptTarget.ES2022, false, ts.ScriptKind.JS)).replace(/\((\w+(?:\[\d+\])?)\)/g, "($1)");
}

const names = readdirSync("source").filter((name) => name.endsWith(".js"));
for (const name of names) {
  assert.equal(tokens(readFileSync(`node_modules/wizard-client/${name}`, "utf8")), tokens(readFileSync(`source/${name}`, "utf8")), name);
}
console.log(`as expected: ${names.length} modules`);
