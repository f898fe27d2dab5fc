import type { ChatEvent } from "../../chat-event.ts";
import { isJsonObject, type JsonObject, type JsonValue, objectsOf, stringOf } from "../../json.ts";
import { sealForPart, signatureForPart } from "./part-seal.ts";

type Part = Record<string, JsonValue>;

interface CallSoFar {
  readonly id: string;
  readonly name: string;
  readonly signature: string | undefined;
  json: string;
}

/** One candidate's parts as they come. A call is a part of its own and whole: calls wait for the candidate's end. */
export class CandidateParts {
  readonly #showThoughts: boolean;
  readonly #calls: CallSoFar[] = [];
  readonly #sources: JsonObject[] = [];
  readonly #logprobs: JsonValue[] = [];
  #finish: (ChatEvent & { readonly kind: "finish" }) | null = null;

  constructor(showThoughts: boolean) {
    this.#showThoughts = showThoughts;
  }

  /** The part that an event stands for, or null. */
  push(event: ChatEvent): Part | null {
    switch (event.kind) {
      case "text":
        if (isJsonObject(event.logprobs)) this.#logprobs.push(...objectsOf(event.logprobs["content"]));
        return event.text === "" ? null : { text: event.text };
      case "refusal":
        return event.text === "" ? null : { text: event.text };
      case "reasoning":
        return event.text === "" || !this.#showThoughts ? null : { text: event.text, thought: true };
      case "reasoning-signature": {
        const thoughtSignature = signatureForPart(event.signature);
        return { text: "", ...(this.#showThoughts ? { thought: true } : {}), thoughtSignature };
      }
      case "reasoning-redacted":
        return { text: "", thought: true, thoughtSignature: sealForPart(event.data) };
      case "tool-start":
        this.#calls[event.tool] = { id: event.id, name: event.name, signature: event.signature, json: "" };
        return null;
      case "tool-arguments": {
        const call = this.#calls[event.tool];
        if (call !== undefined) call.json += event.json;
        return null;
      }
      case "citation":
        this.#sources.push(event.citation);
        return null;
      case "finish":
        this.#finish ??= event;
        return null;
      default:
        return null;
    }
  }

  /** The calls, in their order. */
  calls(): readonly Part[] {
    return this.#calls.flatMap((call) => {
      if (call === undefined) return [];
      const functionCall = { id: call.id, name: call.name, args: argumentsOf(call.json) };
      return [{ functionCall, ...(call.signature === undefined ? {} : { thoughtSignature: call.signature }) }];
    });
  }

  /** What a candidate has beside its parts, once it has ended. */
  end(): JsonObject {
    return {
      finishReason: reasonOf(this.#finish),
      ...(this.#sources.length === 0 ? {} : { groundingMetadata: { groundingChunks: this.#sources.flatMap(chunkOf) } }),
      ...(this.#logprobs.length === 0 ? {} : { logprobsResult: logprobsResultOf(this.#logprobs) }),
    };
  }
}

function argumentsOf(json: string): JsonValue {
  try {
    const value: unknown = JSON.parse(json === "" ? "{}" : json);
    return isJsonObject(value) ? value : { arguments: json };
  } catch {
    return { arguments: json };
  }
}

/** ai.google.dev/api/generate-content#FinishReason (read 2026-11-25). */
function reasonOf(finish: (ChatEvent & { readonly kind: "finish" }) | null): string {
  switch (finish?.reason) {
    case "length":
      return "MAX_TOKENS";
    case "content_filter":
      return "SAFETY";
    case "error":
      return "OTHER";
    default:
      return "STOP";
  }
}

function chunkOf(citation: JsonObject): readonly JsonObject[] {
  const source = isJsonObject(citation["url_citation"]) ? citation["url_citation"] : citation;
  return typeof source["url"] === "string" ? [{ web: { uri: source["url"], title: stringOf(source["title"]) } }] : [];
}

/** OpenAI's log probabilities in Gemini's shape. */
function logprobsResultOf(tokens: readonly JsonValue[]): JsonObject {
  const candidate = (token: JsonObject) => ({ token: token["token"] ?? "", logProbability: token["logprob"] ?? 0 });
  const known = tokens.filter(isJsonObject);
  return {
    chosenCandidates: known.map(candidate),
    topCandidates: known.map((token) => ({ candidates: objectsOf(token["top_logprobs"]).map(candidate) })),
  };
}
