import type { AssistantPart, ChatMessage, ContentPart, MediaSource } from "../../chat-request.ts";
import { isJsonObject, type JsonObject, type JsonValue, objectsOf, stringOf } from "../../json.ts";
import { fieldOf } from "./fields.ts";
import { openPartSignature } from "./part-seal.ts";

/** A conversation of Gemini's as messages. Calls without an id get one, by which their results are found again. */
export function decodeContents(contents: readonly JsonObject[]): readonly ChatMessage[] {
  const calls = new OpenCalls();
  return contents.flatMap((content): readonly ChatMessage[] => {
    const parts = objectsOf(content["parts"]);
    if (content["role"] === "model")
      return [{ role: "assistant", content: parts.flatMap((part) => decodeSaid(part, calls)) }];
    if (content["role"] === "system") return [{ role: "system", content: parts.flatMap(decodePart) }];
    const results = parts.flatMap((part) => decodeResult(part, calls));
    const rest = parts.flatMap(decodePart);
    return rest.length === 0 && results.length > 0 ? results : [...results, { role: "user", content: rest }];
  });
}

/** A part that a user's turn may hold; none for what has a place of its own or nowhere. */
export function decodePart(part: JsonObject): readonly ContentPart[] {
  const inline = fieldOf(part, "inlineData");
  const file = fieldOf(part, "fileData");
  if (isJsonObject(inline)) return [mediaPart(inline)];
  if (isJsonObject(file)) {
    const source: MediaSource = { kind: "url", url: stringOf(fieldOf(file, "fileUri")) };
    const image = stringOf(fieldOf(file, "mimeType")).startsWith("image/");
    return [image ? { kind: "image", source } : { kind: "file", source }];
  }
  const text = stringOf(part["text"]);
  return text === "" ? [] : [{ kind: "text", text }];
}

function mediaPart(inline: JsonObject): ContentPart {
  const mediaType = stringOf(fieldOf(inline, "mimeType"));
  const data = stringOf(inline["data"]);
  const [kind = "", format = ""] = mediaType.split("/");
  if (kind === "audio") return { kind: "audio", data, format };
  const source: MediaSource = { kind: "base64", mediaType, data };
  return kind === "image" ? { kind: "image", source } : { kind: "file", source };
}

function decodeSaid(part: JsonObject, calls: OpenCalls): readonly AssistantPart[] {
  const signature = stringOf(fieldOf(part, "thoughtSignature"));
  const opened = signature === "" ? {} : openPartSignature(signature);
  const call = fieldOf(part, "functionCall");
  if (isJsonObject(call)) {
    const name = stringOf(call["name"]);
    // Google's own stands on the call as Google wrote it; another vendor's belongs to a thought.
    const signed = opened.signature?.startsWith("google:") === true ? { signature } : {};
    const argumentsJson = JSON.stringify(call["args"] ?? {});
    return [{ kind: "tool-call", id: calls.open(name, call["id"]), name, argumentsJson, ...signed }];
  }
  const text = stringOf(part["text"]);
  if (part["thought"] === true) return [{ kind: "reasoning", text, ...opened }];
  const parts: AssistantPart[] = text === "" ? [] : [{ kind: "text", text }];
  if (signature !== "") parts.push({ kind: "reasoning", text: "", ...opened });
  return parts;
}

function decodeResult(part: JsonObject, calls: OpenCalls): readonly ChatMessage[] {
  const result = fieldOf(part, "functionResponse");
  if (!isJsonObject(result)) return [];
  const { response } = result;
  return [
    {
      role: "tool",
      toolCallId: calls.close(stringOf(result["name"]), result["id"]),
      content: [{ kind: "text", text: textOfResult(response) }],
      isError: isJsonObject(response) && response["error"] !== undefined && Object.keys(response).length === 1,
    },
  ];
}

/** `{result: "…"}` and `{output: "…"}` hold a text; anything else is the object itself. */
function textOfResult(response: JsonValue | undefined): string {
  if (!isJsonObject(response)) return stringOf(response);
  const [name, ...more] = Object.keys(response);
  const only =
    name !== undefined && more.length === 0 && ["result", "output", "error"].includes(name) ? response[name] : null;
  return typeof only === "string" ? only : JSON.stringify(response);
}

/** Calls that wait for their results, by name: Gemini tells results apart by their order where there are no ids. */
class OpenCalls {
  readonly #waiting = new Map<string, string[]>();
  #count = 0;

  open(name: string, given: JsonValue | undefined): string {
    this.#count += 1;
    const id = typeof given === "string" && given !== "" ? given : `call_${this.#count}_${name}`;
    this.#waiting.set(name, [...(this.#waiting.get(name) ?? []), id]);
    return id;
  }

  close(name: string, given: JsonValue | undefined): string {
    const waiting = this.#waiting.get(name) ?? [];
    const id = typeof given === "string" && given !== "" ? given : (waiting[0] ?? `call_${name}`);
    this.#waiting.set(
      name,
      waiting.filter((one) => one !== id),
    );
    return id;
  }
}
