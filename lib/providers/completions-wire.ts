import { createCompletionDecoder, decodeCompletion } from "../protocol/completions/decode.ts";
import { decodeFailure, passedThrough } from "./openai-wire.ts";
import type { WireFormat } from "./wire-format.ts";

/** OpenAI's completions of before chat: what a provider speaks beside chat, and is asked in by clients of that format alone. */
export const completionsWire: WireFormat = {
  name: "completions",
  passesThrough: "completions",
  authorization: "bearer",
  encode(input) {
    if (input.call.format !== "completions") throw new Error("A chat is not asked for as a completion.");
    const { body, ignoredParameters } = passedThrough(input);
    const headers = { "content-type": "application/json", ...input.provider.headers };
    return { request: { method: "POST", url: `${input.baseUrl}/completions`, headers, body }, ignoredParameters };
  },
  createStreamDecoder: createCompletionDecoder,
  decodeReply: decodeCompletion,
  decodeFailure,
  countTokens: null,
};
