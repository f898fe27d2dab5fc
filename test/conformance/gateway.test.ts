import { spawn } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Simulator, startSimulator } from "../support/simulator/start-simulator.ts";
import { startGateway, type TestGateway } from "../support/start-gateway.ts";

interface Run {
  readonly status: number | null;
  readonly output: string;
}

/** The suite as a user runs it: a process of its own. */
function run(...args: readonly string[]): Promise<Run> {
  const child = spawn(process.execPath, ["test/conformance/run.ts", ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (piece: Buffer) => (output += piece.toString()));
  return new Promise((resolve) => child.once("close", (status) => resolve({ status, output })));
}

test("the suite is a black box: it imports nothing of ours but itself, and no package", () => {
  const files = ["test/conformance/run.ts", ...globSync("test/conformance/gateway/*.ts")];
  const imports = files.flatMap((file) =>
    [...readFileSync(file, "utf8").matchAll(/\bfrom "([^"]+)"/g)].map(([, from = ""]) => from),
  );
  expect(imports.length).toBeGreaterThan(20);
  expect(imports.filter((from) => !/^(?:\.\/(?:gateway\/)?[\w-]+\.ts|node:[\w/]+)$/.test(from))).toEqual([]);
});

describe("our own gateway", () => {
  let simulator: Simulator;
  let gateway: TestGateway;
  beforeAll(async () => {
    simulator = await startSimulator();
    gateway = await startGateway({ simulator });
  });
  afterAll(async () => {
    expect(await gateway.checkLedger()).toEqual([]);
    await gateway.stop();
    await simulator.close();
  });

  test.each([["openai/gpt-4o-mini"], ["anthropic/claude-sonnet-4.6"], ["google/gemini-2.5-flash"]])(
    "its score is full for %s",
    async (model) => {
      const { status, output } = await run(
        "--base-url",
        `${gateway.url}/v1`,
        "--key",
        gateway.key,
        "--model",
        model,
        "--json",
      );
      const { score, checks } = JSON.parse(output);
      const failed = checks.filter(({ outcome }: { outcome: string }) => outcome === "fail");
      expect(failed).toEqual([]);
      expect(status).toBe(0);
      const skipped: readonly string[] = checks.flatMap((check: { outcome: string; id: string; why: string }) =>
        check.outcome === "skip" ? [check.id] : [],
      );
      // Endpoints that are not there, thoughts that OpenAI's models keep to themselves, and what Gemini cannot be told.
      const mayBeSkipped = /^(?:endpoints\..+|messages\.thinking|tools\.one-at-a-time)$/;
      expect(skipped.filter((id) => !mayBeSkipped.test(id))).toEqual([]);
      expect(score.passed).toBeGreaterThan(75);
      // The README's own figure is this model's.
      const told = Number(/(\d+) of \1 checks pass /.exec(readFileSync("README.md", "utf8"))?.[1]);
      expect(told).toBeGreaterThan(75);
      if (model === "openai/gpt-4o-mini") expect(told).toBeLessThanOrEqual(score.passed);
    },
  );

  test("some checks alone, by the beginning of their ids, as a table", async () => {
    const { status, output } = await run(
      "--base-url",
      gateway.url,
      "--key",
      gateway.key,
      "--only",
      "models,chat.reply",
    );
    expect(output).toMatch(/^chat\.reply +pass {2}a reply has id/m);
    expect(output).toMatch(/^models\.list +pass/m);
    expect(output).not.toContain("streaming.");
    expect(output).toMatch(/5 of 5 checks passed \(100 %\)\n$/);
    expect(status).toBe(0);
  });

  test("a wrong call is told how it is called", async () => {
    expect(await run("--base-url", gateway.url)).toMatchObject({ status: 2, output: expect.stringContaining("--key") });
    expect(await run("--no-such-option")).toMatchObject({
      status: 2,
      output: expect.stringContaining("no-such-option"),
    });
  });
});

describe("a gateway that does much of it wrong", () => {
  const server = createServer(async (request, response) => {
    let text = "";
    for await (const piece of request) text += piece;
    answerBadly(request.url ?? "", text, response);
  });
  let url = "";
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo; // a TCP server's address is an object
    url = `http://127.0.0.1:${port}`;
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  test("is told what, and the status is 1", async () => {
    const { status, output } = await run("--base-url", url, "--key", "sk-any");
    expect(status).toBe(1);
    const failures = Object.fromEntries(
      output
        .split("\n")
        .filter((line) => line.includes("  FAIL  "))
        .map((line) => line.split(/ +FAIL {2}/)),
    );
    expect(failures).toMatchObject({
      "chat.usage": expect.stringContaining("total_tokens is 9, not 3 + 2"),
      "streaming.done": expect.stringContaining("[DONE] comes 2 times"),
      "streaming.finish": expect.stringContaining("there is content after the finish_reason"),
      "streaming.usage": expect.stringContaining("0 chunks have usage"),
      "streaming.refused": expect.stringContaining("the status is 200, not 400"),
      "tools.streamed-parallel": expect.stringContaining("two calls have index 0: call_1 and call_2"),
      "errors.no-json": expect.stringContaining("the status is 500, not 400"),
      "errors.no-key": expect.stringContaining("the status is 200, not 401"),
      "headers.request-id": expect.stringContaining("there is no such header"),
      "headers.no-account": expect.stringContaining("openai-organization"),
      "robustness.unicode": expect.stringContaining("does not have the text"),
    });
    expect(output).toMatch(/^chat\.reply +pass/m);
    expect(output).toMatch(/^messages\.reply +skip {2}POST \/v1\/messages is not served/m);
    expect(output).toMatch(/^endpoints\.embeddings +skip {2}POST \/v1\/embeddings answers 404/m);
    expect(output).toMatch(/\d+ of \d+ checks passed \(\d\d? %\), \d+ skipped\nfailed: /);
  });

  test("nobody at all at the address is a failure of every check, not a full score", async () => {
    const { status, output } = await run("--base-url", "http://127.0.0.1:1", "--key", "sk-any", "--only", "chat");
    expect(status).toBe(1);
    expect(output).toMatch(/chat\.reply +FAIL {2}there is no answer/);
    expect(output).toContain("0 of 9 checks passed (0 %)");
  });
});

/** Chat completions with bugs that real gateways had. */
function answerBadly(url: string, text: string, response: ServerResponse): void {
  if (url !== "/v1/chat/completions") {
    response.writeHead(404, { "content-type": "application/json" }).end('{"detail":"Not Found"}');
    return;
  }
  response.setHeader("openai-organization", "org-of-the-operator");
  let asked: { stream?: boolean; tools?: unknown };
  try {
    asked = JSON.parse(text);
  } catch {
    response.writeHead(500, { "content-type": "text/plain" }).end("SyntaxError\n    at JSON.parse (main.js:1:1)");
    return;
  }
  const chunk = (choice: object) =>
    `data: ${JSON.stringify({ id: "chatcmpl-1", object: "chat.completion.chunk", created: 1, model: "m", choices: [{ index: 0, ...choice }] })}\n\n`;
  if (asked.stream === true) {
    response.writeHead(200, { "content-type": "text/event-stream" });
    const call = (id: string, json: string) => ({
      tool_calls: [{ index: 0, id, type: "function", function: { name: "get_weather", arguments: json } }],
    });
    response.end(
      asked.tools === undefined
        ? chunk({ delta: { role: "assistant", content: "Hel" }, finish_reason: null }) +
            chunk({ delta: {}, finish_reason: "stop" }) +
            chunk({ delta: { content: "lo" }, finish_reason: null }) +
            "data: [DONE]\n\ndata: [DONE]\n\n"
        : chunk({ delta: call("call_1", '{"city":"Paris"}'), finish_reason: null }) +
            chunk({ delta: call("call_2", '{"city":"Rome"}'), finish_reason: "tool_calls" }) +
            "data: [DONE]\n\n",
    );
    return;
  }
  const reply = {
    id: "chatcmpl-1",
    object: "chat.completion",
    created: 1,
    model: "m",
    choices: [{ index: 0, message: { role: "assistant", content: "Hello." }, finish_reason: "stop" }],
    usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 9 },
  };
  response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(reply));
}
