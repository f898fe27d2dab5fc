import * as z from "zod";
import { googleModel } from "../../lib/catalog/model-list.ts";
import { GatewayError } from "../../lib/errors/gateway-error.ts";
import { readQuery } from "../_http/json-route.ts";
import type { Exchange, Route } from "../_http/route.ts";

type GoogleModel = z.infer<typeof googleModel>;

/** Where the models come from. */
interface ModelSource {
  all(exchange: Exchange): Promise<readonly GoogleModel[]>;
  /** @throws GatewayError `model_not_found` */
  one(exchange: Exchange, name: string): Promise<GoogleModel>;
}

const pageQuery = z.object({
  pageSize: z.coerce.number().int().min(1).max(1_000).default(50),
  pageToken: z.string().max(256).optional().describe("The `nextPageToken` of the page before"),
});

const page = z.object({ models: z.array(googleModel), nextPageToken: z.string().optional() });

/** The list of models as Google's clients read it (ai.google.dev/api/models, read 2026-11-25). */
export function googleModelRoutes(source: ModelSource): readonly Route[] {
  return [
    {
      method: "GET",
      path: "/v1beta/models",
      policy: "public",
      documentation: {
        tag: "Models",
        summary: "The models that can be called here, in Google's shape",
        query: pageQuery,
        reply: page,
      },
      handle: async (exchange) => {
        const { pageSize, pageToken } = readQuery(exchange.request.url, pageQuery);
        const models = await source.all(exchange);
        const start = pageToken === undefined ? 0 : models.findIndex(({ name }) => name === pageToken);
        if (start < 0) throw new GatewayError("invalid_value", "pageToken is not one of ours.", { param: "pageToken" });
        const next = models[start + pageSize];
        const shown: z.infer<typeof page> = {
          models: models.slice(start, start + pageSize),
          ...(next === undefined ? {} : { nextPageToken: next.name }),
        };
        return reply(exchange, shown);
      },
    },
    {
      method: "GET",
      path: "/v1beta/models/{model+}",
      policy: "public",
      documentation: {
        tag: "Models",
        summary: "One model, in Google's shape",
        reply: googleModel,
        examplePath: "/v1beta/models/google/gemini-2.5-flash",
      },
      handle: async (exchange) => reply(exchange, await source.one(exchange, exchange.parameter("model"))),
    },
  ];
}

function reply({ requestId }: Exchange, body: object): Response {
  return new Response(JSON.stringify(body), {
    headers: { "content-type": "application/json", "cache-control": "public, max-age=60", "x-request-id": requestId },
  });
}
