/** What is sent to a client piece by piece. */
export interface ClientStream {
  /** The next bytes, or null after the last. Never rejects. */
  next(): Promise<Uint8Array | null>;
  /** The client has left. */
  leave(): void;
}
