import { geminiGeneration } from "../protocol/gemini/thinking-config.ts";
import { anthropicWire, createAnthropicWire } from "./anthropic-wire.ts";
import { encodeGeminiCount, encodeGeminiRequest, geminiWire } from "./gemini-wire.ts";
import type { ProviderFailure, WireFormat } from "./wire-format.ts";

/** From here on Vertex knows ids of tool calls; earlier models refuse the field (Vertex's discovery document of 2026-09-21). */
const FIRST_WITH_CALL_IDS = 3;

/** Gemini on Vertex: generateContent below the publisher's path. */
export const vertexGeminiWire: WireFormat = {
  ...geminiWire,
  name: "vertex-gemini",
  authorization: "google-service-account",
  encode: (input) => {
    const takesCallIds = (geminiGeneration(input.nativeModel) ?? 0) >= FIRST_WITH_CALL_IDS;
    return encodeGeminiRequest(atPublisher(input), takesCallIds);
  },
  countTokens: {
    decodeReply: (body) => geminiWire.countTokens?.decodeReply(body) ?? null,
    encode: (input) => encodeGeminiCount(atPublisher(input)),
  },
};

function atPublisher<Input extends { readonly baseUrl: string }>(input: Input): Input {
  return { ...input, baseUrl: `${input.baseUrl}/publishers/google` };
}

/** The version that Vertex wants in the body instead of a header. */
const ANTHROPIC_VERSION = "vertex-2023-10-16";

/**
 * Claude on Vertex: Anthropic's messages, the model in the path and the version in the body
 * (docs.claude.com/en/api/claude-on-vertex-ai, read 2026-11-25).
 */
export const vertexAnthropicWire: WireFormat = {
  ...createAnthropicWire({
    messages: ({ baseUrl, nativeModel }, stream) => ({
      url: `${baseUrl}/publishers/anthropic/models/${modelPath(nativeModel)}:${stream ? "streamRawPredict" : "rawPredict"}`,
      members: { model: null, anthropic_version: ANTHROPIC_VERSION },
      headers: {},
    }),
    countTokens: ({ baseUrl, nativeModel }) => ({
      url: `${baseUrl}/publishers/anthropic/models/count-tokens:rawPredict`,
      members: { model: nativeModel, anthropic_version: ANTHROPIC_VERSION },
      headers: {},
    }),
  }),
  name: "vertex-anthropic",
  authorization: "google-service-account",
  decodeFailure,
};

/** Google writes a version behind an `@`, in its own examples as it is. */
function modelPath(nativeModel: string): string {
  return encodeURIComponent(nativeModel).replaceAll("%40", "@");
}

/** Claude's refusals come in Anthropic's words, Vertex's own in Google's; both have their message in the same place. */
function decodeFailure(status: number, text: string): ProviderFailure {
  const { contextLengthExceeded } = anthropicWire.decodeFailure(status, text);
  const google = geminiWire.decodeFailure(status, text);
  return { ...google, contextLengthExceeded: contextLengthExceeded || google.contextLengthExceeded };
}
