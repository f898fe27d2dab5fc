import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type GatewayProcess, startProcess } from "../support/start-process.ts";

let gateway: GatewayProcess;
const folders = [0, 1].map(() => mkdtempSync(join(tmpdir(), "gangway-first-start-")));
const dataIn = (index: number) => ({ GANGWAY_DATA_DIR: String(folders[index]) });

beforeAll(async () => {
  gateway = await startProcess(dataIn(0));
}, 30_000);
afterAll(async () => {
  await gateway.stop();
  for (const folder of folders) rmSync(folder, { recursive: true });
});

test("without a provider the demo model is listed, and answers", async () => {
  const { data } = await (await fetch(`${gateway.url}/v1/models`)).json();
  expect(data).toMatchObject([{ id: "gangway/echo", pricing: { prompt: "0", completion: "0" } }]);
  const reply = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${gateway.key}`, "content-type": "application/json" },
    body: JSON.stringify({ model: data[0].id, messages: [{ role: "user", content: "Hello!" }] }),
  });
  expect((await reply.json()).choices[0].message.content).toContain("You said: Hello!");
});

test("a port that is taken is said in a sentence", async () => {
  const { port } = new URL(gateway.url);
  await expect(startProcess({ ...dataIn(1), PORT: port })).rejects.toThrow(
    /did not start: Another program listens there already \(.*\)\. Set PORT to another one\.\n$/,
  );
}, 30_000);
