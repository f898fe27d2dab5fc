import { type JsonEdit, spliceJson } from "../../protocol/json-splice.ts";
import type { ParsedTask } from "../../protocol/tasks/task.ts";
import { GATEWAY_FIELDS } from "../openai-wire.ts";
import type { EncodedTask, TaskAnswer, TaskWire } from "./task-wire.ts";

/** OpenAI's own endpoints beside chat: what the client sent passes through, with the model's name at this provider. */
export const openAiTaskWire: TaskWire = {
  passesThrough: true,
  refusal: () => null,
  encode({ provider, baseUrl, nativeModel, call }): EncodedTask {
    const url = `${baseUrl}${call.format.path}`;
    const { body, contentType, ignoredParameters } = encodedBody(nativeModel, call);
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

function encodedBody(nativeModel: string, { payload }: ParsedTask): EncodedBody {
  if (payload.kind === "form") {
    const { contentType, bytes } = payload.form.encode({ replace: { model: nativeModel }, drop: GATEWAY_FIELDS });
    return { contentType, body: bytes, ignoredParameters: [] };
  }
  const edits: Record<string, JsonEdit[string]> = { model: JSON.stringify(nativeModel) };
  for (const field of GATEWAY_FIELDS) if (field in payload.body) edits[field] = null;
  return { contentType: "application/json", body: spliceJson(payload.text, edits), ignoredParameters: [] };
}
