import { generateKeyPairSync } from "node:crypto";
import { jwtVerify } from "jose";
import { beforeAll, describe, expect, test } from "vitest";
import type { UpstreamReply, UpstreamRequest } from "../../lib/ports/upstream.ts";
import { AccessTokens } from "../../lib/providers/access-tokens.ts";
import { AuthorizationError } from "../../lib/providers/authorization-error.ts";
import { type AuthorizationScheme, authorize } from "../../lib/providers/authorize.ts";
import { authorized } from "../../lib/routing/candidate.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import { candidateOf } from "../support/replay-stream.ts";

const SECRET = "AIzaSyCanary0123456789";
const REQUEST: UpstreamRequest = { method: "POST", url: "https://host/v1/x", headers: { a: "b" }, body: "{}" };
const NEVER = new AbortController().signal;

const NO_CALLS = {
  clock: createFakeClock(),
  callUpstream: () => Promise.reject(new Error("nobody is to be called")),
  accessTokens: new AccessTokens(),
};

test.each([
  ["openai", "authorization", `Bearer ${SECRET}`],
  ["anthropic", "x-api-key", SECRET],
  ["google-ai-studio", "x-goog-api-key", SECRET],
])("K19 %s gets its key in the header %s, never in the URL or the body", async (provider, header, value) => {
  const candidate = { ...candidateOf(provider), credential: { id: "1", secret: SECRET } };
  const request = await authorized(REQUEST, candidate, NO_CALLS, NEVER);
  expect(request).toEqual({ ...REQUEST, headers: { a: "b", [header]: value } });
});

test.each<[AuthorizationScheme, string, string]>([
  ["key", "authorization", `Key ${SECRET}`],
  ["api-key", "api-key", SECRET],
])("K19 the scheme %s puts the key into %s", async (scheme, header, value) => {
  const request = await authorize(REQUEST, scheme, { id: "1", secret: SECRET }, NO_CALLS, NEVER);
  expect(request).toEqual({ ...REQUEST, headers: { a: "b", [header]: value } });
});

test("a provider that needs no key gets none", async () => {
  const candidate = { ...candidateOf("ollama"), credential: null };
  expect(await authorized(REQUEST, candidate, NO_CALLS, NEVER)).toEqual(REQUEST);
});

describe("a Google service account", () => {
  const HOUR_MS = 3_600_000;
  const TOKEN_URI = "https://oauth2.googleapis.com/token";
  let keys: { readonly publicKey: ReturnType<typeof generateKeyPairSync>["publicKey"]; readonly privateKey: string };

  beforeAll(() => {
    const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    keys = { publicKey, privateKey: privateKey.export({ type: "pkcs8", format: "pem" }).toString() };
  });

  const account = (changes: object = {}) =>
    JSON.stringify({
      type: "service_account",
      private_key_id: "kid-1",
      private_key: keys.privateKey,
      client_email: "gangway@project.iam.gserviceaccount.com",
      token_uri: TOKEN_URI,
      ...changes,
    });

  function issuer(answer: (count: number) => UpstreamReply | Promise<UpstreamReply> = issues) {
    const calls: UpstreamRequest[] = [];
    const clock = createFakeClock();
    const callUpstream = async (request: UpstreamRequest) => {
      calls.push(request);
      return answer(calls.length);
    };
    const ports = { clock, callUpstream, accessTokens: new AccessTokens() };
    const ask = async (secret = account(), signal = NEVER, url = REQUEST.url) => {
      const request = { ...REQUEST, url };
      const { headers } = await authorize(request, "google-service-account", { id: "1", secret }, ports, signal);
      return headers["authorization"];
    };
    return { ask, calls, clock, ports };
  }

  const reply = (status: number, text: string): UpstreamReply => ({
    status,
    header: () => null,
    body: { text: () => Promise.resolve(text), cancel: () => {}, async *[Symbol.asyncIterator]() {} },
  });
  const issues = (count: number) =>
    reply(200, JSON.stringify({ access_token: `ya29.${count}`, expires_in: 3_599, token_type: "Bearer" }));

  test("signs a JWT for the token endpoint and sends the token that it gets", async () => {
    const { ask, calls, clock } = issuer();
    expect(await ask()).toBe("Bearer ya29.1");
    expect(calls[0]).toMatchObject({ method: "POST", url: TOKEN_URI });
    const form = new URLSearchParams(String(calls[0]?.body));
    expect(form.get("grant_type")).toBe("urn:ietf:params:oauth:grant-type:jwt-bearer");
    const seconds = clock.now() / 1000;
    const { payload, protectedHeader } = await jwtVerify(form.get("assertion") ?? "", keys.publicKey, {
      audience: TOKEN_URI,
      currentDate: new Date(clock.now()),
    });
    expect(protectedHeader).toEqual({ alg: "RS256", typ: "JWT", kid: "kid-1" });
    expect(payload).toMatchObject({
      iss: "gangway@project.iam.gserviceaccount.com",
      scope: "https://www.googleapis.com/auth/cloud-platform",
      iat: seconds,
      exp: seconds + 3_600,
    });
  });

  test("a token serves until shortly before its end, then a new one is fetched", async () => {
    const { ask, calls, clock } = issuer();
    await ask();
    await clock.advance(HOUR_MS - 310_000);
    expect(await ask()).toBe("Bearer ya29.1");
    expect(calls).toHaveLength(1);
    await clock.advance(20_000);
    expect(await ask()).toBe("Bearer ya29.2");
    expect(calls).toHaveLength(2);
  });

  test("many calls at once are one exchange", async () => {
    const { ask, calls } = issuer();
    const tokens = await Promise.all(Array.from({ length: 20 }, () => ask()));
    expect(new Set(tokens)).toEqual(new Set(["Bearer ya29.1"]));
    expect(calls).toHaveLength(1);
  });

  test("every key has a token of its own", async () => {
    const { ask, calls } = issuer();
    expect(await ask()).toBe("Bearer ya29.1");
    expect(await ask(account({ client_email: "other@project.iam.gserviceaccount.com" }))).toBe("Bearer ya29.2");
    expect(await ask()).toBe("Bearer ya29.1");
    expect(calls).toHaveLength(2);
  });

  test("a renewal that fails leaves the old token in use while it lasts", async () => {
    const { ask, calls, clock } = issuer((count) => (count === 1 ? issues(1) : reply(503, "")));
    await ask();
    await clock.advance(HOUR_MS - 200_000);
    expect(await ask()).toBe("Bearer ya29.1");
    expect(await ask()).toBe("Bearer ya29.1");
    expect(calls).toHaveLength(2); // not asked again with every call
    await clock.advance(195_000);
    await expect(ask()).rejects.toMatchObject({ reason: "unreachable" });
  });

  test("a token that was refused is not used again", async () => {
    const { ask, ports } = issuer();
    await ask();
    ports.accessTokens.forget(account());
    expect(await ask()).toBe("Bearer ya29.2");
  });

  test.each([
    [400, '{"error":"invalid_grant"}', "credentials"],
    [401, '{"error":"invalid_client"}', "credentials"],
    [429, "", "unreachable"],
    [500, "<html>", "unreachable"],
    [200, "<html>", "unreachable"],
  ])("an endpoint that answers %d %s means %s", async (status, text, reason) => {
    const { ask } = issuer(() => reply(status, text));
    await expect(ask()).rejects.toMatchObject({ name: "AuthorizationError", reason });
  });

  test("an endpoint that is down, or silent, is unreachable, and is asked anew by the next call", async () => {
    const asked = Promise.withResolvers<void>();
    const { ask, clock } = issuer((count) => {
      if (count === 1) throw new Error("refused");
      if (count > 2) return issues(count);
      asked.resolve();
      return Promise.withResolvers<UpstreamReply>().promise;
    });
    await expect(ask()).rejects.toMatchObject({ reason: "unreachable" });
    const silent = expect(ask()).rejects.toMatchObject({ reason: "unreachable" });
    await asked.promise;
    await clock.advance(10_000);
    await silent;
    expect(await ask()).toBe("Bearer ya29.3");
  });

  test("who leaves while the token is fetched does not take it from the others", async () => {
    const token = Promise.withResolvers<UpstreamReply>();
    const { ask, calls } = issuer(() => token.promise);
    const leaving = new AbortController();
    const left = ask(account(), leaving.signal);
    const stays = ask();
    leaving.abort(new Error("gone"));
    await expect(left).rejects.toThrow("gone");
    token.resolve(issues(1));
    expect(await stays).toBe("Bearer ya29.1");
    expect(calls).toHaveLength(1);
  });

  test.each([
    ["no JSON", "AIzaSyNoJson"],
    ["no service account", '{"type":"authorized_user"}'],
    ["an unreadable private key", JSON.stringify({ client_email: "a@b", private_key: "canary-of-the-key" })],
  ])("%s is a bad key, and its text stays unsaid", async (_, secret) => {
    const { ask, calls } = issuer();
    const error: unknown = await ask(secret).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(AuthorizationError);
    expect(error).toMatchObject({ reason: "credentials" });
    expect(String(error)).not.toMatch(/canary|AIza/);
    expect(calls).toEqual([]);
  });

  test("a key cannot name any address as its token endpoint (SSRF)", async () => {
    const { ask, calls } = issuer();
    for (const token_uri of [
      "http://169.254.169.254/token",
      "https://googleapis.com.evil.example/token",
      "https://storage.googleapis.com/anybody/token",
      "https://oauth2.googleapis.com:1/token",
    ]) {
      await expect(ask(account({ token_uri }))).rejects.toMatchObject({ reason: "credentials" });
    }
    expect(calls).toEqual([]);
    // An operator's own address for the provider is trusted with its tokens too.
    const own = account({ token_uri: "http://127.0.0.1:9/token" });
    expect(await ask(own, NEVER, "http://127.0.0.1:9/v1/x")).toBe("Bearer ya29.1");
  });
});
