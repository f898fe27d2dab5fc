import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createApiKey, isWellFormedKey } from "../../lib/accounts/api-key.ts";
import { KeyHasher, secretsMatch } from "../../lib/accounts/key-hasher.ts";

const runs = { numRuns: Number(process.env["PROPERTY_RUNS"] ?? 300) };
const environment = fc.constantFrom("live", "test", "staging", "dev");

describe("API keys", () => {
  test("P25 a key that was made is well formed", () => {
    fc.assert(
      fc.property(environment, (name) => {
        const key = createApiKey(name);
        expect(key).toMatch(/^gw_(live|test|staging|dev)_[A-Za-z0-9_-]{43}$/);
        expect(isWellFormedKey(key)).toBe(true);
      }),
      runs,
    );
  });

  test("P25 one wrong character fails the checksum", () => {
    const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    fc.assert(
      fc.property(environment, fc.nat(42), fc.constantFrom(...alphabet), (name, at, character) => {
        const key = createApiKey(name);
        const index = key.length - 43 + at;
        fc.pre(key.charAt(index) !== character);
        expect(isWellFormedKey(key.slice(0, index) + character + key.slice(index + 1))).toBe(false);
      }),
      runs,
    );
  });

  test("P25 another environment's name, two swapped characters, a character more or less", () => {
    fc.assert(
      fc.property(fc.nat(41), (at) => {
        const key = createApiKey("live");
        expect(isWellFormedKey(key.replace("gw_live_", "gw_test_"))).toBe(false);
        expect(isWellFormedKey(key.slice(0, -1))).toBe(false);
        expect(isWellFormedKey(`${key}A`)).toBe(false);
        const index = key.length - 43 + at;
        const [first, second] = [key.charAt(index), key.charAt(index + 1)];
        fc.pre(first !== second);
        expect(isWellFormedKey(key.slice(0, index) + second + first + key.slice(index + 2))).toBe(false);
      }),
      runs,
    );
  });

  test("B4 any other text is not a key", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.string({ unit: "binary" }),
          fc.string().map((text) => `gw_live_${text}`),
        ),
        (text) => {
          expect(isWellFormedKey(text)).toBe(false);
        },
      ),
      runs,
    );
  });

  test("keys do not repeat and use their whole alphabet", () => {
    const keys = Array.from({ length: 2_000 }, () => createApiKey("live").slice(8, -6));
    expect(new Set(keys).size).toBe(keys.length);
    expect(new Set(keys.join("")).size).toBe(64);
  });
});

describe("hashing", () => {
  test("CM-1.3 a key's hash is 64 lower-case hex digits of HMAC-SHA-256 under the salt", async () => {
    const hasher = new KeyHasher("key");
    // The test vector of RFC 4231's kind that Wikipedia's article on HMAC gives for SHA-256.
    expect(await hasher.hash("The quick brown fox jumps over the lazy dog")).toBe(
      "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8",
    );
    const key = createApiKey("live");
    expect(await hasher.hash(key)).toMatch(/^[0-9a-f]{64}$/);
    expect(await hasher.hash(key)).toBe(await new KeyHasher("key").hash(key));
    expect(await hasher.hash(key)).not.toBe(await new KeyHasher("kez").hash(key));
    expect(await hasher.hash(key)).not.toBe(await hasher.hash(createApiKey("live")));
  });

  test("K30 secrets match only when equal, whatever their length", async () => {
    await fc.assert(
      fc.asyncProperty(fc.string(), fc.string(), async (a, b) => {
        expect(await secretsMatch(a, b)).toBe(a === b);
        expect(await secretsMatch(a, a)).toBe(true);
      }),
      runs,
    );
  });
});
