import * as z from "zod";
import { accountExists, insertAccount, listKeys, revokeKey } from "../../lib/accounts/account-store.ts";
import { createKey, DEFAULT_REQUESTS_PER_MINUTE } from "../../lib/accounts/create-key.ts";
import { addCredit } from "../../lib/billing/add-credit.ts";
import { GatewayError } from "../../lib/errors/gateway-error.ts";
import { jsonRoute } from "../_http/json-route.ts";
import type { Route } from "../_http/route.ts";
import { amountUsd, nanoUsdOf, usd } from "./money.ts";

/** The most that one grant can give (spec facts, section 20: ADMIN_MAX_CREDIT_GRANT). */
const MAX_GRANT_USD = 1000;
const MAX_REQUESTS_PER_MINUTE = 1_000_000;

const accountId = z.string().min(1).max(64);
const label = z.string().min(1).max(100);

const key = z.object({
  id: z.string(),
  account_id: z.string(),
  name: z.string(),
  last4: z.string().describe("The last four characters; the key itself is never shown again"),
  environment: z.string(),
  requests_per_minute: z.int(),
  created_at: z.string(),
  expires_at: z.string().nullable(),
  revoked_at: z.string().nullable(),
});

const newKey = z.object({
  id: z.string(),
  account_id: z.string(),
  name: z.string(),
  api_key: z.string().describe("Shown this once"),
  requests_per_minute: z.int(),
  expires_at: z.string().nullable(),
});

const register = jsonRoute({
  method: "POST",
  path: "/auth/register",
  policy: "admin",
  documentation: {
    tag: "Operator",
    summary: "Creates an account, with its first key and, if asked, some credit",
    status: 201,
    exampleBody: { name: "Research team", email: "team@example.com", credit_usd: "25" },
  },
  body: z.strictObject({
    name: label.optional(),
    email: z.email().max(254).optional(),
    credit_usd: amountUsd(MAX_GRANT_USD).optional(),
  }),
  reply: z.object({
    account: z.object({ id: z.string(), name: z.string().nullable(), email: z.string().nullable() }),
    key: newKey,
    credited_usd: usd,
  }),
  answer: async ({ gateway, ports, body }) => {
    const id = `acct_${crypto.randomUUID().replaceAll("-", "")}`;
    const account = { id, name: body.name ?? null, email: body.email ?? null };
    await insertAccount(ports.database, account);
    if (body.credit_usd !== undefined) {
      await addCredit(ports, {
        key: `register:${id}`,
        accountId: id,
        amountNanoUsd: nanoUsdOf(body.credit_usd),
        bucket: "purchased",
        kind: "admin_credit",
        description: "Credit at registration",
      });
    }
    const wish = {
      accountId: id,
      name: "default",
      environment: gateway.configuration.keyEnvironment,
      requestsPerMinute: DEFAULT_REQUESTS_PER_MINUTE,
      expiresAt: null,
    };
    const made = await createKey(ports, gateway.hasher, wish);
    return { account, key: renderNewKey(made, wish), credited_usd: body.credit_usd ?? "0" };
  },
});

const addKey = jsonRoute({
  method: "POST",
  path: "/user/api-keys",
  policy: "admin",
  documentation: {
    tag: "Operator",
    summary: "Creates a key for an account",
    status: 201,
    exampleBody: { account_id: "acct_1", name: "ci", requests_per_minute: 60 },
  },
  body: z.strictObject({
    account_id: accountId,
    name: label.default("default"),
    requests_per_minute: z.int().min(1).max(MAX_REQUESTS_PER_MINUTE).default(DEFAULT_REQUESTS_PER_MINUTE),
    expires_at: z.iso.datetime({ offset: true }).nullish(),
  }),
  reply: newKey,
  answer: async ({ gateway, ports, body }) => {
    if (!(await accountExists(ports.database, body.account_id))) throw noAccount();
    const wish = {
      accountId: body.account_id,
      name: body.name,
      environment: gateway.configuration.keyEnvironment,
      requestsPerMinute: body.requests_per_minute,
      expiresAt: body.expires_at ?? null,
    };
    return renderNewKey(await createKey(ports, gateway.hasher, wish), wish);
  },
});

const keys = jsonRoute({
  method: "GET",
  path: "/user/api-keys",
  policy: "admin",
  documentation: {
    tag: "Operator",
    summary: "An account's keys, masked, newest first",
    examplePath: "/user/api-keys?account_id=acct_1",
  },
  query: z.object({ account_id: accountId }),
  reply: z.object({ data: z.array(key) }),
  answer: async ({ ports, query }) => {
    if (!(await accountExists(ports.database, query.account_id))) throw noAccount();
    const stored = await listKeys(ports.database, query.account_id);
    return {
      data: stored.map((one) => ({
        id: one.id,
        account_id: one.accountId,
        name: one.name,
        last4: one.last4,
        environment: one.environment,
        requests_per_minute: one.requestsPerMinute,
        created_at: one.createdAt,
        expires_at: one.expiresAt,
        revoked_at: one.revokedAt,
      })),
    };
  },
});

const removeKey = jsonRoute({
  method: "DELETE",
  path: "/user/api-keys/{id}",
  policy: "admin",
  documentation: {
    tag: "Operator",
    summary: "Revokes a key",
    examplePath: "/user/api-keys/key_1",
    description: "It stops working here at once and everywhere else within a minute.",
  },
  reply: z.object({ id: z.string(), revoked: z.literal(true) }),
  answer: async ({ gateway, ports, parameter }) => {
    const id = parameter("id");
    const revoked = await revokeKey(ports.database, id);
    if (revoked === null) throw new GatewayError("not_found", "There is no such key, or it is revoked already.");
    await gateway.identities.revoke(ports, id, revoked.keyHash);
    return { id, revoked: true as const };
  },
});

const addCredits = jsonRoute({
  method: "POST",
  path: "/credits/add",
  policy: "admin",
  documentation: {
    tag: "Operator",
    summary: "Adds credit to an account",
    description: "With an `idempotency_key` the same grant is given once, however often it is sent.",
    exampleBody: { account_id: "acct_1", amount_usd: "10.50", idempotency_key: "invoice-2026-17" },
  },
  body: z.strictObject({
    account_id: accountId,
    amount_usd: amountUsd(MAX_GRANT_USD),
    description: z.string().max(500).optional(),
    idempotency_key: z
      .string()
      .regex(/^[\x21-\x7e]{1,128}$/)
      .optional(),
  }),
  reply: z.object({ account_id: z.string(), amount_usd: usd, replayed: z.boolean() }),
  answer: async ({ ports, body, requestId }) => {
    const { account_id: id, amount_usd: amount } = body;
    const status = await addCredit(ports, {
      key: `admin:${id}:${body.idempotency_key ?? requestId}`,
      accountId: id,
      amountNanoUsd: nanoUsdOf(amount),
      bucket: "purchased",
      kind: "admin_credit",
      description: body.description ?? null,
    });
    if (status === "no_account") throw noAccount();
    if (status === "mismatch") {
      const message = "This idempotency_key gave another amount before. Send a new key for a new grant.";
      throw new GatewayError("idempotency_mismatch", message, { param: "idempotency_key" });
    }
    return { account_id: id, amount_usd: amount, replayed: status === "replay" };
  },
});

function noAccount(): GatewayError {
  return new GatewayError("not_found", "There is no such account.", { param: "account_id" });
}

function renderNewKey(
  made: { readonly id: string; readonly apiKey: string },
  wish: {
    readonly accountId: string;
    readonly name: string;
    readonly requestsPerMinute: number;
    readonly expiresAt: string | null;
  },
): z.infer<typeof newKey> {
  return {
    id: made.id,
    account_id: wish.accountId,
    name: wish.name,
    api_key: made.apiKey,
    requests_per_minute: wish.requestsPerMinute,
    expires_at: wish.expiresAt,
  };
}

export const ACCOUNT_ROUTES: readonly Route[] = [register, addKey, keys, removeKey, addCredits];
