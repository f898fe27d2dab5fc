import type { ChatEvent } from "../chat-event.ts";
import type { ReplyContext } from "../client-format.ts";
import type { JsonValue } from "../json.ts";
import type { Usage } from "../usage.ts";
import { chatCompletionId, extraContent, finishReason, nativeReason } from "./encode-stream.ts";
import { usageJson } from "./usage-json.ts";

interface CallSoFar {
  readonly id: string;
  readonly name: string;
  readonly signature: string | undefined;
  argumentsJson: string;
}

interface ChoiceSoFar {
  content: string;
  hasContent: boolean;
  refusal: string;
  reasoning: string;
  readonly details: Record<string, JsonValue>[];
  readonly calls: CallSoFar[];
  readonly annotations: JsonValue[];
  logprobs: JsonValue[];
  finish: (ChatEvent & { kind: "finish" }) | null;
}

/** A whole reply as a chat completion. */
export function encodeChatReply(events: readonly ChatEvent[], usage: Usage, context: ReplyContext): string {
  let id = `chatcmpl-${context.generationId}`;
  const choices: ChoiceSoFar[] = [];
  const choiceAt = (index: number): ChoiceSoFar => {
    const existing = choices[index];
    if (existing !== undefined) return existing;
    const fresh: ChoiceSoFar = {
      content: "", hasContent: false, refusal: "", reasoning: "", details: [], calls: [], annotations: [], logprobs: [], finish: null,
    }; // biome-ignore format: one empty choice
    choices[index] = fresh;
    return fresh;
  };
  for (const event of events) {
    if (event.kind === "start" && event.id !== null) id = chatCompletionId(event.id);
    else if ("choice" in event) collect(choiceAt(event.choice), event);
  }
  if (choices.length === 0) choiceAt(0);
  // A provider may have left out an index: there is no choice then, rather than a hole in the list.
  const body = choices.flatMap((choice, index) => [JSON.stringify(choiceJson(choice, index))]);
  return (
    `{"id":${JSON.stringify(id)},"object":"chat.completion","created":${context.createdSeconds},` +
    `"model":${JSON.stringify(context.model)},"choices":[${body.join(",")}],` +
    `"usage":${usageJson(usage, context.costOf(usage))}}`
  );
}

function collect(choice: ChoiceSoFar, event: ChatEvent & { readonly choice: number }): void {
  switch (event.kind) {
    case "text":
      choice.content += event.text;
      choice.hasContent = true;
      collectLogprobs(choice, event.logprobs);
      return;
    case "refusal":
      choice.refusal += event.text;
      return;
    case "reasoning": {
      choice.reasoning += event.text;
      const last = choice.details.at(-1);
      if (last === undefined || last["type"] !== "reasoning.text" || "signature" in last) {
        choice.details.push({ type: "reasoning.text", text: event.text, index: choice.details.length });
      } else last["text"] = `${last["text"]}${event.text}`;
      return;
    }
    case "reasoning-signature": {
      const last = choice.details.at(-1);
      if (last !== undefined && last["type"] === "reasoning.text" && !("signature" in last)) {
        last["signature"] = event.signature;
      } else
        choice.details.push({
          type: "reasoning.text",
          text: "",
          signature: event.signature,
          index: choice.details.length,
        });
      return;
    }
    case "reasoning-redacted":
      choice.details.push({ type: "reasoning.encrypted", data: event.data, index: choice.details.length });
      return;
    case "tool-start":
      choice.calls[event.tool] = { id: event.id, name: event.name, signature: event.signature, argumentsJson: "" };
      return;
    case "tool-arguments": {
      const call = choice.calls[event.tool];
      if (call !== undefined) call.argumentsJson += event.json;
      return;
    }
    case "citation":
      choice.annotations.push(event.citation);
      return;
    case "opaque":
      return;
    case "finish":
      choice.finish = event;
      return;
  }
}

/** Each text event carries `{content: [...]}` of its own tokens; the reply has them in one list. */
function collectLogprobs(choice: ChoiceSoFar, logprobs: JsonValue | undefined): void {
  if (typeof logprobs !== "object" || logprobs === null || Array.isArray(logprobs)) return;
  const content = Reflect.get(logprobs, "content");
  if (Array.isArray(content)) choice.logprobs.push(...content);
}

function choiceJson(choice: ChoiceSoFar, index: number): Record<string, unknown> {
  const calls = choice.calls.filter((call) => call !== undefined);
  const message = {
    role: "assistant",
    content: choice.hasContent || calls.length === 0 ? choice.content : null,
    refusal: choice.refusal === "" ? null : choice.refusal,
    ...(choice.reasoning === "" ? {} : { reasoning: choice.reasoning, reasoning_content: choice.reasoning }),
    ...(choice.details.length === 0 ? {} : { reasoning_details: choice.details }),
    ...(calls.length === 0
      ? {}
      : {
          tool_calls: calls.map((call) => ({
            id: call.id,
            type: "function",
            function: { name: call.name, arguments: call.argumentsJson === "" ? "{}" : call.argumentsJson },
            ...extraContent(call.signature),
          })),
        }),
    ...(choice.annotations.length === 0 ? {} : { annotations: choice.annotations }),
  };
  return {
    index,
    message,
    logprobs: choice.logprobs.length === 0 ? null : { content: choice.logprobs, refusal: null },
    finish_reason: finishReason(choice.finish?.reason ?? "stop"),
    ...nativeReason(choice.finish?.nativeReason ?? null),
  };
}
