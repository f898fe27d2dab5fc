import { sql } from "kysely";
import OpenAI, { toFile } from "openai";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { SecretBox } from "../../lib/accounts/secret-box.ts";
import { beginBatch, findBatch } from "../../lib/batches/batch-store.ts";
import { createBatchingSettler } from "../../lib/billing/batching-settler.ts";
import type { Settler } from "../../lib/billing/settler.ts";
import { createGateway } from "../../lib/inference/gateway.ts";
import { runBatch, runBatches } from "../../lib/jobs/run-batches.ts";
import { systemClock } from "../../lib/platform/clock.ts";
import { parseSettings } from "../../lib/platform/configuration.ts";
import { createLog } from "../../lib/platform/log.ts";
import { createUndiciUpstream } from "../../lib/platform/upstream/undici-upstream.ts";
import type { Ports } from "../../lib/ports/ports.ts";
import { PROVIDERS } from "../../lib/providers/provider-list.ts";
import type { TestAccount } from "../support/register-account.ts";
import { fault } from "../support/simulator/fault.ts";
import { type Simulator, startSimulator } from "../support/simulator/start-simulator.ts";
import { startGateway, type TestGateway } from "../support/start-gateway.ts";

const ENCRYPTION_KEYS = `k1:${Buffer.alloc(32, 7).toString("base64")}`;
const URL = "/v1/chat/completions";

let simulator: Simulator;
let gateway: TestGateway;
beforeAll(async () => {
  simulator = await startSimulator();
  gateway = await startGateway({ simulator, providers: ["openai", "anthropic"], environment: { ENCRYPTION_KEYS } });
});
afterEach(async () => {
  expect(await gateway.checkLedger()).toEqual([]);
  await gateway.resetBreakers();
  simulator.reset();
});
afterAll(async () => {
  await gateway.stop();
  await simulator.close();
});

const client = (key = gateway.key) => new OpenAI({ apiKey: key, baseURL: `${gateway.url}/v1`, maxRetries: 0 });
const request = (id: string, content: string, more: object = {}, url = URL) =>
  JSON.stringify({
    custom_id: id,
    method: "POST",
    url,
    body: { model: "openai/gpt-4o-mini", max_tokens: 50, messages: [{ role: "user", content }], ...more },
  });
const upload = async (lines: readonly string[], key = gateway.key) =>
  client(key).files.create({ file: await toFile(Buffer.from(lines.join("\n")), "in.jsonl"), purpose: "batch" });
const start = async (lines: readonly string[], key = gateway.key, endpoint = URL) => {
  const { id } = await upload(lines, key);
  return client(key).batches.create({
    input_file_id: id,
    endpoint: endpoint as "/v1/chat/completions",
    completion_window: "24h",
  });
};
const ended = async (id: string, key = gateway.key) => {
  const done = ["completed", "failed", "expired", "cancelled"];
  for (;;) {
    const batch = await client(key).batches.retrieve(id);
    if (done.includes(batch.status)) return batch;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
};
const linesOf = async (fileId: string | null | undefined, key = gateway.key) => {
  if (fileId === null || fileId === undefined) return [];
  const text = await (await client(key).files.content(fileId)).text();
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
};
const settles = async (account: TestAccount = gateway) => {
  await gateway.settled();
  return (await gateway.transactions(account.accountId)).filter(({ kind }) => kind === "settle");
};

/** Another worker on the same stores, that can be made to die. */
function otherWorker(
  ports: Partial<Ports> = {},
  settler: Settler = createBatchingSettler({ maxBatch: 1, maxDelayMs: 0, maxStatements: 4 }),
) {
  const environment = {
    API_GATEWAY_SALT: "salt-of-the-test-harness",
    ENCRYPTION_KEYS,
    ...simulator.environment(["openai", "anthropic"]),
  };
  const { configuration } = parseSettings(environment, "node", PROVIDERS, "0.0.0-test");
  const upstream = createUndiciUpstream({ connectTimeoutMs: 1_000 });
  const own = createGateway(configuration, settler);
  const background: Promise<unknown>[] = [];
  const all: Ports = {
    clock: systemClock,
    redis: gateway.stores.redis,
    database: gateway.stores.database,
    callUpstream: upstream.call,
    background: (task) => void background.push(task),
    log: createLog(() => {}),
    ...ports,
  };
  return {
    gateway: own,
    ports: all,
    run: async (id: string) => {
      await runBatch(own, all, id, systemClock.now() + 20_000);
      await Promise.all(background);
    },
    close: () => upstream.close(),
  };
}

describe("files, by the official client", () => {
  test("create, retrieve, list, content, delete; what is stored is sealed", async () => {
    const account = await gateway.register("1");
    const files = client(account.key).files;
    const lines = [request("a", "PROMPTCANARY 🚢"), request("b", "x".repeat(600_000))];
    const made = await upload(lines, account.key);
    const bytes = Buffer.byteLength(lines.join("\n"));
    expect(made).toMatchObject({ object: "file", bytes, filename: "in.jsonl", purpose: "batch", status: "processed" });
    expect(await files.retrieve(made.id)).toEqual(made);
    expect(await (await files.content(made.id)).text()).toBe(lines.join("\n"));
    const more = await Promise.all([upload(["{}"], account.key), upload(["{}"], account.key)]);
    const listed: string[] = [];
    for await (const { id } of files.list({ limit: 1 })) listed.push(id);
    expect(listed.toSorted()).toEqual([made.id, ...more.map(({ id }) => id)].toSorted());
    const rows = await gateway.stores.database.selectFrom("stored_file_piece").selectAll().execute();
    expect(JSON.stringify([rows, gateway.logLines])).not.toContain("PROMPTCANARY");
    expect(await files.delete(made.id)).toEqual({ id: made.id, object: "file", deleted: true });
    await expect(files.retrieve(made.id)).rejects.toMatchObject({ status: 404 });
  });

  test("B101 another account's file, or batch, is none", async () => {
    const { id } = await upload([request("a", "hi")]);
    const batch = await start([request("a", "hi")]);
    await ended(batch.id);
    const other = client((await gateway.register("1")).key);
    await expect(other.files.retrieve(id)).rejects.toMatchObject({ status: 404, code: "not_found" });
    await expect(other.files.content(id)).rejects.toMatchObject({ status: 404 });
    await expect(other.files.delete(id)).rejects.toMatchObject({ status: 404 });
    await expect(other.batches.retrieve(batch.id)).rejects.toMatchObject({ status: 404 });
    await expect(other.batches.cancel(batch.id)).rejects.toMatchObject({ status: 404 });
    const using = other.batches.create({ input_file_id: id, endpoint: URL, completion_window: "24h" });
    await expect(using).rejects.toMatchObject({ status: 404, param: "input_file_id" });
    expect((await other.files.list()).data).toEqual([]);
  });

  test.each([
    ["no form at all", { "content-type": "application/json" }, "{}", 415],
    ["B84 no boundary", { "content-type": "multipart/form-data" }, "x", 400],
    ["B84 a form that breaks off", { "content-type": "multipart/form-data; boundary=b" }, "--b\r\ncontent-dis", 400],
  ])("an upload that is %s is refused", async (_, headers, body, status) => {
    const reply = await fetch(`${gateway.url}/v1/files`, {
      method: "POST",
      headers: { authorization: `Bearer ${gateway.key}`, ...headers },
      body,
    });
    expect(reply.status).toBe(status);
  });

  test("B83 a file of more bytes than are taken, of another purpose, empty, or not UTF-8", async () => {
    const small = await startGateway({ simulator, environment: { MAX_FILE_BYTES: "2048" } });
    const { files } = new OpenAI({ apiKey: small.key, baseURL: `${small.url}/v1`, maxRetries: 0 });
    const create = async (content: Buffer, purpose: "batch" | "assistants" = "batch") =>
      files.create({ file: await toFile(content, "in.jsonl"), purpose });
    await expect(create(Buffer.alloc(2049, "x"))).rejects.toMatchObject({ status: 413, code: "body_too_large" });
    await expect(create(Buffer.alloc(1_000_000, "x"))).rejects.toMatchObject({ status: 413 });
    await expect(create(Buffer.from("{}"), "assistants")).rejects.toMatchObject({ status: 400, param: "purpose" });
    await expect(create(Buffer.alloc(0))).rejects.toMatchObject({ status: 400, code: "empty_body" });
    await expect(create(Buffer.from([0xff, 0xfe]))).rejects.toMatchObject({ status: 400, code: "invalid_encoding" });
    expect((await create(Buffer.alloc(2048, "x"))).bytes).toBe(2048);
    await small.stop();
  });
});

describe("batches, by the official client", () => {
  test("every line is answered in its place, at half the price, and the event is there once", async () => {
    const account = await gateway.register("1");
    const direct = await gateway.post(URL, JSON.parse(request("x", "Hello 1")).body, {
      authorization: `Bearer ${account.key}`,
    });
    const full = BigInt(Math.round((await direct.json()).usage.cost * 1e9));
    const made = await start(
      [1, 2, 3, 4, 5].map((n) => request(`line-${n}`, `Hello ${n}`)),
      account.key,
    );
    expect(made).toMatchObject({ object: "batch", status: "validating", endpoint: URL, completion_window: "24h" });
    const batch = await ended(made.id, account.key);
    expect(batch).toMatchObject({ status: "completed", request_counts: { total: 5, completed: 5, failed: 0 } });
    expect(batch.error_file_id).toBeNull();
    expect(batch.completed_at).toBeGreaterThanOrEqual(Number(batch.in_progress_at));
    const lines = await linesOf(batch.output_file_id, account.key);
    expect(lines.map((line) => [line.custom_id, line.response.body.choices[0].message.content])).toEqual(
      [1, 2, 3, 4, 5].map((n) => [`line-${n}`, `You said: Hello ${n}`]),
    );
    expect(lines[0]).toMatchObject({ error: null, response: { status_code: 200, request_id: expect.any(String) } });
    const charges = (await settles(account)).filter(({ amountNanoUsd }) => amountNanoUsd !== full);
    expect(charges.map(({ amountNanoUsd }) => amountNanoUsd)).toEqual(Array(5).fill((full + 1n) / 2n));
    expect(new Set(charges.map(({ requestId }) => requestId))).toEqual(
      new Set(lines.map(({ response }) => response.request_id)),
    );
    const events = await gateway.stores.database
      .selectFrom("event_outbox")
      .select(["key", "type", "data"])
      .where("account_id", "=", account.accountId)
      .execute();
    expect(events).toMatchObject([{ key: `batch.completed:${batch.id}`, type: "batch.completed" }]);
    const list = await client(account.key).batches.list();
    expect(list.data.map(({ id }) => id)).toEqual([batch.id]);
  });

  test("of Anthropic's messages too", async () => {
    const more = { model: "anthropic/claude-sonnet-4.5" };
    const batch = await ended(
      (await start([request("a", "Hello", more, "/v1/messages")], gateway.key, "/v1/messages")).id,
    );
    const [line] = await linesOf(batch.output_file_id);
    expect(line.response.body).toMatchObject({ type: "message", content: [{ type: "text" }] });
  });

  test("of OpenAI's responses too", async () => {
    const body = { model: "openai/gpt-4o-mini", input: "Hello" };
    const line = JSON.stringify({ custom_id: "a", method: "POST", url: "/v1/responses", body });
    const batch = await ended((await start([line], gateway.key, "/v1/responses")).id);
    const [answered] = await linesOf(batch.output_file_id);
    expect(answered.response.body).toMatchObject({ object: "response", status: "completed" });
  });

  test("a file that cannot be run fails with every fault named, and costs nothing", async () => {
    const account = await gateway.register("1");
    const batch = await ended((await start([request("a", "x"), "{", request("a", "y")], account.key)).id, account.key);
    expect(batch.status).toBe("failed");
    expect(batch.errors?.data).toMatchObject([
      { line: 2, code: "invalid_json_line" },
      { line: 3, code: "duplicate_custom_id", param: "custom_id" },
    ]);
    expect(simulator.log.all).toHaveLength(0);
    expect(await settles(account)).toEqual([]);
  });

  test("a line that is refused is in the error file with its status; the others are answered", async () => {
    const batch = await ended(
      (
        await start([
          request("good", "Hello"),
          request("bad", "Hello", { temperature: 9 }),
          request("none", "x", { model: "no/such" }),
        ])
      ).id,
    );
    expect(batch).toMatchObject({ status: "completed", request_counts: { total: 3, completed: 1, failed: 2 } });
    expect(await linesOf(batch.error_file_id)).toMatchObject([
      { custom_id: "bad", response: { status_code: 400, body: { error: { param: "temperature" } } } },
      { custom_id: "none", response: { status_code: 404, body: { error: { code: "model_not_found" } } } },
    ]);
  });

  test("a provider that fails for a while is asked again", async () => {
    simulator.next("openai", fault.status(503).times(2));
    const { id } = await start([request("a", "Hello")]);
    const hurry = setInterval(() => {
      void sql`update batch_line set not_before = clock_timestamp() where batch_id = ${id}`.execute(
        gateway.stores.database,
      );
    }, 50);
    const batch = await ended(id);
    clearInterval(hurry);
    expect(batch.request_counts).toEqual({ total: 1, completed: 1, failed: 0 });
    expect(simulator.log.count("openai")).toBe(3);
  });

  test("without credit the first refusal ends the rest, line by line", async () => {
    const poor = await gateway.register("0.00001");
    const lines = Array.from({ length: 30 }, (_, n) => request(`l${n}`, "Hello", { max_tokens: 1000 }));
    const batch = await ended((await start(lines, poor.key)).id, poor.key);
    expect(batch).toMatchObject({ status: "completed", request_counts: { total: 30, completed: 0, failed: 30 } });
    const errors = await linesOf(batch.error_file_id, poor.key);
    expect(errors).toHaveLength(30);
    for (const { error, response } of errors) {
      expect(error?.code ?? response.body.error.code).toBe("insufficient_credits");
    }
    expect(simulator.log.all).toHaveLength(0);
  });

  test("a batch that is cancelled finishes what runs, gives back the rest, and cannot be cancelled twice", async () => {
    simulator.script.always("openai", fault.hold("request"));
    const { id } = await start(Array.from({ length: 20 }, (_, n) => request(`l${n}`, "Hello")));
    await simulator.log.nth(8);
    const cancelling = await client().batches.cancel(id);
    expect(cancelling.status).toBe("cancelling");
    // No more than eight lines of a batch run at a time.
    expect(simulator.log.all).toHaveLength(8);
    simulator.release();
    const batch = await ended(id);
    expect(batch).toMatchObject({ status: "cancelled", request_counts: { total: 20, completed: 8, failed: 12 } });
    expect((await linesOf(batch.error_file_id))[0]).toMatchObject({
      response: null,
      error: { code: "batch_cancelled" },
    });
    await expect(client().batches.cancel(id)).rejects.toMatchObject({ status: 400 });
    // Who was still at its validation adds nothing to what its end has counted.
    const requests = Array.from({ length: 21 }, (_, n) => ({ customId: `late${n}`, body: "{}" }));
    await beginBatch({ database: gateway.stores.database }, new SecretBox([]), id, requests);
    const after = await client().batches.retrieve(id);
    expect(after).toMatchObject({ status: "cancelled", request_counts: { total: 20 } });
  });

  test("a batch whose day is over expires: what was not asked says so", async () => {
    const worker = otherWorker();
    const { id: fileId } = await upload([request("a", "Hello")]);
    const database = gateway.stores.database;
    const keys = await database
      .selectFrom("api_key")
      .select("id")
      .where("account_id", "=", gateway.accountId)
      .execute();
    await sql`insert into batch (id, account_id, key_id, endpoint, input_file_id, expires_at)
      values ('batch_late', ${gateway.accountId}, ${keys[0]?.id}, ${URL}, ${fileId}, clock_timestamp() - interval '1 second')`.execute(
      database,
    );
    await worker.run("batch_late");
    const batch = await client().batches.retrieve("batch_late");
    expect(batch).toMatchObject({ status: "expired", request_counts: { total: 1, completed: 0, failed: 1 } });
    expect(await linesOf(batch.error_file_id)).toMatchObject([{ custom_id: "a", error: { code: "batch_expired" } }]);
    expect(simulator.log.all).toHaveLength(0);
    await worker.close();
  });

  test("the key that made it is revoked: the rest is not asked", async () => {
    const account = await gateway.register("1");
    const worker = otherWorker();
    const { id: fileId } = await upload([request("a", "Hello")], account.key);
    await sql`insert into batch (id, account_id, key_id, endpoint, input_file_id)
      values ('batch_revoked', ${account.accountId}, 'key_gone', ${URL}, ${fileId})`.execute(gateway.stores.database);
    await worker.run("batch_revoked");
    const batch = await client(account.key).batches.retrieve("batch_revoked");
    expect((await linesOf(batch.error_file_id, account.key))[0]).toMatchObject({ error: { code: "invalid_api_key" } });
    await worker.close();
  });

  test("what is asked of a batch is checked", async () => {
    const { id } = await upload([request("a", "x")]);
    const wish = { input_file_id: id, endpoint: URL, completion_window: "24h" };
    for (const wrong of [
      { endpoint: "/v1/files" },
      { completion_window: "1h" },
      { input_file_id: "file-none" },
      { metadata: { a: "x".repeat(513) } },
      { metadata: Object.fromEntries(Array.from({ length: 17 }, (_, n) => [`k${n}`, "v"])) },
    ]) {
      const reply = await gateway.post("/v1/batches", { ...wish, ...wrong });
      expect([wrong, reply.status]).toEqual([wrong, "input_file_id" in wrong ? 404 : 400]);
    }
  });
});

describe("workers that die", () => {
  const lines = Array.from({ length: 12 }, (_, n) => request(`l${n}`, `Hello ${n}`));
  const prepared = async () => {
    const account = await gateway.register("1");
    const { id: fileId } = await upload(lines, account.key);
    const database = gateway.stores.database;
    const [key] = await database
      .selectFrom("api_key")
      .select("id")
      .where("account_id", "=", account.accountId)
      .execute();
    const id = `batch_${crypto.randomUUID().replaceAll("-", "")}`;
    await sql`insert into batch (id, account_id, key_id, endpoint, input_file_id)
      values (${id}, ${account.accountId}, ${key?.id}, ${URL}, ${fileId})`.execute(database);
    return { id, account };
  };
  /** As if the time of every lease, and of every hold, had passed. */
  const timePasses = async (id: string) => {
    await sql`update batch_line set lease_until = clock_timestamp() where batch_id = ${id} and state = 'running'`.execute(
      gateway.stores.database,
    );
    await sql`update batch_line set not_before = clock_timestamp() where batch_id = ${id}`.execute(
      gateway.stores.database,
    );
  };
  const netPaid = async (account: TestAccount) => {
    await gateway.settled();
    const all = await gateway.transactions(account.accountId);
    return all
      .filter(({ requestId }) => requestId !== null)
      .reduce((sum, { amountNanoUsd }) => sum + amountNanoUsd, 0n);
  };

  test.each([
    ["validation", "batch_line"],
    ["a line's result", "update batch_line set state ="],
    ["finalizing", "stored_file"],
    ["the last step", "event_outbox"],
  ])("F48 in %s: another goes on, every line is answered, and none is paid twice", async (_, statement) => {
    const { id, account } = await prepared();
    let left = 3;
    const dying = otherWorker({
      database: gateway.stores.database.withPlugin({
        transformQuery: ({ node }) => {
          if (JSON.stringify(node).includes(statement) && --left < 0) throw new Error("the worker died");
          return node;
        },
        transformResult: async ({ result }) => result,
      }),
    });
    await dying.run(id);
    const worker = otherWorker();
    for (let slice = 0; slice < 4; slice++) {
      await timePasses(id);
      await worker.run(id);
    }
    const batch = await findBatch(worker.ports, id, null);
    expect(batch).toMatchObject({ status: "completed", counts: { total: 12, completed: 12, failed: 0 } });
    const answered = await linesOf(batch?.outputFileId, account.key);
    expect(answered.map(({ custom_id }) => custom_id)).toEqual(lines.map((_, n) => `l${n}`));
    const paid = answered.reduce((sum, { response }) => sum + BigInt(Math.round(response.body.usage.cost * 1e9)), 0n);
    expect(await netPaid(account)).toBe(paid);
    const events = await sql`select key from event_outbox where key = ${`batch.completed:${id}`}`.execute(
      gateway.stores.database,
    );
    expect(events.rows).toHaveLength(1);
    await dying.close();
    await worker.close();
  });

  test("F48 a line is not answered before its charge is written", async () => {
    const { id } = await prepared();
    const { database } = gateway.stores;
    const writer = createBatchingSettler({ maxBatch: 1, maxDelayMs: 0, maxStatements: 4 });
    let written = 0;
    const early: number[] = [];
    const slow: Settler = {
      settle: async (...charge) => {
        await sql`select pg_sleep(0.02)`.execute(database);
        const { rows } = await sql<{ answered: string }>`
          select count(*)::text as answered from batch_line where batch_id = ${id} and state = 'answered'`.execute(
          database,
        );
        if (Number(rows[0]?.answered) > written) early.push(Number(rows[0]?.answered));
        await writer.settle(...charge);
        written += 1;
      },
      flush: () => writer.flush(),
    };
    const worker = otherWorker({}, slow);
    await worker.run(id);
    expect([written, early]).toEqual([12, []]);
    expect(await findBatch(worker.ports, id, null)).toMatchObject({ status: "completed", counts: { completed: 12 } });
    await worker.close();
  });

  test("two workers at once do not run a line twice", async () => {
    const { id, account } = await prepared();
    const workers = [otherWorker(), otherWorker(), otherWorker()];
    await Promise.all(workers.map((worker) => worker.run(id)));
    const [last] = workers;
    await last?.run(id);
    expect(simulator.log.count("openai")).toBe(12);
    expect((await settles(account)).filter(({ amountNanoUsd }) => amountNanoUsd > 0n)).toHaveLength(12);
    for (const worker of workers) await worker.close();
  });

  test("a cron goes on with what a kick left", async () => {
    const { id } = await prepared();
    const worker = otherWorker();
    expect(await runBatches(worker.gateway, worker.ports, 20_000)).toBeGreaterThan(0);
    expect(await findBatch(worker.ports, id, null)).toMatchObject({ status: "completed" });
    await worker.close();
  });
});
