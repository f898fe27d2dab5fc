import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { fault } from "../support/simulator/fault.ts";
import { type Simulator, startSimulator } from "../support/simulator/start-simulator.ts";
import { startGateway, type TestGateway } from "../support/start-gateway.ts";

let simulator: Simulator;
let gateway: TestGateway;
beforeAll(async () => {
  simulator = await startSimulator();
  gateway = await startGateway({ simulator, providers: ["openai", "together", "deepinfra"] });
});
afterAll(async () => {
  await gateway.stop();
  await simulator.close();
});
afterEach(async () => {
  await gateway.settled();
  expect(await gateway.checkLedger()).toEqual([]);
  await gateway.resetBreakers();
  simulator.reset();
});

const asked = () => simulator.log.all.map(({ provider }) => provider);
const draw = (more: object) =>
  gateway.post("/v1/images/generations", { model: "flux-schnell", prompt: "a ship", ...more });

async function transcribe(fields: Readonly<Record<string, string>>, late: Readonly<Record<string, string>> = {}) {
  const form = new FormData();
  for (const [name, value] of Object.entries({ model: "openai/whisper-large-v3", ...fields })) form.set(name, value);
  form.set("file", new Blob([new Uint8Array(300_000)]), "a.mp3");
  for (const [name, value] of Object.entries(late)) form.set(name, value);
  const headers = { authorization: `Bearer ${gateway.key}` };
  return fetch(`${gateway.url}/v1/audio/transcriptions`, { method: "POST", headers, body: form });
}

async function refusal(response: Response) {
  const { error } = await response.json();
  expect(response.headers.has("x-gateway-cost")).toBe(false);
  return [response.status, error.code, error.param];
}

describe("a task's routing preferences", () => {
  test.each([
    [{}, "together"],
    [{ order: ["DeepInfra"] }, "deepinfra"],
    [{ only: ["deepinfra"] }, "deepinfra"],
    [{ ignore: ["together"], sort: "price" }, "deepinfra"],
    [{ data_collection: "allow", zdr: false, require_parameters: false }, "together"],
  ])("%j decides who is asked, and is not told to them", async (provider, expected) => {
    const response = await draw({ provider, session_id: "s" });
    expect(response.status).toBe(200);
    expect(asked()).toEqual([expected]);
    expect(Object.keys(Object(simulator.log.last.body))).not.toContain("provider");
  });

  test.each([
    [{ zdr: true }, "provider.zdr"],
    [{ data_collection: "deny" }, "provider.data_collection"],
    [{ only: ["openai"] }, "provider.only"],
    [{ ignore: ["together", "deepinfra"] }, "provider.ignore"],
    [{ order: ["openai"], allow_fallbacks: false }, "provider.order"],
    [{ quantizations: ["fp8"] }, "provider.quantizations"],
  ])("%j that leaves nobody asks nobody", async (provider, param) => {
    const balance = await gateway.balance();
    expect(await refusal(await draw({ provider }))).toEqual([404, "no_provider_matches", param]);
    expect(asked()).toEqual([]);
    await gateway.settled();
    expect(await gateway.balance()).toBe(balance);
  });

  test("they hold on every JSON endpoint", async () => {
    const provider = { only: ["groq"] };
    const bodies: readonly (readonly [string, object])[] = [
      ["/v1/embeddings", { model: "openai/text-embedding-3-small", input: "x" }],
      ["/v1/moderations", { input: "x" }],
      ["/v1/rerank", { model: "salesforce/llama-rank-v1", query: "x", documents: ["x"] }],
      ["/v1/audio/speech", { model: "openai/tts-1", input: "x", voice: "alloy" }],
    ];
    for (const [path, body] of bodies) {
      const response = await gateway.post(path, { ...body, provider });
      expect([path, ...(await refusal(response))]).toEqual([path, 404, "no_provider_matches", "provider.only"]);
    }
    expect(asked()).toEqual([]);
  });

  test("max_price counts tokens of images as the prompt and completion that they are", async () => {
    const of = (max_price: object) =>
      gateway.post("/v1/images/generations", { model: "openai/gpt-image-1", prompt: "x", provider: { max_price } });
    expect(await refusal(await of({ completion: 0.01 }))).toEqual([404, "no_provider_matches", "provider.max_price"]);
    expect(asked()).toEqual([]);
    expect((await of({ prompt: 1_000, completion: "1000" })).status).toBe(200);
  });

  test("allow_fallbacks false: nobody else is asked when the first fails", async () => {
    simulator.next("together", fault.status(503));
    expect((await draw({ provider: { allow_fallbacks: false } })).status).toBe(503);
    expect(asked().every((provider) => provider === "together")).toBe(true);
  });

  test.each([
    [{ models: ["openai/dall-e-3"] }, "models"],
    [{ route: "fallback" }, "route"],
    [{ provider: { sort: "latency" } }, "provider.sort"],
    [{ provider: { sort: { by: "throughput" } } }, "provider.sort"],
    [{ provider: { require_parameters: true } }, "provider.require_parameters"],
    [{ provider: { max_price: { image: 1 } } }, "provider.max_price.image"],
    [{ provider: { preferred_max_latency: 1 } }, "provider.preferred_max_latency"],
    [{ provider: { enforce_distillable_text: true } }, "provider.enforce_distillable_text"],
  ])("%j cannot be followed and is refused", async (more, param) => {
    expect(await refusal(await draw(more))).toEqual([400, "unsupported_parameter", param]);
    expect(asked()).toEqual([]);
  });

  test("a name that is nobody's is told", async () => {
    expect(await refusal(await draw({ provider: { only: ["nobody"] } }))).toEqual([
      400,
      "unknown_provider",
      "provider.only[0]",
    ]);
  });
});

describe("a form's routing preferences", () => {
  test("are JSON texts", async () => {
    const usual = await transcribe({});
    expect(usual.status).toBe(200);
    const [first] = asked();
    const response = await transcribe({ provider: JSON.stringify({ ignore: [first] }) });
    expect(response.status).toBe(200);
    expect(asked()[1]).not.toBe(first);
  });

  test.each([
    [{ provider: '{"zdr":true}' }, 404, "no_provider_matches", "provider.zdr"],
    [{ provider: "together" }, 400, "invalid_type", "provider"],
    [{ models: '["whisper-1"]' }, 400, "unsupported_parameter", "models"],
    [{ "provider[only][]": "together" }, 400, "unsupported_parameter", "provider[only][]"],
  ])("%j", async (fields, ...expected) => {
    expect(await refusal(await transcribe(fields))).toEqual(expected);
    expect(asked()).toEqual([]);
  });

  test("one that comes too late to be followed is refused, and costs nothing", async () => {
    const balance = await gateway.balance();
    const late = await transcribe({}, { provider: '{"zdr":true}' });
    expect(await refusal(late)).toEqual([400, "unsupported_parameter", "provider"]);
    await gateway.settled();
    expect(await gateway.balance()).toBe(balance);
  });
});
