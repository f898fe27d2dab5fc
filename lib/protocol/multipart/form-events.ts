import { type MultipartError, make, type PartInfo } from "multipasta";
import { GatewayError } from "../../errors/gateway-error.ts";

/** A part as its head has it. */
export interface PartHead {
  readonly name: string;
  /** Null for a field. */
  readonly filename: string | null;
  /** Null where none was stated that could stand in a header. */
  readonly contentType: string | null;
}

export type FormEvent =
  | { readonly kind: "field"; readonly head: PartHead; readonly value: Uint8Array }
  | { readonly kind: "file"; readonly head: PartHead }
  /** More of the file that was begun last. */
  | { readonly kind: "bytes"; readonly bytes: Uint8Array };

const MAX_PARTS = 100;
const MAX_FIELD_BYTES = 1024 * 1024;
const SAFE_TYPE = /^[\w.+-]{1,64}\/[\w.+-]{1,64}$/;

/**
 * The parts of a form as they arrive (RFC 7578). What is wrong with it is thrown where it is met.
 * @throws GatewayError `invalid_multipart` (B84), and what `bytes` throws
 */
export async function* readFormEvents(
  bytes: AsyncIterable<Uint8Array>,
  contentType: string,
): AsyncGenerator<FormEvent> {
  let waiting: FormEvent[] = [];
  let problem: GatewayError | null = null;
  let done = false;
  const parser = make({
    headers: { "content-type": contentType },
    isFile: ({ filename }) => filename !== undefined,
    maxParts: MAX_PARTS,
    maxFieldSize: MAX_FIELD_BYTES,
    onField: (info, value) => waiting.push({ kind: "field", head: headOf(info), value }),
    onFile: (info) => {
      waiting.push({ kind: "file", head: headOf(info) });
      return (piece) => {
        if (piece !== null && piece.byteLength > 0) waiting.push({ kind: "bytes", bytes: piece });
      };
    },
    onError: (error) => {
      problem ??= invalid(error);
    },
    onDone: () => {
      done = true;
    },
  });
  const guarded = (step: () => void) => {
    try {
      step();
    } catch (cause) {
      problem ??= new GatewayError("invalid_multipart", "A part's head cannot be read.", { cause });
    }
    if (problem !== null) throw problem;
  };
  guarded(() => {});
  for await (const piece of bytes) {
    guarded(() => parser.write(piece));
    if (waiting.length === 0) continue;
    const arrived = waiting;
    waiting = [];
    yield* arrived;
  }
  // What follows the closing boundary means nothing; without that boundary, something is missing.
  if (!done) throw new GatewayError("invalid_multipart", "The form ends before its closing boundary.");
}

function headOf(info: PartInfo): PartHead {
  return {
    name: info.name,
    filename: info.filename ?? null,
    contentType: SAFE_TYPE.test(info.contentType) ? info.contentType : null,
  };
}

function invalid(error: MultipartError): GatewayError {
  switch (error._tag) {
    case "InvalidBoundary":
      return new GatewayError("invalid_multipart", "Content-Type names no boundary.", { param: "content-type" });
    case "ReachedLimit":
      return error.limit === "MaxParts"
        ? new GatewayError("invalid_multipart", `A form may have at most ${MAX_PARTS} parts.`)
        : new GatewayError("invalid_multipart", `A field may have at most ${MAX_FIELD_BYTES} bytes.`);
    case "BadHeaders":
    case "InvalidDisposition":
    case "EndNotReached":
      return new GatewayError("invalid_multipart", "A part's head cannot be read.");
  }
}
