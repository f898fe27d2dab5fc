import type { InferenceReply } from "../../lib/inference/inference-call.ts";
import type { ClientStream } from "../../lib/ports/client-stream.ts";
import type { Ports } from "../../lib/ports/ports.ts";

/** A reply on its way out, with what the runtime's own way of sending it needs. */
interface Outgoing {
  readonly request: Request;
  readonly ports: Ports;
  /** The runtime's bindings of this request, as Hono has them. */
  readonly bindings: unknown;
}

/** Sends a reply of the pipeline. A runtime may have a faster way than a `Response` with a web stream. */
export type SendReply = (reply: InferenceReply, outgoing: Outgoing) => Response;

export const sendWebReply: SendReply = ({ status, headers, body }, { request }) =>
  new Response(typeof body === "string" ? body : bodyOf(body, request.signal), { status, headers });

/** `stream` as a response body. `signal` tells of a client's leaving where cancelling the body does not (workerd). */
function bodyOf(stream: ClientStream, signal: AbortSignal): ReadableStream<Uint8Array> {
  signal.addEventListener("abort", () => stream.leave(), { once: true });
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const bytes = await stream.next();
        if (bytes === null) controller.close();
        else controller.enqueue(bytes);
      },
      cancel: () => stream.leave(),
    },
    { highWaterMark: 0 },
  );
}
