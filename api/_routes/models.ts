import * as z from "zod";
import { readModels } from "../../lib/catalog/catalog-store.ts";
import type { Model } from "../../lib/catalog/model.ts";
import { modelOfJson } from "../../lib/catalog/model-json.ts";
import {
  anthropicModel,
  anthropicModelList,
  type googleModel,
  openAiModel,
  openAiModelList,
  renderAnthropicModel,
  renderGoogleModel,
  renderOpenAiModel,
} from "../../lib/catalog/model-list.ts";
import { modelPageQuery, pageOf } from "../../lib/catalog/model-page.ts";
import { seedModels } from "../../lib/catalog/seed-models.ts";
import type { Gateway } from "../../lib/inference/gateway.ts";
import { localModel, modelNotFound, resolveModel } from "../../lib/inference/resolve-model.ts";
import type { Ports } from "../../lib/ports/ports.ts";
import { dialectOf, idHeaders } from "../_http/error-response.ts";
import { readQuery } from "../_http/json-route.ts";
import type { Exchange, Route } from "../_http/route.ts";
import { googleModelRoutes } from "./google-models.ts";

const FRESH_MS = 300_000; // CM-8.2.2

type OpenAiModel = z.infer<typeof openAiModel>;

/** A model that somebody serves here, in each rendering. */
interface ListedModel {
  readonly openAi: OpenAiModel;
  readonly anthropic: z.infer<typeof anthropicModel>;
  readonly google: z.infer<typeof googleModel>;
}

interface ModelLists {
  /** Rendered once: it is the same for everyone. */
  readonly openAi: string;
  readonly anthropic: readonly z.infer<typeof anthropicModel>[];
  readonly google: readonly z.infer<typeof googleModel>[];
}

/** The list of models, read at most once in a while. One per app. */
class ModelListsCache {
  #lists: ModelLists | null = null;
  #readAtMs = 0;
  #reading: Promise<ModelLists> | null = null;

  read(gateway: Gateway, ports: Ports): ModelLists | Promise<ModelLists> {
    if (this.#lists !== null && ports.clock.now() - this.#readAtMs < FRESH_MS) return this.#lists;
    this.#reading ??= this.#load(gateway, ports).finally(() => {
      this.#reading = null;
    });
    return this.#reading;
  }

  async #load(gateway: Gateway, ports: Ports): Promise<ModelLists> {
    let lists: ModelLists;
    try {
      lists = renderLists(gateway, (await readModels(ports.database)).map(modelOfJson));
    } catch (error) {
      ports.log.warn("model_list_read_failed", { reason: error instanceof Error ? error.name : "unknown" });
      lists = this.#lists ?? renderLists(gateway, seedModels().map(modelOfJson));
    }
    this.#lists = lists;
    this.#readAtMs = ports.clock.now();
    return lists;
  }
}

function renderLists(gateway: Gateway, models: readonly Model[]): ModelLists {
  const named = [...gateway.providers.values()].flatMap(({ declaration: { id, listedModels = [] } }) =>
    listedModels.map((name) => localModel(id, name)),
  );
  const listed = [...models, ...named].map((model) => listedModel(gateway, model)).filter((model) => model !== null);
  const byAge = listed.toSorted((a, b) => b.openAi.created - a.openAi.created);
  const openAi: z.infer<typeof openAiModelList> = { object: "list", data: byAge.map((model) => model.openAi) };
  const anthropic = byAge.map((model) => model.anthropic);
  return { openAi: JSON.stringify(openAi), anthropic, google: byAge.map((model) => model.google) };
}

function listedModel(gateway: Gateway, model: Model): ListedModel | null {
  const openAi = renderOpenAiModel(model, gateway.providers);
  return openAi === null ? null : { openAi, anthropic: renderAnthropicModel(model), google: renderGoogleModel(model) };
}

function modelResponse({ request, requestId }: Exchange, text: string): Response {
  return new Response(text, {
    headers: {
      "content-type": "application/json",
      "cache-control": "public, max-age=60",
      vary: "anthropic-version",
      ...idHeaders(dialectOf(request), requestId),
    },
  });
}

async function allModels(exchange: Exchange, cache: ModelListsCache): Promise<Response> {
  const { gateway, ports, request } = exchange;
  const lists = await cache.read(gateway, ports);
  if (dialectOf(request) === "openai") return modelResponse(exchange, lists.openAi);
  return modelResponse(exchange, JSON.stringify(pageOf(lists.anthropic, readQuery(request.url, modelPageQuery))));
}

async function oneModel(exchange: Exchange, name: string): Promise<Response> {
  const listed = await findModel(exchange, name);
  const openAi = dialectOf(exchange.request) === "openai";
  return modelResponse(exchange, JSON.stringify(openAi ? listed.openAi : listed.anthropic));
}

async function findModel({ gateway, ports }: Exchange, name: string): Promise<ListedModel> {
  const { model } = await resolveModel(gateway, ports, name);
  const listed = listedModel(gateway, model);
  if (listed === null) throw modelNotFound(gateway, name);
  return listed;
}

export function modelRoutes(): readonly Route[] {
  const cache = new ModelListsCache();
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
        query: modelPageQuery,
        reply: z.union([openAiModelList, anthropicModelList]),
      },
      handle: (exchange) => allModels(exchange, cache),
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
    ...googleModelRoutes({
      all: async ({ gateway, ports }) => (await cache.read(gateway, ports)).google,
      one: async (exchange, name) => (await findModel(exchange, name)).google,
    }),
  ];
}
