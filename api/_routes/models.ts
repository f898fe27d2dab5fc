import * as z from "zod";
import { readModels } from "../../lib/catalog/catalog-store.ts";
import type { Model } from "../../lib/catalog/model.ts";
import { modelOfJson } from "../../lib/catalog/model-json.ts";
import {
  anthropicModel,
  anthropicModelList,
  openAiModel,
  openAiModelList,
  renderAnthropicModel,
  renderOpenAiModel,
} from "../../lib/catalog/model-list.ts";
import { seedModels } from "../../lib/catalog/seed-models.ts";
import type { Gateway } from "../../lib/inference/gateway.ts";
import { modelNotFound, resolveModel } from "../../lib/inference/resolve-model.ts";
import type { Ports } from "../../lib/ports/ports.ts";
import { dialectOf, idHeaders } from "../_http/error-response.ts";
import type { Exchange, Route } from "../_http/route.ts";

const FRESH_MS = 300_000; // CM-8.2.2

type OpenAiModel = z.infer<typeof openAiModel>;

/** A model that somebody serves here, in both renderings. */
interface ListedModel {
  readonly openAi: OpenAiModel;
  readonly anthropic: z.infer<typeof anthropicModel>;
}

interface ModelTexts {
  readonly openAi: string;
  readonly anthropic: string;
}

/** The list of models, rendered once and kept: it is the same for everyone. One per app. */
class ModelTextsCache {
  #texts: ModelTexts | null = null;
  #readAtMs = 0;
  #reading: Promise<ModelTexts> | null = null;

  read(gateway: Gateway, ports: Ports): ModelTexts | Promise<ModelTexts> {
    if (this.#texts !== null && ports.clock.now() - this.#readAtMs < FRESH_MS) return this.#texts;
    this.#reading ??= this.#load(gateway, ports).finally(() => {
      this.#reading = null;
    });
    return this.#reading;
  }

  async #load(gateway: Gateway, ports: Ports): Promise<ModelTexts> {
    let texts: ModelTexts;
    try {
      texts = renderLists(gateway, (await readModels(ports.database)).map(modelOfJson));
    } catch (error) {
      ports.log.warn("model_list_read_failed", { reason: error instanceof Error ? error.name : "unknown" });
      texts = this.#texts ?? renderLists(gateway, seedModels().map(modelOfJson));
    }
    this.#texts = texts;
    this.#readAtMs = ports.clock.now();
    return texts;
  }
}

function renderLists(gateway: Gateway, models: readonly Model[]): ModelTexts {
  const listed = models.map((model) => listedModel(gateway, model)).filter((model) => model !== null);
  const byAge = listed.toSorted((a, b) => b.openAi.created - a.openAi.created);
  const openAi: z.infer<typeof openAiModelList> = { object: "list", data: byAge.map((model) => model.openAi) };
  const data = byAge.map((model) => model.anthropic);
  const anthropic: z.infer<typeof anthropicModelList> = {
    data,
    has_more: false,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
  };
  return { openAi: JSON.stringify(openAi), anthropic: JSON.stringify(anthropic) };
}

function listedModel(gateway: Gateway, model: Model): ListedModel | null {
  const openAi = renderOpenAiModel(model, gateway.providers);
  return openAi === null ? null : { openAi, anthropic: renderAnthropicModel(model) };
}

function modelResponse({ request, requestId }: Exchange, texts: ModelTexts): Response {
  const dialect = dialectOf(request);
  return new Response(dialect === "anthropic" ? texts.anthropic : texts.openAi, {
    headers: {
      "content-type": "application/json",
      "cache-control": "public, max-age=60",
      vary: "anthropic-version",
      ...idHeaders(dialect, requestId),
    },
  });
}

async function oneModel(exchange: Exchange, name: string): Promise<Response> {
  const { gateway, ports } = exchange;
  const { model } = await resolveModel(gateway, ports, name);
  const listed = listedModel(gateway, model);
  if (listed === null) throw modelNotFound(gateway, name);
  return modelResponse(exchange, {
    openAi: JSON.stringify(listed.openAi),
    anthropic: JSON.stringify(listed.anthropic),
  });
}

export function modelRoutes(): readonly Route[] {
  const cache = new ModelTextsCache();
  const shapes = "In OpenAI's shape with OpenRouter's fields, or in Anthropic's when `anthropic-version` is sent.";
  const reply = z.union([openAiModel, anthropicModel]);
  return [
    {
      method: "GET",
      path: "/v1/models",
      policy: "public",
      documentation: {
        tag: "Models",
        summary: "The models that can be called here",
        description: shapes,
        reply: z.union([openAiModelList, anthropicModelList]),
      },
      handle: async (exchange) => modelResponse(exchange, await cache.read(exchange.gateway, exchange.ports)),
    },
    {
      method: "GET",
      path: "/v1/models/{model}",
      policy: "public",
      documentation: {
        tag: "Models",
        summary: "One model, by an id in one piece or by an alias",
        description: `${shapes} A slash within the id is sent as \`%2F\`, as OpenAI's clients do.`,
        reply,
        examplePath: "/v1/models/gpt-4o-mini",
      },
      handle: (exchange) => oneModel(exchange, exchange.parameter("model")),
    },
    {
      method: "GET",
      path: "/v1/models/{vendor}/{model}",
      policy: "public",
      documentation: {
        tag: "Models",
        summary: "One model",
        description: shapes,
        reply,
        examplePath: "/v1/models/openai/gpt-4o-mini",
      },
      handle: (exchange) => oneModel(exchange, `${exchange.parameter("vendor")}/${exchange.parameter("model")}`),
    },
  ];
}
