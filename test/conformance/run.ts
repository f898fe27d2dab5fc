import { parseArgs } from "node:util";
import { closingLines, lineOf, scoreOf } from "./gateway/report.ts";
import { runChecks } from "./gateway/run-checks.ts";
import type { Target } from "./gateway/target.ts";

const USAGE = `Checks what clients rely on at an OpenAI- or Anthropic-compatible gateway. It spends a few cents of credit.

  npx tsx test/conformance/run.ts --base-url https://gateway.example/v1 --key sk-...
  node test/conformance/run.ts ...          (Node 22.18 or newer)

  --base-url URL          where the gateway is; with or without /v1
  --key KEY               a key of it; or the variable CONFORMANCE_KEY
  --model NAME            for OpenAI's routes (openai/gpt-4o-mini)
  --anthropic-model NAME  for Anthropic's routes (the same)
  --embedding-model NAME  for embeddings (openai/text-embedding-3-small)
  --only PREFIX,...       some checks, by the beginning of their ids: streaming,tools.parallel
  --timeout SECONDS       for one answer (60)
  --json                  one JSON object instead of the table

Exit status: 0 when every check that applies passes, 1 when one fails or none applies, 2 when it is called wrongly.`;

const ID_WIDTH = 32;

// Without an await here it also runs as a file of no package, which tsx takes for CommonJS.
main(process.argv.slice(2)).then(
  (status) => {
    process.exitCode = status;
  },
  (error: unknown) => {
    console.error(error);
    process.exitCode = 2;
  },
);

async function main(args: readonly string[]): Promise<number> {
  const options = read(args);
  if (options === null) {
    console.error(USAGE);
    return 2;
  }
  const { target, only, json } = options;
  if (!json) console.log(`${target.baseUrl}, ${target.model}, ${target.anthropicModel}\n`);
  const results = await runChecks(target, only, (result) => {
    if (!json) console.log(lineOf(result, ID_WIDTH));
  });
  const score = scoreOf(results);
  if (json)
    console.log(JSON.stringify({ baseUrl: target.baseUrl, model: target.model, score, checks: results }, null, 2));
  else console.log(`\n${closingLines(results)}`);
  return score.failed > 0 || score.passed === 0 ? 1 : 0;
}

function read(args: readonly string[]): { target: Target; only: readonly string[]; json: boolean } | null {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        "base-url": { type: "string" },
        key: { type: "string" },
        model: { type: "string", default: "openai/gpt-4o-mini" },
        "anthropic-model": { type: "string" },
        "embedding-model": { type: "string", default: "openai/text-embedding-3-small" },
        only: { type: "string", default: "" },
        timeout: { type: "string", default: "60" },
        json: { type: "boolean", default: false },
      },
    });
    const key = values.key ?? process.env["CONFORMANCE_KEY"];
    const timeoutMs = Number(values.timeout) * 1_000;
    if (values["base-url"] === undefined || key === undefined || !(timeoutMs > 0)) return null;
    const target = {
      baseUrl: new URL(values["base-url"]).href.replace(/\/+$/, "").replace(/\/v1$/, ""),
      key,
      model: values.model,
      anthropicModel: values["anthropic-model"] ?? values.model,
      embeddingModel: values["embedding-model"],
      timeoutMs,
    };
    return { target, only: values.only.split(",").filter((prefix) => prefix !== ""), json: values.json };
  } catch (error) {
    console.error(error instanceof Error ? `${error.message}\n` : error);
    return null;
  }
}
