import type { UpstreamBody } from "../ports/upstream.ts";
import type { ChatEvent } from "../protocol/chat-event.ts";
import { createSseParser, type FrameParser, type SseFrame } from "../protocol/sse/sse-parser.ts";
import type { StreamDecoder } from "../providers/wire-format.ts";

/** One frame of a provider's stream with the events that it stands for. */
export interface DecodedFrame {
  readonly frame: SseFrame;
  readonly events: readonly ChatEvent[];
}

/** A provider's stream as batches of decoded frames: one batch for each piece that the network brought. */
export class ProviderStream {
  readonly #body: UpstreamBody;
  readonly #bytes: AsyncIterator<Uint8Array>;
  readonly #parser: FrameParser;
  readonly #decoder: StreamDecoder;
  #ended = false;

  /** @param parser cuts the bytes into frames */
  constructor(body: UpstreamBody, decoder: StreamDecoder, parser: FrameParser = createSseParser()) {
    this.#body = body;
    this.#bytes = body[Symbol.asyncIterator]();
    this.#decoder = decoder;
    this.#parser = parser;
  }

  /**
   * The next batch (possibly empty), or null after the last.
   * Rejects when the connection fails or is aborted; the reason is then the abort's.
   */
  async next(): Promise<readonly DecodedFrame[] | null> {
    if (this.#ended) return null;
    const piece = await this.#bytes.next();
    if (piece.done === true) {
      this.#ended = true;
      return this.#decode(this.#parser.end());
    }
    const frames = this.#parser.push(piece.value);
    if (this.#parser.overflowed) throw new Error("The provider sent an event past the size cap, or none.");
    return this.#decode(frames);
  }

  /**
   * For a reply that is complete: reads what the provider still sends, which is next to nothing, so that its connection can
   * be used again. Never rejects.
   */
  async drain(): Promise<void> {
    if (this.#ended) return;
    try {
      while ((await this.#bytes.next()).done !== true);
    } catch {
      // The reply was whole all the same.
    }
    this.#ended = true;
  }

  cancel(): void {
    this.#ended = true;
    this.#body.cancel();
  }

  #decode(frames: readonly SseFrame[]): readonly DecodedFrame[] {
    return frames.map((frame) => ({ frame, events: this.#decoder.push(frame) }));
  }
}
