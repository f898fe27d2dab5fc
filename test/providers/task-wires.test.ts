import { expect, test } from "vitest";
import type { JsonObject } from "../../lib/protocol/json.ts";
import { parseEmbeddings } from "../../lib/protocol/tasks/embeddings.ts";
import { parseImages } from "../../lib/protocol/tasks/images.ts";
import { parseRerank } from "../../lib/protocol/tasks/rerank.ts";
import type { ParsedTask } from "../../lib/protocol/tasks/task.ts";
import { PROVIDERS } from "../../lib/providers/provider-list.ts";
import { taskWireFor } from "../../lib/providers/tasks/task-wires.ts";

const BASE = "https://provider.test";

function ask(id: string, nativeModel: string, call: ParsedTask) {
  const provider = PROVIDERS.find((each) => each.id === id);
  const wire = provider === undefined ? null : taskWireFor(provider, call.format.name);
  if (provider === undefined || wire === null) throw new Error(`${id} does no ${call.format.name}`);
  const { request, ignoredParameters } = wire.encode({ provider, baseUrl: BASE, nativeModel, call });
  const body: unknown = typeof request.body === "string" ? JSON.parse(request.body) : null;
  const decode = (reply: JsonObject) => wire.decodeReply(reply, JSON.stringify(reply), call);
  return { wire, url: request.url, body, ignoredParameters, decode };
}

const images = (more: object) => {
  const body = { model: "m", prompt: "a ship", ...more };
  return parseImages(body, JSON.stringify(body));
};

/** ai.google.dev/gemini-api/docs/image-generation (read 2026-11-25). */
test("Gemini's own image models answer as in a chat, and are metered by its usage", () => {
  const { url, body, decode } = ask("google-ai-studio", "gemini-2.5-flash-image", images({ style: "vivid" }));
  expect(url).toBe(`${BASE}/models/gemini-2.5-flash-image:generateContent`);
  expect(body).toMatchObject({ contents: [{ role: "user", parts: [{ text: "a ship" }] }] });
  const parts = [{ text: "Here it is." }, { inlineData: { mimeType: "image/png", data: "cGlj" } }];
  const usageMetadata = { promptTokenCount: 5, candidatesTokenCount: 1295, totalTokenCount: 1300 };
  const answer = decode({ candidates: [{ content: { parts } }], usageMetadata });
  expect(JSON.parse(answer?.text ?? "")).toMatchObject({ data: [{ b64_json: "cGlj" }] });
  expect(answer?.consumed).toMatchObject({ inputTokens: 5, imageOutputTokens: 1295, imageHundredths: 100 });
  expect(decode({ candidates: [{ content: { parts: [{ text: "No." }] } }] })).toBeNull();
});

test("Imagen at Vertex stands below its maker's name; what it cannot do is refused before anything is held", () => {
  const { url, wire } = ask("google-vertex", "imagen-3.0-generate-001", images({}));
  expect(url).toBe(`${BASE}/publishers/google/models/imagen-3.0-generate-001:predict`);
  for (const more of [{ stream: true }, { response_format: "url" }, { n: 5 }]) {
    expect(wire.refusal(images(more), "imagen-3.0-generate-001")?.status).toBe(400);
  }
});

test("Gemini's embeddings take texts, no tokens", () => {
  const embed = (input: string[] | number[]) => {
    const body = { model: "m", input, user: "u" };
    return parseEmbeddings(body, JSON.stringify(body));
  };
  const { wire, body, ignoredParameters } = ask("google-ai-studio", "gemini-embedding-001", embed(["a", "b"]));
  expect(body).toEqual({
    requests: ["a", "b"].map((text) => ({ model: "models/gemini-embedding-001", content: { parts: [{ text }] } })),
  });
  expect(ignoredParameters).toEqual(["user"]);
  expect(wire.refusal(embed([1, 2]), "gemini-embedding-001")?.code).toBe("unsupported_parameter");
});

/** docs.cohere.com/reference/rerank (read 2026-11-25). */
test("Cohere's rerank is metered by the searches that it bills", () => {
  const body = { model: "m", query: "q", documents: ["a", "b"] };
  const { url, decode } = ask("cohere", "rerank-v3.5", parseRerank(body, JSON.stringify(body)));
  expect(url).toBe(`${BASE}/rerank`);
  const reply = {
    results: [{ index: 1, relevance_score: 0.9 }],
    id: "07734bd2",
    meta: { api_version: { version: "2" }, billed_units: { search_units: 1 } },
  };
  expect(decode(reply)?.consumed).toMatchObject({ searches: 1 });
  expect(decode({ message: "no" })).toBeNull();
});
