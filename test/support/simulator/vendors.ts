import type { JsonObject } from "../../../lib/protocol/json.ts";
import { answer as decide } from "./answer.ts";
import type { Behaviour } from "./fault.ts";
import { objectAt } from "./json-reading.ts";
import { readCompletion, writeCompletion } from "./legacy-completions.ts";
import { type Prompt, promptTokens } from "./prompt.ts";
import { isSignedForAws, providerKey, type SignedRequest, type TokenIssuer, withFirstKeys } from "./provider-access.ts";
import { readAnthropic } from "./read-anthropic.ts";
import { readBedrock } from "./read-bedrock.ts";
import { readCohere } from "./read-cohere.ts";
import { readGemini } from "./read-gemini.ts";
import { readOpenAi } from "./read-openai.ts";
import { readResponses } from "./read-responses.ts";
import type { ReplyContext, WireReply } from "./stream-event.ts";
import { GEMINI_TASK, TASK_PATHS } from "./tasks.ts";
import {
  anthropicError,
  bedrockError,
  cohereError,
  geminiError,
  openAiError,
  VendorRefusal,
  type WireName,
} from "./vendor-errors.ts";
import { writeAnthropic } from "./write-anthropic.ts";
import { writeBedrock } from "./write-bedrock.ts";
import { writeCohere } from "./write-cohere.ts";
import { writeGemini } from "./write-gemini.ts";
import { writeOpenAi } from "./write-openai.ts";
import { writeResponses } from "./write-responses.ts";

/** Where a request went: `/{provider}/{the vendor's own path}`. */
export interface VendorRoute {
  readonly provider: string;
  readonly wire: WireName;
  readonly operation: "generate" | "count-tokens" | "list-models" | "issue-token" | "task";
  /** Which of OpenAI's endpoints, on its wire. */
  readonly api: "chat" | "responses" | "completions";
  /** Where it is named in the path, null elsewhere. */
  readonly model: string | null;
  readonly stream: boolean | null;
}

const WIRES: Readonly<Record<string, WireName>> = {
  anthropic: "anthropic",
  "google-ai-studio": "gemini",
  cohere: "cohere",
  bedrock: "bedrock",
};
/** Where Google's service accounts get their tokens. */
export const TOKEN_PATH = "/google-oauth/v1/token";

/** Formats that a vendor speaks beside its first: its path tells which. */
const SPEAKS_ANTHROPIC = /^(?:deepseek|fireworks|minimax|moonshot|openrouter|vercel-ai-gateway|xiaomi|zai)$/;

const VENDOR_PATH = new RegExp(
  `^/([^/]+)/(?:.+/)?(chat/completions|(?<!chat/)completions|responses|messages(?:/count_tokens)?|models(?:/.+)?|${TASK_PATHS})$`,
);
const TASK_PATH = new RegExp(`^(?:${TASK_PATHS})$`);

/** The route of a path, or null where the vendor has none. What stands before the last part is the vendor's own base. */
export function routeOf(path: string): VendorRoute | null {
  const own = ownRouteOf(path);
  if (own !== undefined) return own;
  const match = VENDOR_PATH.exec(path);
  const provider = match?.[1];
  const rest = match?.[2];
  if (provider === undefined || rest === undefined) return null;
  const first = WIRES[provider] ?? "openai";
  const wire = rest.startsWith("messages") && SPEAKS_ANTHROPIC.test(provider) ? "anthropic" : first;
  const api = rest === "responses" || rest === "completions" ? rest : "chat";
  const route = (operation: VendorRoute["operation"], model: string | null = null, stream: boolean | null = null) =>
    ({ provider, wire, operation, api, model, stream }) as const;
  if (rest === "models") return route("list-models");
  if (wire === "openai" && TASK_PATH.test(rest)) return route("task");
  if (wire === "openai") return rest === "chat/completions" || api !== "chat" ? route("generate") : null;
  if (wire === "anthropic") {
    if (rest === "messages/count_tokens") return route("count-tokens");
    return rest === "messages" ? route("generate") : null;
  }
  const task = wire === "gemini" ? GEMINI_TASK.exec(rest) : null;
  if (task !== null) return route("task", decodeURIComponent(task[1] ?? ""), false);
  const call = /^models\/([^:]+):(generateContent|streamGenerateContent|countTokens)$/.exec(rest);
  const model = decodeURIComponent(call?.[1] ?? "");
  if (call?.[2] === "countTokens") return route("count-tokens", model, false);
  return call === null ? null : route("generate", model, call[2] === "streamGenerateContent");
}

/** Those whose paths are like nobody else's; undefined for the others. */
function ownRouteOf(path: string): VendorRoute | null | undefined {
  const generates = { operation: "generate", api: "chat", model: null, stream: null } as const;
  if (path === TOKEN_PATH) return { ...generates, provider: "google-oauth", wire: "gemini", operation: "issue-token" };
  const vertex = /^\/google-vertex\/(?:.+\/)?((?:publishers|endpoints)\/.+)$/.exec(path)?.[1];
  if (vertex !== undefined) return vertexRouteOf(vertex);
  if (/^\/cohere\/(?:.+\/)?chat$/.test(path)) return { ...generates, provider: "cohere", wire: "cohere" };
  const [, escaped = "", method] = /^\/bedrock\/(?:.+\/)?model\/([^/]+)\/(converse|converse-stream)$/.exec(path) ?? [];
  if (method === undefined) return undefined;
  const model = decodeURIComponent(escaped);
  return { ...generates, provider: "bedrock", wire: "bedrock", model, stream: method === "converse-stream" };
}

/** On Vertex every maker's models have a place and a format of their own. */
function vertexRouteOf(rest: string): VendorRoute | null {
  const route = { provider: "google-vertex", operation: "generate", api: "chat", model: null, stream: null } as const;
  if (rest === "endpoints/openapi/chat/completions") return { ...route, wire: "openai" };
  const call = /^publishers\/(google|anthropic)\/models\/([^:/]+):(\w+)$/.exec(rest);
  const [, publisher, escaped = "", method = ""] = call ?? [];
  const model = decodeURIComponent(escaped);
  if (publisher === "google" && /^(?:stream)?generateContent$/i.test(method)) {
    return { ...route, wire: "gemini", model, stream: method === "streamGenerateContent" };
  }
  if (publisher !== "anthropic" || !/^(?:stream)?rawPredict$/i.test(method)) return null;
  if (model === "count-tokens") return { ...route, wire: "anthropic", operation: "count-tokens" };
  return { ...route, wire: "anthropic", model, stream: method === "streamRawPredict" };
}

/** A key of somebody else's account at the provider, accepted where keys travel as bearer tokens. */
export function customerKey(provider: string): string {
  return `customers-own-key-of-${provider}`;
}

/** Servers of OpenAI's format that take their key elsewhere than in `Authorization`. */
const OPENAI_KEY_HEADERS: Readonly<Record<string, string>> = {
  portkey: "x-portkey-api-key",
  "azure-openai": "api-key",
};

function acceptedKeys({ provider }: VendorRoute): readonly unknown[] {
  const scheme = OPENAI_KEY_HEADERS[provider] === undefined ? "Bearer " : "";
  return [providerKey(provider), customerKey(provider)].map((key) => `${scheme}${key}`);
}

/** @throws VendorRefusal when the credential is not the provider's, as each vendor says it */
export function checkCredential(route: VendorRoute, request: SignedRequest, issuer: TokenIssuer): void {
  const headers = withFirstKeys(request.headers);
  if (route.provider === "ollama") return;
  if (route.provider === "google-vertex") {
    if (issuer.accepts(headers.authorization)) return;
    throw new VendorRefusal(geminiError(401, "UNAUTHENTICATED", "Request had invalid authentication credentials."));
  }
  if (route.wire === "bedrock") {
    if (isSignedForAws(request)) return;
    throw new VendorRefusal(bedrockError(403, "The security token included in the request is invalid."));
  }
  const expected = providerKey(route.provider);
  if (route.wire === "anthropic") {
    // The SDK sends a bearer token from version 1 on; both are taken.
    if (headers["x-api-key"] !== expected && headers.authorization !== `Bearer ${expected}`) {
      throw new VendorRefusal(anthropicError(401, "authentication_error", "invalid x-api-key"));
    }
    if (headers["anthropic-version"] === undefined) {
      throw new VendorRefusal(anthropicError(400, "invalid_request_error", "anthropic-version: header is required"));
    }
  } else if (route.wire === "gemini") {
    // Google answers a wrong key with 400, not with 401.
    if (headers["x-goog-api-key"] !== expected) {
      const details = [{ "@type": "type.googleapis.com/google.rpc.ErrorInfo", reason: "API_KEY_INVALID" }];
      throw new VendorRefusal(geminiError(400, "INVALID_ARGUMENT", "API key not valid.", details));
    }
  } else if (route.wire === "cohere") {
    if (headers.authorization !== `Bearer ${expected}`) throw new VendorRefusal(cohereError(401, "invalid api token"));
  } else if (
    !acceptedKeys(route).includes(headers[OPENAI_KEY_HEADERS[route.provider] ?? ""] ?? headers.authorization)
  ) {
    throw new VendorRefusal(openAiError(401, "Incorrect API key provided.", { code: "invalid_api_key" }));
  }
}

/** @throws VendorRefusal for a request that the vendor refuses */
export function readPrompt(route: VendorRoute, body: JsonObject, seenPrefixes: Set<string>): Prompt {
  if (route.wire === "cohere") return readCohere(body);
  if (route.wire === "bedrock") return readBedrock(body, route.model ?? "", route.stream === true, seenPrefixes);
  if (route.provider === "google-vertex" && route.wire === "anthropic") {
    return readAnthropic(vertexBody(route, body), seenPrefixes, route.operation === "count-tokens");
  }
  if (route.wire === "anthropic") return readAnthropic(body, seenPrefixes, route.operation === "count-tokens");
  if (route.wire === "gemini") return readGemini(body, route.model ?? "", route.stream === true);
  if (route.api === "completions") return readCompletion(body);
  return route.api === "responses" ? readResponses(body) : readOpenAi(body, route.provider);
}

/** Anthropic's body as Vertex wants it, back in Anthropic's own form. */
function vertexBody(route: VendorRoute, body: JsonObject): JsonObject {
  const { anthropic_version: version, ...rest } = body;
  const refuse = (message: string) => new VendorRefusal(anthropicError(400, "invalid_request_error", message));
  if (version !== "vertex-2023-10-16") throw refuse('anthropic_version: Field required: "vertex-2023-10-16"');
  if (route.operation === "count-tokens") return rest;
  if ("model" in rest) throw refuse("model: Extra inputs are not permitted");
  if ((rest["stream"] === true) !== route.stream) throw refuse("stream: does not fit the method");
  return { ...rest, model: route.model ?? "" };
}

export function writeReply(
  route: VendorRoute,
  prompt: Prompt,
  body: JsonObject,
  behaviour: Behaviour,
  sequence: number,
): WireReply {
  const context: ReplyContext = { provider: route.provider, sequence, usage: behaviour.usage ?? { kind: "true" } };
  const decided = decide(prompt, behaviour.text ?? null);
  if (route.wire === "anthropic") return writeAnthropic(prompt, decided, context);
  if (route.wire === "gemini") return writeGemini(prompt, decided, context);
  if (route.wire === "cohere") return writeCohere(prompt, decided, context);
  if (route.wire === "bedrock") return writeBedrock(decided, context);
  if (route.api === "responses") return writeResponses(prompt, decided, context, body);
  const includeUsage = objectAt(body["stream_options"])["include_usage"] === true;
  if (route.api === "completions") return writeCompletion(prompt, decided, context, includeUsage);
  return writeOpenAi(prompt, decided, context, includeUsage);
}

export function countTokensReply(route: VendorRoute, prompt: Prompt): string {
  const tokens = promptTokens(prompt);
  if (route.wire === "gemini") return JSON.stringify({ totalTokens: tokens }, null, 2);
  return JSON.stringify({ input_tokens: tokens });
}

const LISTED_MODELS: Readonly<Record<WireName, readonly string[]>> = {
  openai: ["gpt-4o-mini", "gpt-4o", "gpt-5-mini"],
  anthropic: ["claude-sonnet-4-6", "claude-haiku-4-5-20251001"],
  gemini: ["gemini-2.5-flash", "gemini-2.5-pro"],
  cohere: [],
  bedrock: [],
};

export function modelListReply({ wire }: VendorRoute): string {
  const ids = LISTED_MODELS[wire];
  if (wire === "gemini") return JSON.stringify({ models: ids.map((id) => ({ name: `models/${id}` })) }, null, 2);
  if (wire === "openai") {
    const data = ids.map((id) => ({ id, object: "model", created: 1_715_367_049, owned_by: "system" }));
    return JSON.stringify({ object: "list", data });
  }
  const data = ids.map((id) => ({ type: "model", id, display_name: id, created_at: "2025-09-29T00:00:00Z" }));
  return JSON.stringify({ data, has_more: false, first_id: ids[0] ?? null, last_id: ids.at(-1) ?? null });
}
