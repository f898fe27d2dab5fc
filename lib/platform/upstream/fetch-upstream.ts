import type { CallUpstream, UpstreamBody } from "../../ports/upstream.ts";
import { cappedText } from "./capped-text.ts";

/** Outgoing calls over `fetch`: workerd and Vercel's edge runtime, where it is the way out. */
export function createFetchUpstream(fetch: typeof globalThis.fetch): CallUpstream {
  return async (request, signal) => {
    const { method, url, headers, body } = request;
    const options = { method, headers, redirect: "manual", signal } as const;
    const init: RequestInit & { readonly duplex?: "half" } =
      body === null || typeof body === "string"
        ? { ...options, body }
        : { ...options, body: streamOf(body), duplex: "half" };
    const response = await fetch(url, init);
    return { status: response.status, header: (name) => response.headers.get(name), body: bodyOf(response.body) };
  };
}

/** No more is read than the other side takes. */
function streamOf(pieces: AsyncIterable<Uint8Array>): ReadableStream<Uint8Array> {
  const iterator = pieces[Symbol.asyncIterator]();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const piece = await iterator.next();
        if (piece.done === true) controller.close();
        else controller.enqueue(piece.value);
      },
      async cancel() {
        await iterator.return?.();
      },
    },
    { highWaterMark: 0 },
  );
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
