/** How the pieces of a stream are put onto the wire. */
export interface Framing {
  /** One response of the stream, JSON. */
  piece(json: string): string;
  end(): string;
}

/** `alt=sse`: server-sent events with Google's line ends, and no marker after the last. */
export function sseFraming(): Framing {
  return { piece: (json) => `data: ${json}\r\n\r\n`, end: () => "" };
}

/** Google's default: one JSON list that grows. */
export function listFraming(): Framing {
  let begun = false;
  return {
    piece(json) {
      const separator = begun ? ",\r\n" : "[";
      begun = true;
      return separator + json;
    },
    end: () => (begun ? "]" : "[]"),
  };
}
