import { type JsonEdit, spliceJson } from "../../protocol/json-splice.ts";
import type { ParsedTask } from "../../protocol/tasks/task.ts";
import { GATEWAY_FIELDS } from "../openai-wire.ts";
import type { ProviderDeclaration } from "../provider-declaration.ts";
import type { EncodedTask, TaskAnswer, TaskWire } from "./task-wire.ts";

/** OpenAI's own endpoints beside chat: what the client sent passes through, with the model's name at this provider. */
export const openAiTaskWire: TaskWire = {
  passesThrough: true,
  refusal: () => null,
  encode({ provider, baseUrl, nativeModel, call }): EncodedTask {
    const url = `${baseUrl}${call.format.path}`;
    const { body, contentType, ignoredParameters } = encodedBody(provider, nativeModel, call);
    return {
      request: { method: "POST", url, headers: { "content-type": contentType, ...provider.headers }, body },
      ignoredParameters,
    };
  },
  decodeReply(body, text, call): TaskAnswer | null {
    const { format } = call;
    if (!format.isReply(body)) return null;
    return { text: format.adapt?.(text, body, call) ?? text, consumed: format.readConsumed(body, call) };
  },
};

interface EncodedBody extends Pick<EncodedTask, "ignoredParameters"> {
  readonly contentType: string;
  readonly body: EncodedTask["request"]["body"];
}

function encodedBody(provider: ProviderDeclaration, nativeModel: string, { payload, format }: ParsedTask): EncodedBody {
  const dropped = [...GATEWAY_FIELDS, ...(provider.dropInTasks?.[format.name] ?? [])];
  if (payload.kind === "form") {
    const { form } = payload;
    const { contentType, bytes } = form.encode({ replace: { model: nativeModel }, drop: dropped });
    return { contentType, body: bytes, ignoredParameters: [] };
  }
  const edits: Record<string, JsonEdit[string]> = { model: JSON.stringify(nativeModel) };
  const present = dropped.filter((field) => field in payload.body);
  for (const field of present) edits[field] = null;
  return {
    contentType: "application/json",
    body: spliceJson(payload.text, edits),
    ignoredParameters: present.filter((field) => !GATEWAY_FIELDS.includes(field)),
  };
}
