import { googleErrorBody } from "../../../errors/error-bodies.ts";
import type { ChatEvent } from "../../chat-event.ts";
import type { ReplyContext, StreamEncoder } from "../../client-format.ts";
import type { JsonObject } from "../../json.ts";
import type { Usage } from "../../usage.ts";
import { CandidateParts } from "./candidates.ts";
import { wantsThoughts } from "./decode-request.ts";
import type { Framing } from "./framing.ts";
import { usageMetadataJson } from "./usage-json.ts";

/** A whole reply as a generateContent response. */
export function encodeGenerateContentReply(events: readonly ChatEvent[], usage: Usage, context: ReplyContext): string {
  const show = wantsThoughts(context.request);
  const candidates: { readonly collected: CandidateParts; readonly parts: JsonObject[] }[] = [];
  const at = (index: number) => {
    candidates[index] ??= { collected: new CandidateParts(show), parts: [] };
    return candidates[index];
  };
  at(0);
  for (const event of events) {
    if (!("choice" in event)) continue;
    const { collected, parts } = at(event.choice);
    const part = collected.push(event);
    if (part !== null) append(parts, part);
  }
  const written = candidates.flatMap(({ collected, parts }, index) => [
    { content: { parts: [...parts, ...collected.calls()], role: "model" }, index, ...collected.end() },
  ]);
  return responseJson({ candidates: written }, usageMetadataJson(usage, context.costOf(usage)), context);
}

/** Text goes on in the part before it; a signature stands with the thought that it signs. */
function append(parts: JsonObject[], part: JsonObject): void {
  const last = parts.at(-1);
  const plain = last !== undefined && last["thoughtSignature"] === undefined && last["functionCall"] === undefined;
  if (plain && last["thought"] === part["thought"]) {
    parts[parts.length - 1] = { ...last, ...part, text: `${last["text"]}${part["text"]}` };
  } else parts.push(part);
}

/** Events as a stream of generateContent responses. */
export function createGenerateContentEncoder(context: ReplyContext, framing: Framing): StreamEncoder {
  const show = wantsThoughts(context.request);
  const candidates: CandidateParts[] = [];
  const at = (index: number) => {
    candidates[index] ??= new CandidateParts(show);
    return candidates[index];
  };
  const piece = (body: JsonObject, usageText: string | null = null) =>
    framing.piece(responseJson(body, usageText, context));
  return {
    push(event) {
      if (!("choice" in event)) return "";
      const part = at(event.choice).push(event);
      return part === null
        ? ""
        : piece({ candidates: [{ content: { parts: [part], role: "model" }, index: event.choice }] });
    },
    finish(usage) {
      at(0);
      const written = candidates.flatMap((collected, index) => {
        const calls = collected.calls();
        const parts = calls.length === 0 ? [{ text: "" }] : calls;
        return [{ content: { parts, role: "model" }, index, ...collected.end() }];
      });
      return piece({ candidates: written }, usageMetadataJson(usage, context.costOf(usage))) + framing.end();
    },
    fail: (error, requestId) => framing.piece(JSON.stringify(googleErrorBody(error, requestId))) + framing.end(),
  };
}

/** @param usageText JSON, or null while it is not known */
function responseJson(body: JsonObject, usageText: string | null, context: ReplyContext): string {
  const tail = { modelVersion: context.model, responseId: context.generationId };
  const text = JSON.stringify({ ...body, ...tail });
  return usageText === null ? text : `${text.slice(0, -1)},"usageMetadata":${usageText}}`;
}
