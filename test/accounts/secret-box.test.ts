import fc from "fast-check";
import { expect, test } from "vitest";
import { SecretBox } from "../../lib/accounts/secret-box.ts";

const key = (id: string, byte: number) => ({ id, secret: Buffer.alloc(32, byte).toString("base64") });
const box = new SecretBox([key("k1", 1)]);

test("P26 what was sealed opens again, after a rotation too, and never reads the same twice", async () => {
  const rotated = new SecretBox([key("k2", 2), key("k1", 1)]);
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: "grapheme" }), fc.string(), async (text, context) => {
      const sealed = await box.seal(text, context);
      expect(await box.open(sealed, context)).toBe(text);
      expect(await rotated.open(sealed, context)).toBe(text);
      expect(await box.seal(text, context)).not.toBe(sealed);
      expect(await rotated.seal(text, context)).toMatch(/^k2\./);
    }),
    { numRuns: 50 },
  );
});

test("P26 F57 what was changed, belongs elsewhere, or is under a key that is gone does not open", async () => {
  const sealed = await box.seal("sk-secret", "a");
  for (let at = 0; at < sealed.length; at++) {
    const other = sealed[at] === "A" ? "B" : "A";
    // The last character of a base64 group may stand for bits that are not used.
    if (sealed[at + 1] === "=" || sealed[at] === "=" || sealed[at] === ".") continue;
    await expect(box.open(sealed.slice(0, at) + other + sealed.slice(at + 1), "a")).rejects.toThrow();
  }
  await expect(box.open(sealed, "b")).rejects.toThrow();
  await expect(new SecretBox([key("k2", 1)]).open(sealed, "a")).rejects.toThrow();
  for (const garbage of ["", ".", "k1", "k1.x.y", "k1.AAAA.AAAA"])
    await expect(box.open(garbage, "a")).rejects.toThrow();
});

test("F57 without a key nothing is sealed, and the operator is told what to set", async () => {
  const none = new SecretBox([]);
  expect(none.isConfigured).toBe(false);
  await expect(none.seal("x", "a")).rejects.toMatchObject({
    code: "encryption_not_configured",
    message: expect.stringContaining("ENCRYPTION_KEYS"),
  });
});
