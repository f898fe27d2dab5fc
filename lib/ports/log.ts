/** A log line's fields: numbers, names and ids. Never a prompt, a completion, a key or a provider's body. */
export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>;

export interface Log {
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  /** `error` is written to the operator's log only, never to a client. */
  error(event: string, error: unknown, fields?: LogFields): void;
}
