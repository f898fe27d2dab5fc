import { GatewayError } from "../../lib/errors/gateway-error.ts";
import { type Clock, withDeadline } from "../../lib/ports/clock.ts";

/** A body that takes longer to arrive is given up (B39). */
const BODY_TIMEOUT_MS = 30_000;

/** Holds no state between calls: it is never used in streaming mode. */
const UTF8 = new TextDecoder("utf-8", { fatal: true });

/**
 * Reads a JSON body as text: its headers are checked first, its bytes are counted as they arrive, and it must be UTF-8.
 * @throws GatewayError `unsupported_media_type`, `unsupported_charset`, `unsupported_encoding`, `body_too_large`,
 *   `empty_body`, `invalid_encoding`, `request_timeout`, `invalid_request` when it breaks off
 */
export async function readJsonText(request: Request, clock: Clock, maxBytes: number): Promise<string> {
  assertJson(request.headers);
  const bytes = await readBytes(request, clock, maxBytes);
  if (bytes.byteLength === 0) throw new GatewayError("empty_body", "The body is empty; send a JSON object.");
  try {
    return UTF8.decode(bytes);
  } catch {
    throw new GatewayError("invalid_encoding", "The body is not valid UTF-8.");
  }
}

/**
 * A form's bytes as they arrive: its headers are checked at once, its bytes counted as they are read (K29).
 * @throws GatewayError `unsupported_media_type`, `unsupported_encoding`, `body_too_large`; while read also
 *   `request_timeout` when nothing comes for too long and `invalid_request` when it breaks off
 */
export function openUpload(request: Request, clock: Clock, maxBytes: number): Upload {
  const contentType = request.headers.get("content-type") ?? "";
  if (!/^multipart\/form-data\s*(?:;|$)/i.test(contentType)) {
    throw new GatewayError(
      "unsupported_media_type",
      "Send the body as 'Content-Type: multipart/form-data' with a boundary.",
    );
  }
  assertPlain(request.headers);
  const stated = statedLength(request.headers, maxBytes);
  return { contentType, mostBytes: stated ?? maxBytes, bytes: arriving(request, clock, maxBytes) };
}

interface Upload {
  readonly contentType: string;
  /** It cannot be larger: what was stated, else what is allowed. */
  readonly mostBytes: number;
  readonly bytes: AsyncIterable<Uint8Array>;
}

async function* arriving(request: Request, clock: Clock, maxBytes: number): AsyncGenerator<Uint8Array> {
  const reader = request.body?.getReader();
  if (reader === undefined) return;
  let length = 0;
  let whole = false;
  const late = () => new GatewayError("request_timeout", "The body did not arrive in time.");
  try {
    for (;;) {
      const { done, value } = await withDeadline(clock, reader.read().catch(brokeOff), BODY_TIMEOUT_MS, late);
      whole = done;
      if (done) return;
      length += value.byteLength;
      if (length > maxBytes) throw tooLarge(maxBytes);
      yield value;
    }
  } finally {
    // Not waited for: the refusal must not depend on what the client still sends.
    if (!whole) reader.cancel().catch(() => {});
  }
}

function assertJson(headers: Headers): void {
  const contentType = headers.get("content-type");
  // What nearly every client sends, compared before anything is taken apart.
  if (contentType !== "application/json") assertJsonType(contentType);
  assertPlain(headers);
}

function assertPlain(headers: Headers): void {
  const encoding = headers.get("content-encoding");
  if (encoding !== null && encoding !== "" && encoding.toLowerCase() !== "identity") {
    throw new GatewayError("unsupported_encoding", "Compressed bodies are not accepted; leave Content-Encoding out.");
  }
}

function assertJsonType(contentType: string | null): void {
  const [mediaType = "", ...parameters] = (contentType ?? "").slice(0, 256).toLowerCase().split(";");
  if (mediaType.trim() !== "application/json") {
    throw new GatewayError("unsupported_media_type", "Send the body as 'Content-Type: application/json'.");
  }
  for (const parameter of parameters) {
    const [name = "", value = ""] = parameter.split("=");
    const charset = value.trim().replaceAll('"', "");
    if (name.trim() === "charset" && charset !== "utf-8" && charset !== "utf8" && charset !== "us-ascii") {
      throw new GatewayError("unsupported_charset", "The body must be UTF-8.");
    }
  }
}

async function readBytes(request: Request, clock: Clock, maxBytes: number): Promise<Uint8Array> {
  const stated = statedLength(request.headers, maxBytes);
  const late = Promise.withResolvers<never>();
  const cancelTimer = clock.schedule(BODY_TIMEOUT_MS, () =>
    late.reject(new GatewayError("request_timeout", "The body did not arrive in time.")),
  );
  try {
    const reading = stated === null ? readCounting(request, maxBytes) : readStated(request, stated, maxBytes);
    return await Promise.race([reading, late.promise]);
  } finally {
    cancelTimer();
  }
}

function statedLength(headers: Headers, maxBytes: number): number | null {
  const header = headers.get("content-length");
  if (header === null) return null;
  const length = Number(header);
  if (!Number.isSafeInteger(length) || length < 0) {
    throw new GatewayError("invalid_request", "Content-Length is not a length.", { param: "content-length" });
  }
  if (length > maxBytes) throw tooLarge(maxBytes);
  return length;
}

/**
 * A body of a stated length is framed by it, so it can be taken in one piece, which is the fast way in every runtime.
 * It is measured all the same.
 */
async function readStated(request: Request, stated: number, maxBytes: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(await request.arrayBuffer().catch(brokeOff));
  if (bytes.byteLength > maxBytes) throw tooLarge(maxBytes);
  if (bytes.byteLength !== stated) {
    throw new GatewayError("invalid_request", "The body is not as long as its Content-Length.", {
      param: "content-length",
    });
  }
  return bytes;
}

async function readCounting(request: Request, maxBytes: number): Promise<Uint8Array> {
  const reader = request.body?.getReader();
  if (reader === undefined) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read().catch(brokeOff);
    if (done) break;
    length += value.byteLength;
    if (length > maxBytes) {
      // Not waited for: the refusal must not depend on what the client still sends.
      reader.cancel().catch(() => {});
      throw tooLarge(maxBytes);
    }
    chunks.push(value);
  }
  return concatenate(chunks, length);
}

function concatenate(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const [only] = chunks;
  if (only !== undefined && chunks.length === 1) return only;
  const bytes = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return bytes;
}

function brokeOff(cause: unknown): never {
  throw new GatewayError("invalid_request", "The body broke off before its end.", { cause });
}

function tooLarge(maxBytes: number): GatewayError {
  return new GatewayError("body_too_large", `The body is larger than ${maxBytes} bytes.`);
}
