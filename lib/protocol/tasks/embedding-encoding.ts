import { isJsonObject, type JsonObject, type JsonValue } from "../json.ts";

type Encoding = "float" | "base64";

/**
 * An embeddings reply in the encoding that its client reads. OpenAI's own client asks for base64 unasked and decodes
 * whatever comes as such; many servers ignore `encoding_format` and send numbers all the same.
 * @returns `text` itself where it is right already
 */
export function asEncoded(text: string, body: JsonObject, wanted: Encoding): string {
  const data = Array.isArray(body["data"]) ? body["data"] : [];
  if (data.every((item: JsonValue) => isJsonObject(item) && isEncoded(item["embedding"], wanted))) return text;
  const encoded = data.map((item: JsonValue) =>
    isJsonObject(item) ? { ...item, embedding: encode(item["embedding"], wanted) } : item,
  );
  return JSON.stringify({ ...body, data: encoded });
}

function isEncoded(embedding: JsonValue | undefined, wanted: Encoding): boolean {
  return (typeof embedding === "string") === (wanted === "base64");
}

function encode(embedding: JsonValue | undefined, wanted: Encoding): JsonValue | undefined {
  if (wanted === "base64" && Array.isArray(embedding)) return toBase64(embedding.map(Number));
  return wanted === "float" && typeof embedding === "string" ? fromBase64(embedding) : embedding;
}

const BYTES_PER_FLOAT = 4;
/** So many characters at a time: a call may only have so many arguments. */
const CHUNK = 8_192;

/** Little-endian 32-bit floats, as OpenAI sends them. */
function toBase64(values: readonly number[]): string {
  const view = new DataView(new ArrayBuffer(values.length * BYTES_PER_FLOAT));
  for (const [index, value] of values.entries()) view.setFloat32(index * BYTES_PER_FLOAT, value, true);
  const bytes = new Uint8Array(view.buffer);
  let binary = "";
  for (let at = 0; at < bytes.length; at += CHUNK) binary += String.fromCharCode(...bytes.subarray(at, at + CHUNK));
  return btoa(binary);
}

function fromBase64(text: string): readonly number[] {
  const binary = atob(text);
  const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  const values: number[] = [];
  for (let at = 0; at + BYTES_PER_FLOAT <= bytes.length; at += BYTES_PER_FLOAT) values.push(view.getFloat32(at, true));
  return values;
}
