import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { modelOfJson } from "../../lib/catalog/model-json.ts";
import { seedModels } from "../../lib/catalog/seed-models.ts";
import { GatewayError } from "../../lib/errors/gateway-error.ts";
import { openAiChatFormat } from "../../lib/protocol/openai/chat-format.ts";
import { configuredProviders } from "../../lib/providers/configured-providers.ts";
import { PROVIDERS } from "../../lib/providers/provider-list.ts";
import { ProviderSpeeds } from "../../lib/routing/provider-speeds.ts";
import { type RankTerms, rankCandidates } from "../../lib/routing/rank-candidates.ts";
import { NO_PREFERENCES, type RoutingPreferences } from "../../lib/routing/routing-preferences.ts";

const RUNS = Number(process.env["PROPERTY_RUNS"] ?? 500);
const KEYS = ["key-1", "key-2", "key-3"];
const everyProvider = configuredProviders(
  Object.fromEntries(PROVIDERS.map(({ id, baseUrl }) => [id, { apiKeys: KEYS, baseUrl, variables: {} }])),
);
const LLAMA = "meta-llama/llama-3.3-70b-instruct";
const models = seedModels().map(modelOfJson);
const callOf = (more: object = {}) => {
  const body = { model: "x", messages: [{ role: "user", content: "hi" }], ...more };
  return openAiChatFormat.parse(JSON.parse(JSON.stringify(body)), JSON.stringify(body));
};

interface Wish extends Omit<RankTerms, "preferences"> {
  readonly model?: string;
  readonly requested?: string;
  readonly preferences?: Partial<RoutingPreferences>;
}

function candidates({ model: id = LLAMA, requested, preferences, ...terms }: Wish, call = callOf()) {
  const model = models.find((known) => known.id === id);
  if (model === undefined) throw new Error(id);
  const merged = { ...NO_PREFERENCES, ...preferences };
  return rankCandidates(everyProvider, model, requested ?? null, call, { ...terms, preferences: merged });
}
/** The providers in their order, each once. */
const ranked = (wish: Wish, call = callOf()) => [...new Set(candidates(wish, call).map(({ provider }) => provider.id))];
const keysOf = (wish: Wish, provider: string) =>
  candidates(wish)
    .filter((candidate) => candidate.provider.id === provider)
    .map(({ credential }) => credential?.id);
/** An answer's time to the first token and its speed, often enough to count. */
function speedsOf(measured: Readonly<Record<string, readonly [firstTokenMs: number, tokensPerSecond: number]>>) {
  const speeds = new ProviderSpeeds();
  for (const [provider, [firstTokenMs, tokensPerSecond]] of Object.entries(measured)) {
    for (let sample = 0; sample < 8; sample++) {
      speeds.noteFirstToken(provider, LLAMA, firstTokenMs);
      speeds.noteThroughput(provider, LLAMA, tokensPerSecond, 1000);
    }
  }
  return speeds;
}
const refusal = (run: () => unknown) => {
  try {
    run();
  } catch (error) {
    if (error instanceof GatewayError) return { code: error.code, status: error.status, param: error.param };
    throw error;
  }
  return null;
};

const byDefault = ranked({});

test("the model of these tests is offered by several providers, of the chain and beside it", () => {
  expect(byDefault.length).toBeGreaterThan(4);
  expect(byDefault).toContain("openrouter");
});

describe("who is asked", () => {
  test("order comes before all others, which keep theirs", () => {
    expect(ranked({ preferences: { order: ["deepinfra", "together"] } })).toEqual([
      "deepinfra",
      "together",
      ...byDefault.filter((id) => id !== "deepinfra" && id !== "together"),
    ]);
  });

  test("order goes before the provider in the model's name, which goes before sort", () => {
    const preferences = { order: ["deepinfra"], sort: "price" } as const;
    expect(ranked({ requested: "together", preferences }).slice(0, 2)).toEqual(["deepinfra", "together"]);
  });

  test("without fallbacks only those of order are asked, and without an order only the first", () => {
    const order = ["groq", "together"];
    expect(ranked({ preferences: { order, allowFallbacks: false } })).toEqual(order);
    expect(ranked({ preferences: { allowFallbacks: false } })).toEqual(byDefault.slice(0, 1));
    expect(keysOf({ preferences: { allowFallbacks: false } }, byDefault[0] ?? "")).toHaveLength(KEYS.length);
  });

  test("B87 what leaves nobody is named, and who was left out by what is told", () => {
    const told: string[] = [];
    const onExcluded = (provider: string, reason: string) => told.push(`${provider} ${reason}`);
    expect(refusal(() => ranked({ preferences: { only: ["anthropic"] }, onExcluded }))).toEqual({
      code: "no_provider_matches",
      status: 404,
      param: "provider.only",
    });
    expect(told.toSorted()).toEqual(byDefault.map((id) => `${id} provider.only`).toSorted());
    expect(refusal(() => ranked({ preferences: { ignore: byDefault } }))?.param).toBe("provider.ignore");
  });

  test("max_price is held against each part of the price on its own", () => {
    const prices = new Map(candidates({}).map(({ provider, price }) => [provider.id, price]));
    const cheapest = [...prices.values()].reduce((a, b) => (a.outputPerMillion < b.outputPerMillion ? a : b));
    const maxPrice = { promptPerMillion: null, completionPerMillion: cheapest.outputPerMillion, perRequest: null };
    const left = ranked({ preferences: { maxPrice } });
    expect(left.length).toBeGreaterThan(0);
    for (const id of left) expect(prices.get(id)?.outputPerMillion).toBe(cheapest.outputPerMillion);
    const nothing = { promptPerMillion: 0n, completionPerMillion: null, perRequest: null };
    expect(refusal(() => ranked({ preferences: { maxPrice: nothing } }))?.param).toBe("provider.max_price");
  });

  test("a data policy that is not told counts as none: deny and zdr fail closed", () => {
    const safe = byDefault.filter((id) => everyProvider.get(id)?.declaration.trainsOnPrompts === false);
    expect(ranked({ preferences: { denyDataCollection: true } })).toEqual(safe);
    const keepsNothing = byDefault.filter((id) => everyProvider.get(id)?.declaration.zeroDataRetention === true);
    expect(ranked({ preferences: { zeroDataRetention: true } })).toEqual(keepsNothing);
    expect(safe).not.toContain("openrouter");
    const closed = { model: "openai/gpt-4o", preferences: { zeroDataRetention: true } };
    expect(refusal(() => ranked(closed))?.param).toBe("provider.zdr");
  });

  test("an offer that does not name its quantization is unknown", () => {
    expect(ranked({ preferences: { quantizations: ["unknown"] } }).length).toBeGreaterThan(0);
    const only = { model: "openai/gpt-4o", preferences: { quantizations: ["fp8"] } };
    expect(refusal(() => ranked(only))?.param).toBe("provider.quantizations");
  });

  test("B77 require_parameters leaves out who would not get a field", () => {
    const call = callOf({ logit_bias: { "50256": -100 } });
    expect(ranked({}, call)).toContain("groq");
    const left = ranked({ preferences: { requireParameters: true } }, call);
    expect(left).not.toContain("groq");
    expect(left).toContain("openrouter");
    // Part of them went for another reason: then it is no single field's doing.
    expect(refusal(() => ranked({ preferences: { requireParameters: true, ignore: left } }, call))?.status).toBe(404);
  });

  test("B77 a field that nobody takes is named", () => {
    const onlyClaude = new Map([...everyProvider].filter(([id]) => id === "anthropic"));
    const claude = models.find(({ id }) => id === "anthropic/claude-sonnet-4.5");
    const call = callOf({ logprobs: true });
    const preferences = { ...NO_PREFERENCES, requireParameters: true };
    if (claude === undefined) throw new Error("The seed has no Claude.");
    expect(refusal(() => rankCandidates(onlyClaude, claude, null, call, { preferences }))).toEqual({
      code: "unsupported_parameter",
      status: 400,
      param: "logprobs",
    });
    expect(rankCandidates(onlyClaude, claude, null, callOf(), { preferences })).toHaveLength(KEYS.length);
  });

  test("B71 B82 what the model cannot do is refused before anybody is asked", () => {
    const tools = callOf({ tools: [{ type: "function", function: { name: "f" } }] });
    expect(refusal(() => ranked({ model: "deepseek/deepseek-r1-distill-llama-70b" }, tools))).toEqual({
      code: "unsupported_parameter",
      status: 400,
      param: "tools",
    });
    // A model of which no capability is listed may have any.
    expect(ranked({ model: "openai/gpt-3.5-turbo" }, tools)).toContain("openai");
    const image = { type: "image_url", image_url: { url: "data:image/png;base64,iVBORw0KGgo=" } };
    const seeing = callOf({ messages: [{ role: "user", content: [image] }] });
    expect(refusal(() => ranked({ model: "openai/gpt-4" }, seeing))?.code).toBe("unsupported_modality");
    expect(ranked({ model: "openai/gpt-4o" }, seeing)).toContain("openai");
  });
});

describe("in which order", () => {
  test("sort: price", () => {
    const prices = candidates({ preferences: { sort: "price" } }).map(
      ({ price }) => price.inputPerMillion * 3n + price.outputPerMillion,
    );
    expect(prices).toEqual(prices.toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0)));
  });

  test("sort: latency and throughput go by what was measured; who was not is tried; without any the chain decides", () => {
    const [first = "", second = "", third = "", ...others] = byDefault;
    const everybodyElse = Object.fromEntries(others.map((id) => [id, [9_000, 1] as const]));
    const speeds = speedsOf({ [first]: [900, 20], [second]: [300, 10], [third]: [600, 80], ...everybodyElse });
    expect(ranked({ preferences: { sort: "latency" }, speeds }).slice(0, 3)).toEqual([second, third, first]);
    expect(ranked({ preferences: { sort: "throughput" }, speeds }).slice(0, 3)).toEqual([third, first, second]);
    expect(ranked({ preferences: { sort: "latency" } })).toEqual(byDefault);
    const partly = speedsOf({ [first]: [900, 20] });
    expect(ranked({ preferences: { sort: "latency" }, speeds: partly })).toEqual([...byDefault.slice(1), first]);
  });

  test("a difference of a few per cent is noise: the chain decides", () => {
    const [first = "", second = ""] = byDefault;
    const others = Object.fromEntries(byDefault.slice(2).map((id) => [id, [9_000, 1] as const]));
    const speeds = speedsOf({ [first]: [510, 20], [second]: [500, 20], ...others });
    expect(ranked({ preferences: { sort: "latency" }, speeds }).slice(0, 2)).toEqual([first, second]);
  });

  test("preferred_* puts the slow last and excludes nobody", () => {
    const [first = ""] = byDefault;
    const speeds = speedsOf({ [first]: [4_000, 10] });
    const moved = [...byDefault.slice(1), first];
    expect(ranked({ preferences: { maxLatency: [[0.5, 2]] }, speeds })).toEqual(moved);
    expect(ranked({ preferences: { maxLatency: [[0.5, 5]] }, speeds })).toEqual(byDefault);
    expect(ranked({ preferences: { minThroughput: [[0.9, 11]] }, speeds })).toEqual(moved);
    expect(ranked({ preferences: { minThroughput: [[0.9, 9]] }, speeds })).toEqual(byDefault);
  });

  test("providers with a weight share the place of the foremost of them, in proportion", () => {
    const last = byDefault.at(-1) ?? "";
    const [first = ""] = byDefault;
    const weights = { [first]: 3, [last]: 1 };
    const firsts = Array.from({ length: 2_000 }, () => ranked({ weights })[0]);
    const share = firsts.filter((id) => id === first).length / firsts.length;
    expect(share).toBeGreaterThan(0.7);
    expect(share).toBeLessThan(0.8);
    expect(new Set(firsts)).toEqual(new Set([first, last]));
    // A fixed chance gives a fixed order.
    expect(ranked({ weights, random: () => 0.5 })[0]).toBe(first);
    expect(ranked({ weights, preferences: { order: [last] } })[0]).toBe(last);
  });
});

describe("sessions", () => {
  const weights = { [byDefault[0] ?? ""]: 1, [byDefault[1] ?? ""]: 1 };
  const sessions = Array.from({ length: 300 }, (_, index) => `session-${index}`);

  test("a session has one order of providers and keys, whatever chance says; sessions spread over both", () => {
    for (const session of sessions.slice(0, 50)) {
      const once = candidates({ weights, session }).map(
        ({ provider, credential }) => `${provider.id}#${credential?.id}`,
      );
      const again = candidates({ weights, session, random: () => 0.999 });
      expect(again.map(({ provider, credential }) => `${provider.id}#${credential?.id}`)).toEqual(once);
    }
    const places = sessions
      .map((session) => candidates({ weights, session })[0])
      .map((first) => `${first?.provider.id}#${first?.credential?.id}`);
    const counts = new Map<string, number>();
    for (const place of places) counts.set(place, (counts.get(place) ?? 0) + 1);
    expect(counts.size).toBe(6);
    for (const count of counts.values()) expect(count).toBeGreaterThan(300 / 6 / 2);
  });

  test("when a provider is gone only its own sessions move", () => {
    const gone = byDefault[0] ?? "";
    for (const session of sessions) {
      const before = candidates({ weights, session })[0];
      const after = candidates({ weights, session, preferences: { ignore: [gone] } })[0];
      if (before?.provider.id !== gone) expect(after).toEqual(before);
      else expect(after?.provider.id).toBe(byDefault[1]);
    }
  });
});

test("for any preferences the candidates are some of those offered, never one that is ignored, each key once, in the order asked for", () => {
  const ids = fc.subarray([...byDefault, "anthropic", "openai"], { minLength: 0 });
  const shuffled = fc.shuffledSubarray([...byDefault, "anthropic", "openai"]);
  const preferences = fc.record(
    {
      order: shuffled,
      only: fc.oneof(fc.constant(null), ids),
      ignore: ids,
      sort: fc.constantFrom(null, "price", "latency", "throughput"),
      allowFallbacks: fc.boolean(),
      denyDataCollection: fc.boolean(),
      zeroDataRetention: fc.boolean(),
      requireParameters: fc.boolean(),
      quantizations: fc.constantFrom(null, ["unknown"], ["fp8"]),
      maxLatency: fc.constantFrom(null, [[0.5, 1]] as const),
      maxPrice: fc.oneof(
        fc.constant(null),
        fc.record({
          promptPerMillion: fc.bigInt({ min: 0n, max: 2_000_000_000n }),
          completionPerMillion: fc.constant(null),
          perRequest: fc.constant(null),
        }),
      ),
    },
    { requiredKeys: [] },
  );
  const speeds = speedsOf(Object.fromEntries(byDefault.map((id, index) => [id, [200 * (index + 1), 10 + index]])));
  const weights = fc.dictionary(fc.constantFrom(...byDefault), fc.integer({ min: 1, max: 1000 }));
  const session = fc.oneof(fc.constant(null), fc.string());
  fc.assert(
    fc.property(preferences, weights, session, (wished, shares, name) => {
      const wish = { preferences: wished as Partial<RoutingPreferences>, weights: shares, session: name, speeds };
      const refused = refusal(() => candidates(wish));
      if (refused !== null) {
        expect(refused.status).toBe(404);
        return;
      }
      const found = candidates({ ...wish, random: () => 0.5 });
      const places = found.map(({ provider, credential }) => `${provider.id}#${credential?.id}`);
      expect(new Set(places).size).toBe(places.length);
      const order = [...new Set(found.map(({ provider }) => provider.id))];
      // A provider's keys stand together, and all of them are there.
      expect(found.map(({ provider }) => provider.id)).toEqual(order.flatMap((id) => KEYS.map(() => id)));
      for (const candidate of found) {
        const { id } = candidate.provider;
        expect(byDefault).toContain(id);
        expect(wished.ignore ?? []).not.toContain(id);
        if (Array.isArray(wished.only)) expect(wished.only).toContain(id);
        if (wished.zeroDataRetention === true) expect(candidate.provider.zeroDataRetention).toBe(true);
        if (wished.maxPrice) {
          expect(candidate.price.inputPerMillion <= (wished.maxPrice.promptPerMillion as bigint)).toBe(true);
        }
      }
      const wanted = (wished.order ?? []).filter((id) => order.includes(id));
      expect(order.slice(0, wanted.length)).toEqual(wanted);
    }),
    { numRuns: RUNS },
  );
});
