import * as z from "zod";
import { listTransactions, readBalance } from "../../lib/billing/ledger-store.ts";
import { GatewayError } from "../../lib/errors/gateway-error.ts";
import { formatUsd } from "../../lib/money/nano-usd.ts";
import { accountOf } from "../_http/caller.ts";
import { jsonRoute } from "../_http/json-route.ts";
import type { Route } from "../_http/route.ts";
import { usd } from "./money.ts";

const MAX_PAGE = 200;

const account = z.string().min(1).max(64).optional().describe("Required from the operator; a key sees its own account");

const balance = jsonRoute({
  method: "GET",
  path: "/user/balance",
  policy: "key-or-admin",
  documentation: { tag: "Account", summary: "The balance of an account" },
  query: z.object({ account_id: account }),
  reply: z.object({
    account_id: z.string(),
    balance_usd: usd,
    available_usd: usd.describe("What is not held for running calls"),
    held_usd: usd,
    allowance_usd: usd,
    purchased_usd: usd,
    status: z.string(),
  }),
  answer: async ({ ports, caller, query }) => {
    const id = accountOf(caller, query.account_id);
    const found = await readBalance(ports.database, id);
    if (found === null) throw new GatewayError("not_found", "There is no such account.", { param: "account_id" });
    const total = found.allowance + found.purchased;
    const held = found.held + found.heldShadow;
    return {
      account_id: id,
      balance_usd: formatUsd(total),
      available_usd: formatUsd(total - held),
      held_usd: formatUsd(held),
      allowance_usd: formatUsd(found.allowance),
      purchased_usd: formatUsd(found.purchased),
      status: found.status,
    };
  },
});

const transactions = jsonRoute({
  method: "GET",
  path: "/user/credit-transactions",
  policy: "key-or-admin",
  documentation: {
    tag: "Account",
    summary: "The transactions of an account, newest first",
    description: "For the next page, send the reply's `next` as `before`.",
  },
  query: z.object({
    account_id: account,
    limit: z.coerce.number().int().min(1).max(MAX_PAGE).default(50),
    before: z
      .string()
      .regex(/^\d{1,18}$/)
      .optional(),
  }),
  reply: z.object({
    data: z.array(
      z.object({
        id: z.string(),
        type: z.string(),
        amount_usd: usd.describe("Negative: charged. Positive: credited"),
        request_id: z.string().nullable(),
        detail: z.unknown().describe("Model, provider, price version and token counts of a charge"),
        created_at: z.string(),
      }),
    ),
    next: z.string().nullable(),
  }),
  answer: async ({ ports, caller, query }) => {
    const id = accountOf(caller, query.account_id);
    // One more than asked for tells whether there is another page.
    const page = { limit: query.limit + 1, before: query.before ?? null };
    const found = await listTransactions(ports.database, id, page);
    const shown = found.slice(0, query.limit);
    return {
      data: shown.map((one) => ({
        id: one.key,
        type: one.kind,
        amount_usd: formatUsd(-one.amountNanoUsd),
        request_id: one.requestId,
        detail: one.detail,
        created_at: one.createdAt,
      })),
      next: found.length > query.limit ? (shown.at(-1)?.sequence ?? null) : null,
    };
  },
});

export const BALANCE_ROUTES: readonly Route[] = [balance, transactions];
