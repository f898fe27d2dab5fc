import { expect, test } from "vitest";
import { Catalog } from "../../lib/catalog/catalog.ts";
import { modelOfJson } from "../../lib/catalog/model-json.ts";
import { seedModels } from "../../lib/catalog/seed-models.ts";
import { parseJsonBody } from "../../lib/protocol/json-body.ts";
import { openAiChatFormat } from "../../lib/protocol/openai/chat-format.ts";
import { configuredProviders } from "../../lib/providers/configured-providers.ts";
import { FAILOVER_CHAIN } from "../../lib/providers/failover-chain.ts";
import { PROVIDERS } from "../../lib/providers/provider-list.ts";
import { rankCandidates } from "../../lib/routing/rank-candidates.ts";

const everyProvider = configuredProviders(
  Object.fromEntries(PROVIDERS.map(({ id, baseUrl }) => [id, { apiKeys: ["key"], baseUrl, variables: {} }])),
);
const models = seedModels().map(modelOfJson);
const body = '{"model":"x","messages":[{"role":"user","content":"hi"}]}';
const call = openAiChatFormat.parse(parseJsonBody(body), body);

function ranked(id: string, requested: string | null = null): readonly string[] {
  const model = models.find((known) => known.id === id);
  if (model === undefined) throw new Error(id);
  return rankCandidates(everyProvider, model, requested, call).map(({ provider }) => provider.id);
}

test("CM-5.1.1 the default failover chain has exactly 14 providers", () => {
  expect(FAILOVER_CHAIN).toHaveLength(14);
  expect(new Set(FAILOVER_CHAIN).size).toBe(14);
});

test("CM-5.1.2 candidates stand in the chain's order, and the provider that was asked for goes first", () => {
  const inOrder = ranked("meta-llama/llama-3.3-70b-instruct");
  const positions = inOrder.map((id) => FAILOVER_CHAIN.indexOf(id)).filter((position) => position >= 0);
  expect(positions).toEqual(positions.toSorted((a, b) => a - b));
  const requested = ranked("meta-llama/llama-3.3-70b-instruct", "together");
  expect(requested[0]).toBe("together");
  expect(requested.slice(1)).toEqual(inOrder.filter((id) => id !== "together"));
});

test("P23 no model's candidates repeat a provider and native id, offer what the provider does not serve, or break the vendors' rule", () => {
  const catalog = new Catalog(seedModels(), []);
  for (const model of models) {
    const offered = model.offers.filter(({ provider, price }) => everyProvider.has(provider) && price !== null);
    if (offered.length === 0 || catalog.resolve(model.id).kind !== "model") continue;
    const candidates = ranked(model.id);
    for (const provider of candidates) expect(model.offers.map((offer) => offer.provider)).toContain(provider);
    if (!model.openWeights && /^(openai|anthropic)\//.test(model.id)) {
      expect(["openai", "anthropic", "openrouter"]).toEqual(expect.arrayContaining([...candidates]));
    }
  }
});
