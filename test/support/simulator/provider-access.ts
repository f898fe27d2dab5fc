import { createHash, createHmac, createVerify, generateKeyPairSync, type KeyObject } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { PROVIDERS } from "../../../lib/providers/provider-list.ts";

/** A key that a provider of the simulator accepts, the first or another; beside `customerKey` it accepts no other. */
export function providerKey(provider: string, number = 1): string {
  return number === 1 ? `key-of-${provider}` : `key-of-${provider}+${number}`;
}

/** The key that a request brings, whichever way its vendor takes it. */
export function keyIn(headers: IncomingHttpHeaders): string {
  const bearer = headers.authorization?.replace(/^Bearer /, "");
  return String(headers["x-api-key"] ?? headers["api-key"] ?? headers["x-goog-api-key"] ?? bearer ?? "");
}

/** The headers as if each key were its provider's first. */
export function withFirstKeys(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, String(value).replace(/\+\d+$/, "")]),
  );
}

const AWS_ACCESS_KEY_ID = "AKIASIMULATED0000000";
const AWS_SESSION_TOKEN = "session/of+the+simulator==";

/** The variables that make a gateway use the simulator for a provider. */
export function providerVariables(
  provider: string,
  baseUrl: string,
  serviceAccount: () => string,
): Record<string, string> {
  const name = provider.toUpperCase().replaceAll("-", "_");
  const { apiKeyVariable = null, alsoSpeaks = {} } = PROVIDERS.find(({ id }) => id === provider) ?? {};
  const { origin } = new URL(baseUrl);
  const formats = Object.entries(alsoSpeaks).flatMap(([format, url]) =>
    url === null
      ? []
      : [[`${name}_${format.toUpperCase()}_BASE_URL`, `${origin}/${provider}${new URL(url).pathname}`] as const],
  );
  const elsewhere = { [`${name}_BASE_URL`]: baseUrl, ...Object.fromEntries(formats) };
  switch (provider) {
    case "google-vertex":
      return { ...elsewhere, GOOGLE_VERTEX_CREDENTIALS_JSON: serviceAccount() };
    case "bedrock":
      return { ...elsewhere, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY: providerKey(provider), AWS_SESSION_TOKEN };
    default:
      return { ...elsewhere, [apiKeyVariable ?? `${name}_API_KEY`]: providerKey(provider) };
  }
}

/** Google's token endpoint: hands a token to whoever signs for its one service account. */
export class TokenIssuer {
  readonly #uri: string;
  #keys: { readonly publicKey: KeyObject; readonly privateKey: KeyObject } | null = null;
  #issued = 0;

  constructor(uri: string) {
    this.#uri = uri;
  }

  /** The key file of the service account. */
  serviceAccount(): string {
    this.#keys ??= generateKeyPairSync("rsa", { modulusLength: 2048 });
    return JSON.stringify({
      type: "service_account",
      project_id: "simulated",
      private_key_id: "kid-simulated",
      private_key: this.#keys.privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
      client_email: "gateway@simulated.iam.gserviceaccount.com",
      token_uri: this.#uri,
    });
  }

  /** The reply to a form with an assertion, or null for one that is not signed as it must be. */
  issue(form: string): string | null {
    const assertion = new URLSearchParams(form).get("assertion") ?? "";
    const [head = "", claims = "", signature = ""] = assertion.split(".");
    const verify = createVerify("RSA-SHA256").update(`${head}.${claims}`);
    if (this.#keys === null || !verify.verify(this.#keys.publicKey, signature, "base64url")) return null;
    const { aud, exp, iat } = JSON.parse(Buffer.from(claims, "base64url").toString());
    if (aud !== this.#uri || exp - iat > 3_600 || exp * 1000 < Date.now()) return null;
    this.#issued += 1;
    return JSON.stringify({ access_token: `${TOKEN}.${this.#issued}`, expires_in: 3_599, token_type: "Bearer" });
  }

  accepts(authorization: string | undefined): boolean {
    return authorization?.startsWith(`Bearer ${TOKEN}.`) === true;
  }
}

const TOKEN = "ya29.simulated";

export interface SignedRequest {
  readonly method: string;
  /** As it came, escapes and all. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** True when AWS's signature on a request without a query is the one of our key (reference_sigv-create-signed-request.html). */
export function isSignedForAws({ method, path, headers, text }: SignedRequest): boolean {
  const shape =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([\w-]+)\/bedrock\/aws4_request, SignedHeaders=([\w;-]+), Signature=(\w{64})$/;
  const [, accessKeyId = "", date = "", region = "", signed = "", signature] =
    shape.exec(headers.authorization ?? "") ?? [];
  const names = signed.split(";");
  if (accessKeyId !== AWS_ACCESS_KEY_ID || headers["x-amz-security-token"] !== AWS_SESSION_TOKEN) return false;
  if (!["host", "x-amz-date", "x-amz-security-token"].every((name) => names.includes(name))) return false;
  // Every service but S3 escapes the escaped path once more.
  const canonicalPath = path.split("/").map(encodeURIComponent).join("/");
  const lines = names.map((name) => `${name}:${String(headers[name]).trim()}\n`).join("");
  const canonical = [method, canonicalPath, "", lines, signed, sha256(text)].join("\n");
  const scope = `${date}/${region}/bedrock/aws4_request`;
  const toSign = ["AWS4-HMAC-SHA256", headers["x-amz-date"], scope, sha256(canonical)].join("\n");
  const key = [date, region, "bedrock", "aws4_request"].reduce<string | Buffer>(
    (own, part) => createHmac("sha256", own).update(part).digest(),
    `AWS4${providerKey("bedrock")}`,
  );
  return createHmac("sha256", key).update(toSign).digest("hex") === signature;
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
