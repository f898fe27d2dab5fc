import { expect } from "vitest";
import { ERROR_CATALOG, type ErrorCode } from "../../lib/errors/error-catalog.ts";
import { ADMIN_KEY, SALT, type TestApp } from "./test-app.ts";

const PROMPT_CANARY = "PROMPTCANARY-7f3a";
const PROVIDER_KEY_CANARY = "sk-provider-canary-0123456789";

export const CHAT = "/v1/chat/completions";
export const MESSAGES = "/v1/messages";

/** A valid body of either route, with a canary for its prompt. */
export const VALID_BODY = {
  model: "openai/gpt-4o-mini",
  max_tokens: 16,
  messages: [{ role: "user", content: PROMPT_CANARY }],
};

export interface Refusal {
  readonly message: string;
  readonly param: string | null;
  readonly headers: Headers;
}

/**
 * Sends the request and expects the row's error in the dialect of its path, and that nothing else happened: no hold, no
 * call of a provider, nothing charged, nothing secret in a log line or in the reply.
 */
export async function expectRefused(app: TestApp, request: Request, code: ErrorCode): Promise<Refusal> {
  const anthropic = request.url.includes("/v1/messages") || request.headers.has("anthropic-version");
  const callsBefore = app.upstreamCalls.length;
  const holds = () => Object.keys(app.redisContent()).filter((key) => key.startsWith("gw:h:"));
  const holdsBefore = holds();
  const response = await app.fetch(request);
  const text = await response.text();
  await app.settle();

  const entry = ERROR_CATALOG[code];
  const body: unknown = JSON.parse(text);
  expect(body).toMatchObject(
    anthropic
      ? { type: "error", error: { type: entry.anthropic, message: expect.any(String) } }
      : { error: { type: entry.openai, code, message: expect.any(String) } },
  );
  expect(response.status).toBe(entry.status);
  const { error } = body as { error: { message: string; param?: string | null } };
  expect(error.message.length).toBeLessThanOrEqual(300);

  const requestId = response.headers.get("x-request-id");
  expect(requestId).toMatch(/^req_[0-9a-f]{32}$/);
  expect(text).toContain(String(requestId));
  expect(response.headers.get("request-id")).toBe(anthropic ? requestId : null);
  if (entry.status === 401) expect(response.headers.get("www-authenticate")).toBe("Bearer");

  expect(app.upstreamCalls.length).toBe(callsBefore);
  expect(holds()).toEqual(holdsBefore);
  expectNoSecrets(app, text);
  return { message: error.message, param: error.param ?? null, headers: response.headers };
}

/** No log line and none of `texts` holds a key, the salt or a prompt. */
export function expectNoSecrets(app: TestApp, ...texts: readonly string[]): void {
  const everything = [...app.logLines, ...texts].join("\n");
  for (const secret of [app.key, SALT, ADMIN_KEY, PROVIDER_KEY_CANARY, PROMPT_CANARY]) {
    expect(everything).not.toContain(secret);
    expect(everything).not.toContain(secret.slice(0, 14));
  }
}

/** Nobody was charged in this test file so far, and nothing is held. */
export async function expectUncharged(app: TestApp): Promise<void> {
  const rows = await app.ports.database.selectFrom("credit_account").select(["purchased", "held"]).execute();
  expect(rows).toEqual([{ purchased: "5000000000", held: "0" }]);
}
