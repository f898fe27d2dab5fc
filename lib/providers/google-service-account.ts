import { importPKCS8, SignJWT } from "jose";
import * as z from "zod";
import type { Ports } from "../ports/ports.ts";
import type { UpstreamReply } from "../ports/upstream.ts";
import type { AccessToken } from "./access-tokens.ts";
import { AuthorizationError } from "./authorization-error.ts";

/** The key file of a service account (cloud.google.com/iam/docs/keys-create-delete, read 2026-11-25). */
const serviceAccount = z.looseObject({
  client_email: z.string().min(1),
  private_key: z.string().min(1),
  private_key_id: z.string().optional(),
  token_uri: z.url({ protocol: /^https?$/ }).default("https://oauth2.googleapis.com/token"),
});
type ServiceAccount = z.infer<typeof serviceAccount>;

/** developers.google.com/identity/protocols/oauth2/service-account, "HTTP/REST" (read 2026-11-25). */
const tokenReply = z.looseObject({ access_token: z.string().min(1), expires_in: z.number().positive() });
const SCOPE = "https://www.googleapis.com/auth/cloud-platform";
const GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/** Google accepts an hour at the most. */
const ASSERTION_SECONDS = 3_600;
const MAX_REPLY_BYTES = 64 * 1024;

/**
 * Exchanges a service account's key for an access token: a JWT, signed with RS256, for a bearer token of an hour.
 * @param keyJson the service account's key file
 * @param requestUrl where the token will be used: a token endpoint is one of Google's, or on that very origin
 * @throws AuthorizationError
 */
export async function exchangeServiceAccount(
  ports: Pick<Ports, "clock" | "callUpstream">,
  keyJson: string,
  requestUrl: string,
  signal: AbortSignal,
): Promise<AccessToken> {
  const account = readAccount(keyJson);
  assertTokenEndpoint(account.token_uri, requestUrl);
  const askedAtMs = ports.clock.now();
  const assertion = await sign(account, Math.floor(askedAtMs / 1000));
  const reply = await ask(ports, account.token_uri, assertion, signal);
  const { access_token: value, expires_in: lifeSeconds } = readToken(reply.status, reply.text);
  return { value, expiresAtMs: askedAtMs + lifeSeconds * 1000 };
}

function readAccount(keyJson: string): ServiceAccount {
  try {
    return serviceAccount.parse(JSON.parse(keyJson));
  } catch {
    throw new AuthorizationError("credentials", "The key is not the JSON of a service account.");
  }
}

/** Those that Google has written into key files over the years. */
const TOKEN_ENDPOINTS: ReadonlySet<string> = new Set([
  "https://oauth2.googleapis.com/token",
  "https://www.googleapis.com/oauth2/v4/token",
  "https://accounts.google.com/o/oauth2/token",
]);

/** A key may be a caller's own: what is written in it must not make us call any address (SSRF). */
function assertTokenEndpoint(tokenUri: string, requestUrl: string): void {
  if (TOKEN_ENDPOINTS.has(tokenUri) || new URL(tokenUri).origin === new URL(requestUrl).origin) return;
  throw new AuthorizationError("credentials", "The key's token_uri is not Google's.");
}

async function sign(account: ServiceAccount, nowSeconds: number): Promise<string> {
  const keyId = account.private_key_id === undefined ? {} : { kid: account.private_key_id };
  try {
    return await new SignJWT({ scope: SCOPE })
      .setProtectedHeader({ alg: "RS256", typ: "JWT", ...keyId })
      .setIssuer(account.client_email)
      .setAudience(account.token_uri)
      .setIssuedAt(nowSeconds)
      .setExpirationTime(nowSeconds + ASSERTION_SECONDS)
      .sign(await importPKCS8(account.private_key, "RS256"));
  } catch {
    // Not as the cause: what a parser says of a key may quote it.
    throw new AuthorizationError("credentials", "The service account's private key is not readable.");
  }
}

async function ask(
  ports: Pick<Ports, "callUpstream">,
  url: string,
  assertion: string,
  signal: AbortSignal,
): Promise<{ readonly status: number; readonly text: string }> {
  const body = new URLSearchParams({ grant_type: GRANT_TYPE, assertion }).toString();
  const headers = { "content-type": "application/x-www-form-urlencoded" };
  try {
    const reply: UpstreamReply = await ports.callUpstream({ method: "POST", url, headers, body }, signal);
    return { status: reply.status, text: await reply.body.text(MAX_REPLY_BYTES) };
  } catch (cause) {
    throw new AuthorizationError("unreachable", "The token endpoint did not answer.", { cause });
  }
}

/** `invalid_grant` and its kin come with 400 and 401: the key is revoked, or the clock is wrong. */
function readToken(status: number, text: string): z.infer<typeof tokenReply> {
  const passing = status === 408 || status === 429 || status >= 500;
  if (passing) throw new AuthorizationError("unreachable", `The token endpoint answered ${status}.`);
  if (status !== 200) throw new AuthorizationError("credentials", `The token endpoint refused the key with ${status}.`);
  try {
    return tokenReply.parse(JSON.parse(text));
  } catch {
    throw new AuthorizationError("unreachable", "The token endpoint's answer holds no token.");
  }
}
