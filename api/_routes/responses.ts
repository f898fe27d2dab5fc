import * as z from "zod";
import { echo, GatewayError } from "../../lib/errors/gateway-error.ts";
import { readIdempotency } from "../../lib/inference/idempotency-key.ts";
import { findResponse, reading } from "../../lib/inference/response-history.ts";
import { runResponses } from "../../lib/inference/run-responses.ts";
import type { JsonObject } from "../../lib/protocol/json.ts";
import { responsesRequest } from "../../lib/protocol/responses/responses-schema.ts";
import { validate } from "../../lib/protocol/schema-error.ts";
import { deleteResponse, type StoredResponse } from "../../lib/responses/response-store.ts";
import { identifyCaller } from "../_http/caller.ts";
import type { Exchange, Route } from "../_http/route.ts";
import { readInferenceInput } from "./inference-input.ts";
import { responseObject } from "./inference-replies.ts";

async function create(exchange: Exchange): Promise<Response> {
  const { gateway, ports, request, requestId } = exchange;
  const input = await readInferenceInput(exchange);
  const idempotency = readIdempotency(request.headers);
  const call = { ...input, protocolHeaders: {}, requestId, idempotency, signal: request.signal };
  const reply = await runResponses(gateway, ports, call);
  return exchange.send({ ...reply, headers: { "x-request-id": requestId, ...reply.headers } });
}

/** The account behind the caller's key. Reading one's own responses is neither limited nor charged. */
async function accountOf({ gateway, ports, request }: Exchange): Promise<string> {
  const caller = await identifyCaller(gateway, ports, "key", request.headers);
  if (caller.kind !== "key") throw new Error("The policy lets keys in only.");
  return caller.identity.accountId;
}

function json(text: string, requestId: string): Response {
  const headers = { "content-type": "application/json", "cache-control": "no-store", "x-request-id": requestId };
  return new Response(text, { headers });
}

function notFound(id: string): GatewayError {
  return new GatewayError("not_found", `There is no response ${echo(id)}, or it was not kept.`, {
    param: "response_id",
  });
}

async function stored(exchange: Exchange): Promise<StoredResponse> {
  const id = exchange.parameter("response_id");
  const found = await findResponse(exchange.gateway, exchange.ports, await accountOf(exchange), id);
  if (found === null) throw notFound(id);
  return found;
}

async function retrieve(exchange: Exchange): Promise<Response> {
  const { stream } = validate(retrieveQuery, queryOf(exchange.request.url));
  const { responseText } = await stored(exchange);
  if (stream === "true") {
    throw new GatewayError("unsupported_parameter", "Only a response that is still running could be streamed again.", {
      param: "stream",
    });
  }
  return json(responseText, exchange.requestId);
}

async function remove(exchange: Exchange): Promise<Response> {
  const { ports, requestId } = exchange;
  const id = exchange.parameter("response_id");
  const deleted = await reading(ports, deleteResponse(ports.database, await accountOf(exchange), id));
  if (!deleted) throw notFound(id);
  return json(JSON.stringify({ id, object: "response", deleted: true }), requestId);
}

const MAX_PAGE = 100;

const retrieveQuery = z.looseObject({ stream: z.enum(["true", "false"]).optional() });
const itemsQuery = z.looseObject({
  limit: z.coerce.number().int().min(1).max(MAX_PAGE).default(20),
  order: z.enum(["asc", "desc"]).default("desc"),
  after: z.string().max(256).optional().describe("The id of the last item of the page before"),
});

async function listInputItems(exchange: Exchange): Promise<Response> {
  const { limit, order, after } = validate(itemsQuery, queryOf(exchange.request.url));
  const { input } = await stored(exchange);
  const items = order === "asc" ? input : input.toReversed();
  const start = after === undefined ? 0 : items.findIndex(({ id }) => id === after) + 1;
  if (after !== undefined && start === 0) {
    throw new GatewayError("invalid_value", "after is not the id of an item of this response.", { param: "after" });
  }
  const data = items.slice(start, start + limit);
  const page: JsonObject = {
    object: "list",
    data,
    first_id: data[0]?.["id"] ?? null,
    last_id: data.at(-1)?.["id"] ?? null,
    has_more: start + limit < items.length,
  };
  return json(JSON.stringify(page), exchange.requestId);
}

function queryOf(url: string): Record<string, string> {
  const start = url.indexOf("?");
  return Object.fromEntries(start < 0 ? [] : new URLSearchParams(url.slice(start + 1)));
}

const KEPT =
  "Kept for 30 days for the account that made it, unless it said `store: false`. Reading and deleting cost nothing.";

export const RESPONSES_ROUTES: readonly Route[] = [
  {
    method: "POST",
    path: "/v1/responses",
    policy: "key",
    documentation: {
      tag: "Inference",
      summary: "Response, in OpenAI's format",
      description:
        "For the models of every provider. Streams server-sent events when `stream` is true. `previous_response_id` goes on from a response of the same account, whoever answered it. Tools that run at a provider work with models whose provider speaks this format.",
      body: responsesRequest,
      reply: responseObject,
      alsoReplies: "text/event-stream",
      exampleBody: { model: "openai/gpt-4o-mini", input: "Say hello." },
    },
    handle: create,
  },
  {
    method: "GET",
    path: "/v1/responses/{response_id}",
    policy: "key",
    documentation: {
      tag: "Inference",
      summary: "A response again",
      description: KEPT,
      query: retrieveQuery,
      reply: responseObject,
      examplePath: "/v1/responses/resp_019ab4c1d2e37f60a1b2c3d4e5f60718",
    },
    handle: retrieve,
  },
  {
    method: "DELETE",
    path: "/v1/responses/{response_id}",
    policy: "key",
    documentation: {
      tag: "Inference",
      summary: "Delete a response",
      description: "It can then be neither read nor gone on from.",
      reply: z.object({ id: z.string(), object: z.literal("response"), deleted: z.literal(true) }),
      examplePath: "/v1/responses/resp_019ab4c1d2e37f60a1b2c3d4e5f60718",
    },
    handle: remove,
  },
  {
    method: "GET",
    path: "/v1/responses/{response_id}/input_items",
    policy: "key",
    documentation: {
      tag: "Inference",
      summary: "The input of a response, with the conversation before it",
      description: "Newest first unless `order=asc`. For the next page, send the reply's `last_id` as `after`.",
      query: itemsQuery,
      reply: z.object({
        object: z.literal("list"),
        data: z.array(z.looseObject({ id: z.string(), type: z.string() })),
        first_id: z.string().nullable(),
        last_id: z.string().nullable(),
        has_more: z.boolean(),
      }),
      examplePath: "/v1/responses/resp_019ab4c1d2e37f60a1b2c3d4e5f60718/input_items?limit=10",
    },
    handle: listInputItems,
  },
];
