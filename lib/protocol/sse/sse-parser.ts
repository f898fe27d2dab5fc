/** One server-sent event (WHATWG HTML, section 9.2.6): its name, its joined data, and its text as it came. */
export interface SseFrame {
  /** The `event:` field, or "message". */
  readonly event: string;
  /** The `data:` lines joined by a line feed; null for a frame of comments only. */
  readonly data: string | null;
  /** The frame as received, its blank line included: what a passthrough sends on. */
  readonly raw: string;
}
