import * as z from "zod";
import { accountExists } from "../../lib/accounts/account-store.ts";
import {
  deleteProviderKey,
  keyHashesOf,
  listProviderKeys,
  type StoredProviderKey,
  saveProviderKey,
} from "../../lib/accounts/provider-key-store.ts";
import { echo, GatewayError } from "../../lib/errors/gateway-error.ts";
import { providerForCallerKey, providerKeyContext } from "../../lib/inference/caller-keys.ts";
import { accountOf } from "../_http/caller.ts";
import { jsonRoute } from "../_http/json-route.ts";
import type { Exchange, Route } from "../_http/route.ts";

const MAX_SECRET_CHARACTERS = 8_192;
/** Printable, and what a service account's JSON has between its lines. */
const SECRET = /^[\x20-\x7e\r\n\t]{8,}$/;
/** What fits into a header. */
const ONE_LINE = /^[\x21-\x7e]+$/;

const account = z
  .string()
  .min(1)
  .max(64)
  .optional()
  .describe("Required from the operator; a key acts for its own account");

const providerKey = z.object({
  id: z.string(),
  provider: z.string(),
  mode: z.enum(["first", "only"]),
  last4: z.string().describe("The last four characters; the key itself is never shown again"),
  created_at: z.string(),
});

function render({ id, provider, mode, last4, createdAt }: StoredProviderKey): z.infer<typeof providerKey> {
  return { id, provider, mode, last4, created_at: createdAt };
}

/** Calls use the change at once through this instance, and within a minute everywhere. */
async function forget({ gateway, ports }: Exchange, accountId: string): Promise<void> {
  await gateway.identities.forgetAccount(ports, accountId, await keyHashesOf(ports.database, accountId));
}

const save = jsonRoute({
  method: "POST",
  path: "/user/provider-keys",
  policy: "key-or-admin",
  documentation: {
    tag: "Account",
    summary: "Stores the account's own key for a provider",
    description:
      "Calls that this provider serves are sent with it, before the operator's key (`first`) or never with that (`only`), and cost the operator's fee instead of credits. One key a provider: another one replaces it. It is kept encrypted.",
    status: 201,
    exampleBody: { provider: "openai", api_key: "sk-…", mode: "first" },
  },
  body: z.strictObject({
    account_id: account,
    provider: z.string().min(1).max(64),
    api_key: z.string().max(MAX_SECRET_CHARACTERS).regex(SECRET),
    mode: z.enum(["first", "only"]).default("first"),
  }),
  reply: providerKey,
  answer: async (call) => {
    const { gateway, ports, caller, body } = call;
    const accountId = accountOf(caller, body.account_id);
    gateway.secrets.assertConfigured();
    const { provider, mode } = body;
    const declaration = providerForCallerKey(gateway, provider);
    if (declaration === null) throw unknownProvider(provider);
    const secret = body.api_key.trim();
    if (declaration.apiKeyIsJson !== true && !ONE_LINE.test(secret)) {
      throw new GatewayError("invalid_value", "api_key must be one line of printable characters.", {
        param: "api_key",
      });
    }
    if (caller.kind === "admin" && !(await accountExists(ports.database, accountId))) {
      throw new GatewayError("not_found", "There is no such account.", { param: "account_id" });
    }
    const saved = await saveProviderKey(ports.database, {
      id: `pk_${crypto.randomUUID().replaceAll("-", "")}`,
      accountId,
      provider,
      mode,
      sealedSecret: await gateway.secrets.seal(secret, providerKeyContext(accountId, provider)),
      last4: secret.slice(-4),
    });
    await forget(call, accountId);
    return render(saved);
  },
});

const list = jsonRoute({
  method: "GET",
  path: "/user/provider-keys",
  policy: "key-or-admin",
  documentation: { tag: "Account", summary: "The account's own keys for providers, masked" },
  query: z.object({ account_id: account }),
  reply: z.object({ data: z.array(providerKey) }),
  answer: async ({ ports, caller, query }) => {
    const found = await listProviderKeys(ports.database, accountOf(caller, query.account_id));
    return { data: found.map(render) };
  },
});

const remove = jsonRoute({
  method: "DELETE",
  path: "/user/provider-keys/{id}",
  policy: "key-or-admin",
  documentation: { tag: "Account", summary: "Removes one of the account's own keys for providers" },
  query: z.object({ account_id: account }),
  reply: z.object({ id: z.string(), deleted: z.literal(true) }),
  answer: async (call) => {
    const accountId = accountOf(call.caller, call.query.account_id);
    const id = call.parameter("id");
    if (!(await deleteProviderKey(call.ports.database, accountId, id))) {
      throw new GatewayError("not_found", "There is no such provider key.");
    }
    await forget(call, accountId);
    return { id, deleted: true as const };
  },
});

function unknownProvider(provider: string): GatewayError {
  return new GatewayError(
    "invalid_value",
    `No key can be brought for ${echo(provider)}: it is no provider of this gateway that takes one, or it needs settings that only the operator can make.`,
    { param: "provider" },
  );
}

export const PROVIDER_KEY_ROUTES: readonly Route[] = [save, list, remove];
