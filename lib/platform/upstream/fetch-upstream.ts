import type { CallUpstream, UpstreamBody } from "../../ports/upstream.ts";
import { cappedText } from "./capped-text.ts";

/** Outgoing calls over `fetch`: workerd and Vercel's edge runtime, where it is the way out. */
export function createFetchUpstream(fetch: typeof globalThis.fetch): CallUpstream {
  return async (request, signal) => {
    const response = await fetch(request.url, {
      method: request.method,
      headers: request.headers,
      body: request.body,
      redirect: "manual",
      signal,
    });
    return { status: response.status, header: (name) => response.headers.get(name), body: bodyOf(response.body) };
  };
}

function bodyOf(stream: ReadableStream<Uint8Array> | null): UpstreamBody {
  const reader = stream?.getReader() ?? null;
  const cancel = () => {
    // A stream that has ended or failed already refuses to be cancelled; that is as good.
    void reader?.cancel().catch(() => {});
  };
  const pieces: AsyncIterable<Uint8Array> = {
    [Symbol.asyncIterator]: () => ({
      next: async () => {
        const piece = await reader?.read();
        return piece === undefined || piece.done
          ? { done: true, value: undefined }
          : { done: false, value: piece.value };
      },
      return: async () => {
        cancel();
        return { done: true, value: undefined };
      },
    }),
  };
  return { ...pieces, text: (maxBytes) => cappedText(pieces, maxBytes, cancel), cancel };
}
