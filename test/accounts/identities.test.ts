import { beforeEach, describe, expect, test } from "vitest";
import { createApiKey } from "../../lib/accounts/api-key.ts";
import { Identities } from "../../lib/accounts/identities.ts";
import { authenticate } from "../../lib/inference/authenticate.ts";
import { createGateway, type Gateway } from "../../lib/inference/gateway.ts";
import { createTestApp, type TestApp } from "../http/test-app.ts";

let app: TestApp;
/** Another isolate on the same stores. */
let elsewhere: Gateway;
beforeEach(async () => {
  app = await createTestApp();
  elsewhere = createGateway(app.gateway.configuration, app.gateway.settler);
});

const here = (key: string = app.key) => authenticate(app.gateway, app.ports, key);
const there = (key: string = app.key) => authenticate(elsewhere, app.ports, key);
const stores = () => [app.redisCalls(), app.sqlCalls()] as const;

async function revoke(gateway: Gateway, keyId: string): Promise<void> {
  const { database } = app.ports;
  const row = await database
    .updateTable("api_key")
    .set({ revoked_at: new Date(app.clock.now()).toISOString() })
    .where("id", "=", keyId)
    .returning("key_hash")
    .executeTakeFirstOrThrow();
  await gateway.identities.revoke(app.ports, keyId, row.key_hash);
}

describe("looking a key up", () => {
  test("asks Redis, then Postgres, then nobody for half a minute", async () => {
    const start = stores();
    const { accountId, keyId } = await here();
    expect(accountId).toBe("acct_a");
    await app.settle();
    const [redis, sql] = stores();
    expect([redis, sql]).toEqual([start[0] + 2, start[1] + 1]); // read, read, then shared in the background
    expect((await here()).keyId).toBe(keyId);
    await app.clock.advance(30_000);
    await here();
    expect(stores()).toEqual([redis, sql]);
  });

  test("in another isolate costs one Redis round trip and no SQL", async () => {
    await here();
    await app.settle();
    const [redis, sql] = stores();
    await there();
    expect(stores()).toEqual([redis + 1, sql]);
  });

  test("of an unknown key is remembered for a few seconds, beside the good ones", async () => {
    await here();
    await app.settle();
    const unknown = createApiKey("dev");
    await expect(here(unknown)).rejects.toMatchObject({ code: "invalid_api_key" });
    const [redis, sql] = stores();
    await expect(here(unknown)).rejects.toMatchObject({ code: "invalid_api_key" });
    await here();
    expect(stores()).toEqual([redis, sql]);
    await app.clock.advance(5_001);
    await expect(here(unknown)).rejects.toMatchObject({ code: "invalid_api_key" });
    expect(app.sqlCalls()).toBe(sql + 1);
  });

  test("by a hundred requests at once asks Postgres once", async () => {
    const before = app.sqlCalls();
    await Promise.all(Array.from({ length: 100 }, () => here()));
    expect(app.sqlCalls()).toBe(before + 1);
  });

  test("K6 keys that share a beginning are not confused", async () => {
    const { apiKey, id } = await app.newKey();
    const mine = await here();
    expect((await here(apiKey)).keyId).toBe(id);
    expect(mine.keyId).not.toBe(id);
    expect(Object.keys(app.redisContent()).filter((key) => key.includes(app.key.slice(0, 20)))).toEqual([]);
  });

  test("F7 garbage in Redis is a miss", async () => {
    const hash = await app.gateway.identities.hash(app.key);
    for (const garbage of ["{", '{"accountId":"acct_b"}', "null", '"x"', "[]"]) {
      await app.ports.redis.set(Identities.key(hash), garbage);
      const gateway = createGateway(app.gateway.configuration, app.gateway.settler);
      expect((await authenticate(gateway, app.ports, app.key)).accountId).toBe("acct_a");
    }
  });

  test("B8 a key that expires while it is remembered stops working on time", async () => {
    const expiresAt = new Date(app.clock.now() + 10_000).toISOString();
    const { apiKey } = await app.newKey({ expiresAt });
    await here(apiKey);
    await app.clock.advance(9_999);
    await here(apiKey);
    await app.clock.advance(1);
    await expect(here(apiKey)).rejects.toMatchObject({ code: "expired_api_key" });
  });
});

describe("the stores being away", () => {
  test("Redis: Postgres answers", async () => {
    app.breakRedis(true);
    expect((await here()).accountId).toBe("acct_a");
    await expect(here(createApiKey("dev"))).rejects.toMatchObject({ code: "invalid_api_key" });
  });

  test("Postgres: Redis answers", async () => {
    await here();
    await app.settle();
    app.breakDatabase(true);
    expect((await there()).accountId).toBe("acct_a");
  });

  test("both: a key seen valid within ten minutes passes, any other is 503 and never 401", async () => {
    await here();
    await app.settle();
    app.breakRedis(true);
    app.breakDatabase(true);
    await app.clock.advance(599_000);
    expect((await here()).accountId).toBe("acct_a");
    const [, sql] = stores();
    await here(); // not asked about again for a few seconds
    expect(app.sqlCalls()).toBe(sql);
    await app.clock.advance(10_000);
    await expect(here()).rejects.toMatchObject({ code: "accounts_unavailable", retryAfterSeconds: 5 });
    await expect(there()).rejects.toMatchObject({ code: "accounts_unavailable" });
  });
});

describe("B7 revoking", () => {
  test("works at once where it is done and within a minute elsewhere", async () => {
    const { id, apiKey } = await app.newKey();
    await there(apiKey);
    await here(apiKey);
    await app.settle();
    await revoke(app.gateway, id);
    await expect(here(apiKey)).rejects.toMatchObject({ code: "invalid_api_key" });
    await app.clock.advance(60_001);
    await expect(there(apiKey)).rejects.toMatchObject({ code: "invalid_api_key" });
  });

  test("holds within a minute although Redis was away while it was done", async () => {
    const { id, apiKey } = await app.newKey();
    await here(apiKey);
    await app.settle();
    app.breakRedis(true);
    await revoke(app.gateway, id);
    app.breakRedis(false);
    await app.clock.advance(29_000);
    await there(apiKey).catch(() => {});
    await app.clock.advance(31_001);
    await expect(there(apiKey)).rejects.toMatchObject({ code: "invalid_api_key" });
  });

  test("is not undone by an isolate that had read the key just before", async () => {
    const { id, apiKey } = await app.newKey();
    const reading = there(apiKey);
    await revoke(app.gateway, id);
    await reading.catch(() => {});
    await app.settle();
    await app.clock.advance(60_001);
    await expect(there(apiKey)).rejects.toMatchObject({ code: "invalid_api_key" });
    await expect(here(apiKey)).rejects.toMatchObject({ code: "invalid_api_key" });
  });

  test("holds although Postgres is away when the key is next seen", async () => {
    const { id, apiKey } = await app.newKey();
    await there(apiKey);
    await app.settle();
    await revoke(app.gateway, id);
    await app.clock.advance(31_000);
    app.breakDatabase(true);
    await expect(there(apiKey)).rejects.toMatchObject({ code: "accounts_unavailable" });
  });
});
