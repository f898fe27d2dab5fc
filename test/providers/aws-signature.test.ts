import { expect, test } from "vitest";
import { signAwsRequest } from "../../lib/providers/aws-signature.ts";

/** AWS's published signature test suite, "aws-sig-v4-test-suite": its credential, moment, region and service. */
const SECRET = "AKIDEXAMPLE:wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const NOW_MS = Date.UTC(2015, 7, 30, 12, 36);
const HOST = "https://example.amazonaws.com";
const SESSION_TOKEN =
  "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==";

interface Vector {
  readonly name: string;
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signed: string;
  readonly signature: string;
  readonly secret?: string;
}

const PLAIN = "host;x-amz-date";
const VECTORS: readonly Vector[] = [
  { name: "get-vanilla", method: "GET", path: "/", signed: PLAIN, signature: "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31" },
  { name: "get-unreserved", method: "GET", path: "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", signed: PLAIN, signature: "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f" },
  { name: "get-vanilla-utf8-query", method: "GET", path: "/?ሴ=bar", signed: PLAIN, signature: "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04" },
  { name: "get-header-value-trim", method: "GET", path: "/", headers: { "My-Header1": " value1", "My-Header2": ' "a   b   c"' }, signed: "host;my-header1;my-header2;x-amz-date", signature: "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736" },
  { name: "post-vanilla", method: "POST", path: "/", signed: PLAIN, signature: "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b" },
  { name: "post-vanilla-query", method: "POST", path: "/?Param1=value1", signed: PLAIN, signature: "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11" },
  { name: "post-header-value-case", method: "POST", path: "/", headers: { "My-Header1": "VALUE1" }, signed: "host;my-header1;x-amz-date", signature: "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d" },
  { name: "post-sts-header-before", method: "POST", path: "/", signed: "host;x-amz-date;x-amz-security-token", signature: "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead", secret: `${SECRET}:${SESSION_TOKEN}` },
]; // biome-ignore format: a table

test.each(VECTORS)("AWS's vector $name", async ({ method, path, headers = {}, signed, signature, secret }) => {
  const request = { method, url: `${HOST}${path}`, headers, body: null };
  const result = await signAwsRequest(request, secret ?? SECRET, "service", NOW_MS);
  const credential = "AKIDEXAMPLE/20150830/us-east-1/service/aws4_request";
  expect(result.headers["authorization"]).toBe(
    `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=${signed}, Signature=${signature}`,
  );
  expect(result.headers["x-amz-date"]).toBe("20150830T123600Z");
});

test.each([
  ["https://bedrock-runtime.eu-central-1.amazonaws.com/model/m/converse", "eu-central-1"],
  ["https://bedrock-runtime-fips.us-gov-west-1.amazonaws.com/model/m/converse", "us-gov-west-1"],
  ["https://vpce-0a1-b2c.bedrock-runtime.ap-southeast-2.vpce.amazonaws.com/model/m/converse", "ap-southeast-2"],
  ["http://127.0.0.1:9/model/m/converse", "us-east-1"],
])("%s is signed for %s", async (url, region) => {
  const { headers } = await signAwsRequest({ method: "POST", url, headers: {}, body: "{}" }, SECRET, "bedrock", NOW_MS);
  expect(headers["authorization"]).toContain(`AKIDEXAMPLE/20150830/${region}/bedrock/aws4_request`);
});

test("the body and a model's name in the path are part of what is signed", async () => {
  const sign = async (url: string, body: string) => {
    const { headers } = await signAwsRequest({ method: "POST", url, headers: {}, body }, SECRET, "bedrock", NOW_MS);
    return headers["authorization"];
  };
  const url = `${HOST}/model/anthropic.claude-v1%3A0/converse`;
  const signatures = [await sign(url, "{}"), await sign(url, "[]"), await sign(url.replace("0/", "1/"), "{}")];
  expect(new Set(signatures).size).toBe(3);
});

test.each(["", "AKIDEXAMPLE", ":secret", "AKIDEXAMPLE:"])("%j is no key of AWS's", async (secret) => {
  const request = { method: "POST", url: HOST, headers: {}, body: "{}" } as const;
  await expect(signAwsRequest(request, secret, "bedrock", NOW_MS)).rejects.toMatchObject({ reason: "credentials" });
});
