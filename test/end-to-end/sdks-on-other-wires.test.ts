import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { addModel } from "../support/add-model.ts";
import { fault } from "../support/simulator/fault.ts";
import { type Simulator, startSimulator } from "../support/simulator/start-simulator.ts";
import { startGateway, type TestGateway } from "../support/start-gateway.ts";
import { describeAnthropicSdk } from "./anthropic-sdk-suite.ts";
import { describeOpenAiSdk } from "./openai-sdk-suite.ts";
import type { SdkModel, SdkTarget } from "./sdk-target.ts";

/** A model for each way in which a provider is asked other than by the first three wires. */
const MODELS: readonly SdkModel[] = [
  { model: "google/gemini-2.5-flash", provider: "google-vertex", wire: "gemini", nativeModel: "gemini-2.5-flash" },
  { model: "acme/claude", provider: "google-vertex", wire: "anthropic", nativeModel: "claude-sonnet-4-5@20250929" },
  { model: "acme/open", provider: "google-vertex", wire: "openai", nativeModel: "openai/gpt-oss-120b-maas" },
  {
    model: "acme/claude-at-aws", provider: "bedrock", wire: "bedrock",
    nativeModel: "us.anthropic.claude-sonnet-4-5-20250929-v1:0", lacks: ["choices", "reasoning-tokens"],
  },
  { model: "acme/deployed", provider: "azure-openai", wire: "openai", nativeModel: "my-deployment" },
  {
    model: "acme/command", provider: "cohere", wire: "cohere",
    nativeModel: "command-a-reasoning-08-2025", lacks: ["choices", "caching", "reasoning-tokens"],
  },
  { model: "acme/llama", provider: "cloudflare-workers-ai", wire: "openai", nativeModel: "@cf/meta/llama-3.3-70b-instruct-fp8-fast" },
]; // biome-ignore format: a table

let simulator: Simulator;
let gateway: TestGateway;

beforeAll(async () => {
  simulator = await startSimulator();
  const providers = [...new Set(MODELS.map(({ provider }) => provider)), "groq"];
  gateway = await startGateway({ simulator, providers });
  const { database } = gateway.stores;
  for (const { model, provider, nativeModel } of MODELS) {
    if (model.startsWith("acme/")) await addModel(database, { id: model, offers: { [provider]: nativeModel } });
  }
  const both = { bedrock: "meta.llama3-3-70b-instruct-v1:0", "google-vertex": "meta/llama-maas", groq: "llama" };
  await addModel(database, { id: "acme/everywhere", offers: both });
});
afterAll(async () => {
  await gateway.stop();
  await simulator.close();
});
afterEach(async () => {
  simulator.reset();
  await gateway.resetBreakers();
  expect(await gateway.checkLedger()).toEqual([]);
});

const target = (path: string): SdkTarget => ({
  baseUrl: `${gateway.url}${path}`,
  key: gateway.key,
  simulator,
  forbidden: () => ({ path: `${gateway.url}/auth/register` }),
  seesAborts: true,
});

for (const served of MODELS) {
  const title = `${served.nativeModel} at ${served.provider}`;
  describeOpenAiSdk(title, served, () => target("/v1"));
  describeAnthropicSdk(title, served, () => target(""));
}

describe("a key that cannot be used sends the call elsewhere, and is told to the operator", () => {
  const ask = async (name: string) => {
    const reply = await gateway.post("/v1/chat/completions", {
      model: name,
      messages: [{ role: "user", content: "Hi" }],
    });
    return { status: reply.status, provider: reply.headers.get("x-gateway-provider") };
  };

  test("Google's token endpoint refuses the key, or is down", async () => {
    for (const failing of [fault.status(400), fault.status(503), fault.reset("request")]) {
      const fresh = await startGateway({ simulator, providers: ["google-vertex", "groq"] });
      const offers = { "google-vertex": "meta/llama-maas", groq: "llama" };
      await addModel(fresh.stores.database, { id: "acme/either", offers });
      simulator.next("google-oauth", failing);
      const body = { model: "acme/either", messages: [{ role: "user", content: "Hi" }] };
      const reply = await fresh.post("/v1/chat/completions", body);
      expect([reply.status, reply.headers.get("x-gateway-provider")]).toEqual([200, "groq"]);
      const refused = fresh.logLines.filter((line) => line.includes("provider_refused_our_key"));
      expect(refused).toHaveLength(failing.behaviour.status === 400 ? 1 : 0);
      expect(await fresh.checkLedger()).toEqual([]);
      await fresh.stop();
    }
  });

  test("AWS refuses the signature with 403, which is meant as 401", async () => {
    const environment = { AWS_SECRET_ACCESS_KEY: "another-secret" };
    const fresh = await startGateway({ simulator, providers: ["bedrock", "groq"], environment });
    const offers = { bedrock: "meta.llama3-3-70b-instruct-v1:0", groq: "llama" };
    await addModel(fresh.stores.database, { id: "acme/either", offers });
    const body = { model: "acme/either", messages: [{ role: "user", content: "Hi" }] };
    const reply = await fresh.post("/v1/chat/completions", body);
    expect([reply.status, reply.headers.get("x-gateway-provider")]).toEqual([200, "groq"]);
    expect(fresh.logLines.some((line) => line.includes("provider_refused_our_key"))).toBe(true);
    await fresh.stop();
  });

  test("a token that Google withdraws is asked for anew by the next call", async () => {
    const asked = () => simulator.log.count("google-oauth");
    await ask("google/gemini-2.5-flash");
    expect(asked()).toBe(0); // the suites above have brought one
    simulator.next("google-vertex", fault.status(401));
    expect((await ask("google/gemini-2.5-flash")).status).toBe(502);
    await gateway.resetBreakers();
    expect(await ask("google/gemini-2.5-flash")).toEqual({ status: 200, provider: "google-vertex" });
    expect(asked()).toBe(1);
  });
});

describe("Bedrock's binary stream", () => {
  const stream = async () => {
    const body = { model: "acme/claude-at-aws", stream: true, messages: [{ role: "user", content: "count to 30" }] };
    return (await gateway.post("/v1/chat/completions", body)).text();
  };

  test("is the same in pieces of seven bytes", async () => {
    const text = (sse: string) => [...sse.matchAll(/"content":"([^"]*)"/g)].map(([, piece]) => piece).join("");
    const whole = text(await stream());
    simulator.next("bedrock", fault.slices(7));
    expect(text(await stream())).toBe(whole);
    expect(whole).toContain("29 30");
  });

  test("that breaks off, or fails, ends in an error of the client's protocol", async () => {
    for (const broken of [fault.truncate(3), fault.reset(3), fault.errorEvent(3, 503)]) {
      simulator.next("bedrock", broken);
      const sse = await stream();
      expect(sse).toContain('"finish_reason":"error"');
      expect(sse.endsWith("data: [DONE]\n\n")).toBe(true);
      await gateway.resetBreakers();
    }
  });

  test("an exception before the first word fails over", async () => {
    simulator.next("google-vertex", fault.status(503));
    simulator.next("bedrock", fault.errorEvent(0, 503));
    const body = { model: "acme/everywhere", stream: true, messages: [{ role: "user", content: "Hi" }] };
    const reply = await gateway.post("/v1/chat/completions", body);
    expect(reply.headers.get("x-gateway-provider")).toBe("groq");
    expect(await reply.text()).toContain("[DONE]");
  });
});

describe("in workerd", () => {
  let worker: TestGateway;
  beforeAll(async () => {
    const providers = [...new Set(MODELS.map(({ provider }) => provider))];
    worker = await startGateway({ simulator, runtime: "workerd", providers });
    for (const { model, provider, nativeModel } of MODELS) {
      if (model.startsWith("acme/"))
        await addModel(worker.stores.database, { id: model, offers: { [provider]: nativeModel } });
    }
  });
  afterAll(() => worker.stop());

  test.each(MODELS)(
    "$nativeModel at $provider answers clients of both formats, whole and streamed",
    async ({ model, provider }) => {
      const messages = [{ role: "user", content: "Grüße 🚢" }];
      for (const path of ["/v1/chat/completions", "/v1/messages"]) {
        for (const stream of [false, true]) {
          const reply = await worker.post(path, { model, messages, max_tokens: 100, stream });
          expect([reply.status, reply.headers.get("x-gateway-provider")]).toEqual([200, provider]);
          const text = await reply.text();
          expect(text).toContain(stream ? "🚢" : "You said: Grüße 🚢");
        }
      }
      expect(await worker.checkLedger()).toEqual([]);
    },
  );

  test("many calls at once share one exchange of the key", async () => {
    const fresh = await startGateway({ simulator, runtime: "workerd", providers: ["google-vertex"] });
    const body = { model: "google/gemini-2.5-flash", messages: [{ role: "user", content: "Hi" }] };
    const replies = await Promise.all(Array.from({ length: 12 }, () => fresh.post("/v1/chat/completions", body)));
    expect(replies.map(({ status }) => status)).toEqual(replies.map(() => 200));
    await Promise.all(replies.map((reply) => reply.text()));
    expect(simulator.log.count("google-oauth")).toBe(1);
    await fresh.stop();
  });
});
