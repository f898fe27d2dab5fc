import * as z from "zod";

/** The operator's key in every test. */
export const ADMIN_KEY = "admin-key-of-the-test-harness";

export interface TestAccount {
  readonly accountId: string;
  readonly key: string;
  readonly keyId: string;
}

const registered = z.object({ account: z.object({ id: z.string() }) });
const created = z.object({ id: z.string(), api_key: z.string() });
/** So many that no suite meets it by accident. */
const REQUESTS_PER_MINUTE = 1_000_000;

/** Makes an account with credit and a key, as an operator does: over the gateway's own routes. */
export async function registerAccount(url: string, creditUsd: string): Promise<TestAccount> {
  const credit = Number(creditUsd) > 0 ? { credit_usd: creditUsd } : {};
  const { account } = registered.parse(await order(url, "/auth/register", { name: "test", ...credit }));
  const wish = { account_id: account.id, name: "test", requests_per_minute: REQUESTS_PER_MINUTE };
  const key = created.parse(await order(url, "/user/api-keys", wish));
  return { accountId: account.id, key: key.api_key, keyId: key.id };
}

async function order(url: string, path: string, body: object): Promise<unknown> {
  const reply = await fetch(`${url}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${ADMIN_KEY}` },
    body: JSON.stringify(body),
  });
  const answer: unknown = await reply.json();
  if (!reply.ok) throw new Error(`${path} answered ${reply.status}: ${JSON.stringify(answer)}`);
  return answer;
}
