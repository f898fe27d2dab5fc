import { demo } from "../../lib/providers/declarations/demo.ts";
import { PROVIDERS } from "../../lib/providers/provider-list.ts";
import { markdownTable, providerRows, textTable } from "./provider-table.ts";

/** `npm run providers`: who can be called and who is, by the environment's variables; `--json`, `--markdown`. Shows no key. */
const { rows, problems } = providerRows(
  PROVIDERS.filter(({ id }) => id !== demo.id),
  process.env,
);
if (process.argv.includes("--json")) process.stdout.write(`${JSON.stringify(rows, null, 2)}\n`);
else process.stdout.write(process.argv.includes("--markdown") ? markdownTable(rows) : textTable(rows));
if (problems.length > 0) {
  process.stderr.write(`${problems.join("\n")}\n`);
  process.exitCode = 1;
}
