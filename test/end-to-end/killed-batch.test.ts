import { sql } from "kysely";
import OpenAI, { toFile } from "openai";
import { afterAll, beforeAll, expect, test } from "vitest";
import { checkLedger, listTransactions } from "../../lib/billing/ledger-store.ts";
import { sweep } from "../../lib/jobs/sweep.ts";
import { createLog } from "../../lib/platform/log.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import { ADMIN_KEY, registerAccount } from "../support/register-account.ts";
import { fault } from "../support/simulator/fault.ts";
import { type Simulator, startSimulator } from "../support/simulator/start-simulator.ts";
import { startProcess } from "../support/start-process.ts";
import { openTestStores } from "../support/test-stores.ts";

const LINES = 40;
/** After how many answers each process is killed; the last one lives. */
const KILLED_AFTER = [3, 17];
const LATER_MS = 3_600_000;

let simulator: Simulator;
beforeAll(async () => {
  simulator = await startSimulator();
});
afterAll(() => simulator.close());

test("F48 R1 kill -9 in the middle of a batch, twice: every line is answered once, and paid once", async () => {
  const stores = await openTestStores("http", createFakeClock(Date.now()));
  const { database, redis } = stores;
  const environment = {
    ADMIN_API_KEY: ADMIN_KEY,
    API_GATEWAY_SALT: "salt-of-the-test-harness",
    ...stores.environment,
    ...simulator.environment(["openai"]),
  };
  let running = await startProcess(environment);
  const account = await registerAccount(running.url, "100");
  const client = () => new OpenAI({ apiKey: account.key, baseURL: `${running.url}/v1` });
  const requests = Array.from({ length: LINES }, (_, number) =>
    JSON.stringify({
      custom_id: `line-${number}`,
      method: "POST",
      url: "/v1/chat/completions",
      body: { model: "openai/gpt-4o-mini", messages: [{ role: "user", content: `Hello ${number}` }] },
    }),
  );
  const file = await client().files.create({
    file: await toFile(Buffer.from(requests.join("\n")), "in.jsonl"),
    purpose: "batch",
  });
  const { id } = await client().batches.create({
    input_file_id: file.id,
    endpoint: "/v1/chat/completions",
    completion_window: "24h",
  });
  for (const answers of KILLED_AFTER) {
    // Some are at a provider when it is killed.
    simulator.next("openai", fault.none().times(2));
    simulator.next("openai", fault.hold("request").times(2));
    await expect
      .poll(async () => (await client().batches.retrieve(id)).request_counts?.completed, {
        timeout: 20_000,
        interval: 5,
      })
      .toBeGreaterThanOrEqual(answers);
    await running.kill();
    simulator.release();
    simulator.reset();
    // The time of every lease and hold passes.
    await sql`update batch_line set lease_until = clock_timestamp() where state = 'running'`.execute(database);
    await sql`update credit_hold set expires_at = clock_timestamp() - interval '1 second' where state = 'held'`.execute(
      database,
    );
    const clock = createFakeClock(Date.now() + LATER_MS);
    await sweep({ clock, redis, database, log: createLog(() => {}) });
    running = await startProcess(environment);
  }
  await expect
    .poll(async () => (await client().batches.retrieve(id)).status, { timeout: 30_000, interval: 50 })
    .toBe("completed");
  const batch = await client().batches.retrieve(id);
  expect(batch.request_counts).toEqual({ total: LINES, completed: LINES, failed: 0 });
  const text = await (await client().files.content(String(batch.output_file_id))).text();
  const answered = text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(answered.map(({ custom_id }) => custom_id)).toEqual(requests.map((_, number) => `line-${number}`));
  await running.stop();
  await sweep({ clock: createFakeClock(Date.now() + LATER_MS), redis, database, log: createLog(() => {}) });
  expect(await checkLedger(database)).toEqual([]);
  const paid = (await listTransactions(database, account.accountId, { limit: 1000, before: null }))
    .filter(({ requestId }) => requestId !== null)
    .reduce((sum, { amountNanoUsd }) => sum + amountNanoUsd, 0n);
  const told = answered.reduce((sum, { response }) => sum + BigInt(Math.round(response.body.usage.cost * 1e9)), 0n);
  expect(paid).toBe(told);
  await stores.close();
}, 120_000);
