import { GatewayError } from "../../lib/errors/gateway-error.ts";

/** Room for what a form is beside its file: boundaries, heads, fields. */
const FORM_BYTES = 64 * 1024;

export interface Upload {
  /** A field's text, or null. */
  field(name: string): string | null;
  readonly file: { readonly name: string; readonly bytes: Uint8Array<ArrayBuffer> } | null;
}

/**
 * Reads a form with one file, `file`. Its bytes are counted as they arrive, whatever its Content-Length says.
 * @throws GatewayError `unsupported_media_type`, `invalid_multipart`, `body_too_large`
 */
export async function readUpload(request: Request, maxFileBytes: number): Promise<Upload> {
  const contentType = request.headers.get("content-type") ?? "";
  if (!/^multipart\/form-data\s*(?:;|$)/i.test(contentType)) {
    throw new GatewayError("unsupported_media_type", "Send the file as 'Content-Type: multipart/form-data'.");
  }
  const maxBytes = maxFileBytes + FORM_BYTES;
  if (Number(request.headers.get("content-length") ?? 0) > maxBytes) throw tooLarge(maxFileBytes);
  let tooMany = false;
  let seen = 0;
  const counted = request.body?.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        seen += chunk.byteLength;
        if (seen <= maxBytes) return controller.enqueue(chunk);
        tooMany = true;
        controller.error(new Error("too many bytes"));
      },
    }),
  );
  let form: FormData;
  try {
    form = await new Response(counted ?? null, { headers: { "content-type": contentType } }).formData();
  } catch (cause) {
    if (tooMany) throw tooLarge(maxFileBytes);
    throw new GatewayError("invalid_multipart", "The form cannot be read: it breaks off, or its boundary is wrong.", {
      cause,
    });
  }
  const file = form.get("file");
  const bytes = file === null || typeof file === "string" ? null : new Uint8Array(await file.arrayBuffer());
  if (bytes !== null && bytes.byteLength > maxFileBytes) throw tooLarge(maxFileBytes);
  return {
    field: (name) => {
      const value = form.get(name);
      return typeof value === "string" ? value : null;
    },
    file: file === null || typeof file === "string" || bytes === null ? null : { name: file.name, bytes },
  };
}

function tooLarge(maxBytes: number): GatewayError {
  return new GatewayError("body_too_large", `A file may have at most ${maxBytes} bytes.`, { param: "file" });
}
