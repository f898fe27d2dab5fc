import { beforeEach, describe, expect, test } from "vitest";
import { ensureLocalAccount } from "../../lib/accounts/ensure-local-account.ts";
import { readBalance } from "../../lib/billing/ledger-store.ts";
import { authenticate } from "../../lib/inference/authenticate.ts";
import { createGateway } from "../../lib/inference/gateway.ts";
import { createTestApp, type TestApp } from "../http/test-app.ts";

let app: TestApp;
beforeEach(async () => {
  app = await createTestApp();
});

/** A start of the gateway, with what the start before it has saved. */
async function start(savedKey: string | null, bootstrapKey: string | null = null) {
  const configuration = { ...app.gateway.configuration, bootstrapKey };
  const gateway = createGateway(configuration, app.gateway.settler);
  const local = await ensureLocalAccount(app.ports, gateway.hasher, configuration, savedKey);
  return { ...local, login: (key: string) => authenticate(gateway, app.ports, key) };
}

describe("the local account", () => {
  test("has $5 once ever and keeps its key over restarts", async () => {
    const first = await start(null);
    expect(first.apiKey).toMatch(/^gw_dev_[\w-]{43}$/);
    expect((await first.login(first.apiKey)).accountId).toBe("local");
    const second = await start(first.apiKey);
    expect(second.apiKey).toBe(first.apiKey);
    expect((await readBalance(app.ports.database, "local"))?.purchased).toBe(5_000_000_000n);
  });

  test("gets a new key when the saved one is lost, unknown or revoked", async () => {
    const first = await start(null);
    const lost = await start(null);
    expect(lost.apiKey).not.toBe(first.apiKey);
    expect((await lost.login(first.apiKey)).accountId).toBe("local");
    expect((await start("gw_dev_nonsense")).apiKey).toMatch(/^gw_dev_[\w-]{43}$/);
    await app.ports.database.updateTable("api_key").set({ revoked_at: new Date().toISOString() }).execute();
    expect((await start(first.apiKey)).apiKey).not.toBe(first.apiKey);
  });

  test("takes the operator's key, of any shape, and lets go of it when it changes", async () => {
    const one = await start(null, "letmein");
    expect(one.apiKey).toBe("letmein");
    expect((await one.login("letmein")).accountId).toBe("local");
    await expect(one.login("letmeout")).rejects.toMatchObject({ code: "invalid_api_key" });
    const two = await start("letmein", "another");
    expect(two.apiKey).toBe("another");
    await expect(two.login("letmein")).rejects.toMatchObject({ code: "invalid_api_key" });
    const back = await start("another", "letmein");
    expect((await back.login("letmein")).accountId).toBe("local");
    const without = await start("letmein");
    expect(without.apiKey).toMatch(/^gw_dev_/);
    await expect(without.login("letmein")).rejects.toMatchObject({ code: "invalid_api_key" });
  });

  test("CM-1.4 is looked up by hash: the key itself is in no table", async () => {
    const { apiKey } = await start(null);
    const rows = await app.ports.database.selectFrom("api_key").selectAll().execute();
    expect(JSON.stringify(rows)).not.toContain(apiKey.slice(0, -4));
    expect(rows.every(({ key_hash: hash }) => /^[0-9a-f]{64}$/.test(hash))).toBe(true);
  });
});
