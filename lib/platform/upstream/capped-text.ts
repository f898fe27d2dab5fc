import { UpstreamBodyTooLarge } from "../../ports/upstream.ts";

/** Reads pieces to the end as UTF-8, giving up past `maxBytes`. */
export async function cappedText(
  pieces: AsyncIterable<Uint8Array>,
  maxBytes: number,
  cancel: () => void,
): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for await (const piece of pieces) {
    bytes += piece.byteLength;
    if (bytes > maxBytes) {
      cancel();
      throw new UpstreamBodyTooLarge(`The body is larger than ${maxBytes} bytes.`);
    }
    text += decoder.decode(piece, { stream: true });
  }
  return text + decoder.decode();
}
