import { expect, test } from "vitest";
import { authorized } from "../../lib/routing/candidate.ts";
import { candidateOf } from "../support/replay-stream.ts";

const SECRET = "AIzaSyCanary0123456789";
const REQUEST = { method: "POST", url: "https://host/v1/x", headers: { a: "b" }, body: "{}" } as const;

test.each([
  ["openai", "authorization", `Bearer ${SECRET}`],
  ["anthropic", "x-api-key", SECRET],
  ["google-ai-studio", "x-goog-api-key", SECRET],
])("K19 %s gets its key in the header %s, never in the URL or the body", (provider, header, value) => {
  const request = authorized(REQUEST, { ...candidateOf(provider), credential: { id: "1", secret: SECRET } });
  expect(request).toEqual({ ...REQUEST, headers: { a: "b", [header]: value } });
});

test("a provider that needs no key gets none", () => {
  expect(authorized(REQUEST, { ...candidateOf("ollama"), credential: null })).toEqual(REQUEST);
});
