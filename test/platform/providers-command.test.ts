import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { PROVIDERS } from "../../lib/providers/provider-list.ts";

const CANARY = "hf-canary-7429";

/** `npm run providers` without npm: a failure's exit code and output like a success's. */
async function run(environment: Readonly<Record<string, string>>, ...options: readonly string[]) {
  const env = { PATH: process.env["PATH"], ...environment };
  const command = promisify(execFile)(process.execPath, ["api/_node/providers.ts", ...options], { env });
  const { code = 0, stdout, stderr } = await command.catch((error: unknown) => Object(error));
  return { code, stdout: String(stdout), stderr: String(stderr) };
}

test("CM-18.1 npm run providers lists every provider in columns, and who takes part", async () => {
  const { code, stdout, stderr } = await run({ HF_TOKEN: CANARY, OLLAMA_BASE_URL: "http://127.0.0.1:11434/v1" });
  expect([code, stderr]).toEqual([0, ""]);
  const [head = "", ...lines] = stdout.split("\n");
  const rows = lines.slice(0, lines.indexOf(""));
  expect(rows.map((row) => row.split(/\s/)[0])).toEqual(
    PROVIDERS.flatMap(({ id }) => (id === "gangway" ? [] : [id])).toSorted(),
  );
  expect(rows.length).toBeGreaterThanOrEqual(30);
  // Aligned: each column begins where its heading does.
  for (const heading of ["WIRE", "CONFIGURED", "KEY", "CAPABILITIES"]) {
    const at = head.indexOf(heading);
    for (const row of rows) expect(row.slice(at - 2, at + 1)).toMatch(/^ {2}\S$/);
  }
  const there = rows.filter((row) => /\syes\s/.test(row)).map((row) => row.split(/\s/)[0]);
  expect(there).toEqual(["huggingface", "ollama"]);
  expect(stdout).toContain(`${rows.length} providers, 2 configured`);
  expect(stdout).not.toContain(CANARY);
});

test("npm run providers -- --json is for programs, and has no key in it", async () => {
  const { code, stdout } = await run({ HF_TOKEN: CANARY }, "--json");
  expect(code).toBe(0);
  const rows: readonly { readonly slug: string; readonly configured: boolean }[] = JSON.parse(stdout);
  expect(rows.find(({ slug }) => slug === "huggingface")).toMatchObject({
    wires: ["openai"],
    keyVariable: "HUGGINGFACE_API_KEY",
    alsoKeyVariables: ["HF_TOKEN", "HUG_API_KEY"],
    aliases: ["hug"],
    configured: true,
  });
  expect(rows.filter(({ configured }) => configured)).toHaveLength(1);
  expect(stdout).not.toContain(CANARY);
});

test("a malformed variable is told, not shown, and ends it with 1", async () => {
  const { code, stdout, stderr } = await run({ GROQ_API_KEY: `${CANARY} x`, OPENAI_BASE_URL: CANARY });
  expect([code, stderr]).toEqual([
    1,
    "OPENAI_BASE_URL must be: an http or https URL\nGROQ_API_KEY must be: printable characters without spaces\n",
  ]);
  expect(stdout + stderr).not.toContain(CANARY);
});
