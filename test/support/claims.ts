import { spawnSync } from "node:child_process";
import { existsSync, globSync, readFileSync, statSync } from "node:fs";
import { parseArgs } from "node:util";
import * as z from "zod";
import { judgeClaims, reportLines, unmetRequirements } from "./claim-report.ts";
import { RESULTS_FILE } from "./recorded-tests.ts";

// `npm run claims`: holds test/claims.json against the last run of all tests. That run is repeated first when there is
// none, or when a file under api/, lib/ or test/ is younger than it. `--require CM-5,CM-6.1` fails where one of those
// does not hold; `--list` names every claim that does not.
const CLAIMS_FILE = "test/claims.json";
const claimsFile = z.object({ claims: z.array(z.object({ id: z.string(), section: z.string() })) });
const resultsFile = z.array(
  z.object({
    title: z.string(),
    name: z.string(),
    file: z.string(),
    state: z.enum(["passed", "failed", "skipped", "pending"]),
  }),
);

const { values } = parseArgs({ options: { require: { type: "string" }, list: { type: "boolean" } } });
if (isStale()) spawnSync("vitest", ["run"], { stdio: ["ignore", "inherit", "inherit"] });
if (!existsSync(RESULTS_FILE)) {
  console.error("The tests left no results.");
  process.exit(1);
}
const { claims } = claimsFile.parse(JSON.parse(readFileSync(CLAIMS_FILE, "utf8")));
const verdicts = judgeClaims(claims, resultsFile.parse(JSON.parse(readFileSync(RESULTS_FILE, "utf8"))));
const unmet = unmetRequirements(verdicts, values.require?.split(",").filter(Boolean) ?? []);
if (values.list === true) {
  for (const { claim, verdict } of verdicts) if (verdict !== "holds") console.log(`${claim.id} ${verdict}`);
}
for (const line of unmet) console.error(`required: ${line}`);
for (const line of reportLines(verdicts)) console.log(line);
process.exitCode = unmet.length > 0 ? 1 : 0;

function isStale(): boolean {
  if (!existsSync(RESULTS_FILE)) return true;
  const ranAtMs = statSync(RESULTS_FILE).mtimeMs;
  return globSync("{api,lib,test}/**/*.{ts,json}").some((file) => statSync(file).mtimeMs > ranAtMs);
}
